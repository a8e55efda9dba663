#!/usr/bin/env python3
"""How SpamScope's mail-parser reads Received fields: one unfolded value a line on standard input, one JSON object a line.

    others.py [--version]

It gives the text of each clause, of which the first word is taken. That of `from` is `perhaps` the HELO: it counts where it
is right and never as wrong. The address is the last that the library finds in the `from` clause, as in its own
`get_server_ipaddress`. That one leaves out private addresses, and counts those that are kept for documentation among them;
so the step before is called, which has no public name.
"""

import importlib.metadata
import json
import logging
import sys
from datetime import datetime, timezone

from mailparser import MailParser
from mailparser.utils import receiveds_parsing


def first(text, stop):
    """The text up to the first of these characters."""
    ends = [place for place, character in enumerate(text) if character in stop]
    return text[: min(ends, default=len(text))].strip()


def read(value, parser):
    """The library's answer under our keys."""
    (hop,) = receiveds_parsing([value])
    if "raw" in hop:
        return {"unparsed": True}
    answer = {}
    if "by" in hop:
        answer["by"] = first(hop["by"], " (")
    if "for" in hop:
        answer["for"] = first(hop["for"], ">" if hop["for"].startswith("<") else " (,")
    if "from" in hop:
        answer["perhaps"] = {"helo": first(hop["from"], " (")}
    if "with" in hop:
        answer["with"] = first(hop["with"], "(")
    if "id" in hop:
        answer["id"] = first(hop["id"], " ")
    if hop.get("date_utc"):
        time = datetime.fromisoformat(hop["date_utc"])
        answer["time"] = int((time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp())
    addresses = parser._sender_ip_candidates(value)
    if addresses:
        answer["ip"] = addresses[-1]
    return answer


def main():
    if sys.argv[1:] == ["--version"]:
        print(importlib.metadata.version("mail-parser"))
        return
    logging.disable()
    parser = MailParser()
    for line in sys.stdin.buffer:
        value = line.decode("utf-8", "replace").rstrip("\n")
        print(json.dumps({key: text for key, text in read(value, parser).items() if text != ""}))


main()
