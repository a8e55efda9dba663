#!/usr/bin/env python3
"""Counts what the reader leaves unread or open in a collection of real Received values.

    tests/received/count.py SHAPES.tsv.gz [--show REASON]

Each line of the file is `count<TAB>one unfolded value`; bytes need not be UTF-8. docs/received.md quotes the result. With --show, the
values of one reason (an ambiguity's, `unparsed`, or `misplaced`) are printed.
"""

import argparse
import collections
import gzip
import ipaddress
import json
import os
import re
import subprocess
from pathlib import Path

PROGRAM = os.environ.get("RELAYWATCH", str(Path(__file__).parents[2] / "target/release/relaywatch"))
LITERAL = re.compile(rb"[0-9A-Fa-f:.]*[:.][0-9A-Fa-f:.]+")


def read(values):
    """What `relaywatch trace --fields` says of each value."""
    lines = b"".join(value.replace(b"\r", b" ") + b"\n" for value in values)
    done = subprocess.run([PROGRAM, "trace", "--fields", "-"], input=lines, capture_output=True, check=True)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(said) == len(values), "not one answer a value"
    return said


def misplaced(value, hop):
    """Whether the client's address stands nowhere before `by`, where every MTA records it."""
    if hop["ip"] is None:
        return False
    value = re.sub(rb"(?i)ipv6:", b" ", value)
    before = re.split(rb"\sby\s", value, maxsplit=1, flags=re.IGNORECASE)[0]
    if not re.match(rb"\s*\(?from\b", value, flags=re.IGNORECASE):
        before = value
    found = set()
    before = re.sub(rb"\b0+(?=\d+\.|\d+\b)", b"", before) + b" " + before
    for match in LITERAL.findall(before):
        for text in (match, match.rsplit(b":", 1)[0], match.strip(b":.")):
            try:
                address = ipaddress.ip_address(text.decode())
            except ValueError:
                continue
            found.add(getattr(address, "ipv4_mapped", None) or address)
    return ipaddress.ip_address(hop["ip"]) not in found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", type=Path)
    parser.add_argument("--show", metavar="REASON")
    arguments = parser.parse_args()
    lines = gzip.open(arguments.shapes).read().split(b"\n")
    values = [line.split(b"\t", 1)[1] for line in lines if re.match(rb"\d+\t", line)]
    kinds, reasons = collections.Counter(), collections.Counter()
    for value, hop in zip(values, read(values)):
        kinds[hop["kind"]] += 1
        of_this = [open_["reason"] for open_ in hop["ambiguous"]]
        of_this += ["unparsed"] * (hop["kind"] == "unparsed") + ["misplaced"] * misplaced(value, hop)
        reasons.update(of_this)
        if arguments.show in of_this:
            print(value.decode(errors="replace"))
    if arguments.show:
        return
    total = len(values)
    print(f"{total} values")
    for name, count in [*kinds.most_common(), *reasons.most_common()]:
        print(f"{count:6} {100 * count / total:7.3f} %  {name}")


if __name__ == "__main__":
    main()
