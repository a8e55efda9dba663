#!/usr/bin/env python3
"""Counts messages and Received fields under some paths, to hold `relaywatch scan` against.

Written without a look at the Rust code's ways: whole files in memory, messages split by a regular expression, header
sections read by Python's own email parser. Knows plain files, mbox and gzip; prints one JSON object.

    tests/scan/count.py PATH.. [--list]      (--list: one line a message with its count, to find a difference)
"""
import email.parser
import email.policy
import gzip
import json
import os
import re
import sys

MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
SEPARATOR = rb"From [^\n]*\b" + MONTH + rb"\b[^\n]*\b\d\d?:\d\d[^\n]*\n"
FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
# a separator stands at the start of the file or behind an empty line
MBOX = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))(?=" + SEPARATOR + rb")")


def files(paths):
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        for folder, folders, names in os.walk(path):
            if "cur" in folders and "new" in folders:
                folders[:] = [name for name in folders if name != "tmp"]
                names = []
            folders.sort()
            for name in sorted(names):
                yield os.path.join(folder, name)


def messages(data):
    if not data.startswith(b"From "):
        return [data]
    starts = [match.start() for match in MBOX.finditer(data)] or [0]
    return [data[start:end] for start, end in zip(starts, starts[1:] + [len(data)])]


def received(message):
    while message.startswith((b"From ", b">From ")):
        message = message[message.find(b"\n") + 1 or len(message):]
    head = re.split(rb"\r?\n\r?\n", message, maxsplit=1)[0]
    head = re.sub(rb"\r(?!\n)", b" ", head)  # a line ends with LF (RFC 5321, 2.3.8); Python would also take a lone CR
    parsed = email.parser.BytesHeaderParser(policy=email.policy.compat32).parsebytes(head + b"\n\n")
    return len(parsed.get_all("Received", []))


def main():
    listed = "--list" in sys.argv
    total = {"messages": 0, "received": 0, "not_mail": 0}
    for path in files([arg for arg in sys.argv[1:] if arg != "--list"]):
        with open(path, "rb") as file:
            data = file.read()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
        if not data.startswith(b"From ") and not FIELD.match(data):
            total["not_mail"] += 1
            continue
        for index, message in enumerate(messages(data)):
            count = received(message)
            total["messages"] += 1
            total["received"] += count
            if listed:
                print(f"{path}\t{index}\t{count}")
    print(json.dumps(total))


main()
