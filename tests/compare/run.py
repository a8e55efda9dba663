#!/usr/bin/env python3
"""Compares our reader of Received fields with those of mail-parser (Rust), SpamAssassin (Perl) and SpamScope (Python).

    tests/compare/run.py [LABELLED..]      against the labels of tests/received, by default all but the attacks
    tests/compare/run.py --attacks         whether an address that the client made up comes out
    tests/compare/run.py --shapes FILE     against one another, over `count<TAB>value` lines, gzipped

Each reader gets the same unfolded values, one a line. A reader that is not installed is an error; --without NAME leaves it
out. --markdown prints for docs/received.md; `make compare` puts it there.
"""

import argparse
import gzip
import ipaddress
import json
import os
import random
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benches"))
sys.dont_write_bytecode = True

from tables import render  # noqa: E402

KEYS = ["ip", "helo", "rdns", "by", "with", "id", "for", "time", "tls"]
OURS = "relaywatch"
# What each reader offers. A key that is not here is no fault of its own, and is `–` in the tables.
OFFERS = {
    OURS: KEYS,
    "mail-parser": KEYS,
    "spamassassin": ["ip", "helo", "rdns", "by", "id"],
    "spamscope": ["ip", "helo", "by", "with", "id", "for", "time"],
}
TITLES = {OURS: "**relaywatch**", "mail-parser": "mail-parser", "spamassassin": "SpamAssassin", "spamscope": "SpamScope"}
# Names of protocols that mail-parser, which knows the registered ones only, gives another name.
REGISTERED = {"asmtp": "esmtpa", "esmtp-tls": "esmtps", "smtpsvc": "smtp", "httprest": "http"}
ATTACKS = ROOT / "tests/received/attacks.jsonl"
SEED = 5321
SAMPLE = 200


class Missing(Exception):
    """A reader that cannot be run, and what to do about it."""


def run(command, advice, lines=b""):
    """What the command writes; every way in which it is not there leads to the advice."""
    try:
        done = subprocess.run([str(word) for word in command], input=lines, capture_output=True, check=False)
    except OSError as error:
        raise Missing(f"{command[0]}: {error.strerror}\n{advice}") from None
    if done.returncode != 0:
        fault = done.stderr.decode(errors="replace").strip()
        raise Missing(f"{' '.join(map(str, command))} failed:\n{fault[-600:]}\n{advice}")
    return done.stdout


class Reader:
    """One of the four: how it is started, and which version it has."""

    def __init__(self, name, arguments):
        here, build = Path(__file__).parent, "run: cargo build --locked --bin relaywatch --example compare-mail-parser"
        self.name, self.offers, self.advice = name, OFFERS[name], build
        if name == OURS:
            self.command = [arguments.target / "relaywatch", "trace", "--fields"]
            self.version = run([self.command[0], "version"], build).decode().split()[1]
        elif name == "mail-parser":
            self.command = [arguments.target / "examples/compare-mail-parser"]
            lock = re.search(r'^name = "mail-parser"\nversion = "(.*)"', (ROOT / "Cargo.lock").read_text(), re.M)
            self.version = lock[1]
        else:
            if name == "spamassassin":
                self.command = ["perl", here / "others.pl"]
                self.advice = "install it: apt-get install --no-install-recommends spamassassin"
            else:
                self.command = [arguments.python, here / "others.py"]
                self.advice = "install it: pip install 'mail-parser>=4.8', and name the Python that has it with --python PATH"
            self.version = run([*self.command, "--version"], self.advice).decode().strip()

    def read(self, values):
        """One answer for each value, with the keys that it offers."""
        output = run(self.command, self.advice, b"".join(value + b"\n" for value in values))
        answers = [json.loads(line) for line in output.decode().split("\n")[:-1]]
        if len(answers) != len(values):
            sys.exit(f"{self.name} gave {len(answers)} answers to {len(values)} values")
        return [Answer(answer, self.offers) for answer in answers]


class Answer:
    """What a reader says of one value, as it is compared."""

    def __init__(self, answer, offers):
        self.parts = {key: plain(key, answer.get(key)) for key in offers}
        self.perhaps = {key: plain(key, part) for key, part in answer.get("perhaps", {}).items()}

    def against(self, key, other):
        """What is said under this key when it is held against that value."""
        part, perhaps = self.parts[key], self.perhaps.get(key)
        # A name given as `unknown` says nothing, unless just that is expected.
        if key in ("helo", "rdns") and part == "unknown" != other:
            part = None
        return perhaps if part is None and perhaps is not None and same(key, perhaps, other) else part


def plain(key, value):
    """The value as it is compared: without what readers may well write in different ways."""
    if value is None or value == "":
        return None
    if key in ("time", "tls"):
        return value
    text = " ".join(value.casefold().split()).strip(" ;,<>[]()\"'").rstrip(".")
    if key in ("ip", "helo", "rdns", "by"):
        # SpamAssassin writes `!` for what cannot stand in a name, and some MTAs write `?` for brackets.
        text = re.sub(r"[\s#\[\]()<>|]", "!", text).strip("!?")
        if key == "ip" and re.fullmatch(r"[0-9.]+", text):
            # SpamScope keeps leading zeros.
            text = re.sub(r"\b0+(?=[0-9])", "", text)
        try:
            address = ipaddress.ip_address(text.removeprefix("ipv6:").split("%")[0])
        except ValueError:
            return text or None
        # An address is no name that was looked up.
        return None if key == "rdns" else str(getattr(address, "ipv4_mapped", None) or address)
    return text or None


def same(key, read, right):
    """Whether two compared values say the same. For a protocol, one of its words or the registered name is enough."""
    if key == "with" and read is not None and right is not None:
        words = [right, REGISTERED.get(right), *(REGISTERED.get(word, word) for word in re.split(r"[^a-z0-9]+", right))]
        return read in words
    return read == right


def one_line(value):
    """A labelled value may be folded, or end in a carriage return."""
    return re.sub(r"[\r\n]+", "", value).encode()


def labelled(paths):
    """The values of these files, and their labels as compared."""
    values, labels = [], []
    for path in paths:
        for line in path.read_text().rstrip("\n").split("\n"):
            label = json.loads(line)
            values.append(one_line(label["received"]))
            if label.get("time"):
                label["time"] = int(datetime.fromisoformat(label["time"]).timestamp())
            labels.append({key: plain(key, label.get(key)) for key in KEYS})
    return values, labels


def cells(count):
    """The three counts of each key in a cell."""
    return [" / ".join(map(str, count[key])) if key in count else "–" for key in KEYS]


def by_key(stated, columns, *ends):
    """A row for each key with how often it is stated, and a row for each of what stands at the columns' ends."""
    heads = [*((f"`{key}`", stated[key]) for key in KEYS), *((end, "") for end in ends)]
    return [[head, f"{number}", *(column[place] for column in columns)] for place, (head, number) in enumerate(heads)]


def against_labels(readers, paths, arguments):
    values, labels = labelled(paths)
    stated = {key: sum(label[key] is not None for label in labels) for key in KEYS}
    rows = [["key", "stated", *(TITLES[reader.name] for reader in readers)]]
    columns, examples = [], []
    for reader in readers:
        count = {key: [0, 0, 0] for key in reader.offers}
        whole = silent = 0
        for value, label, answer in zip(values, labels, reader.read(values)):
            faults = 0
            silent += all(answer.against(key, label[key]) is None for key in reader.offers)
            for key in reader.offers:
                read = answer.against(key, label[key])
                if read is None and label[key] is None:
                    continue
                place = 1 if read is None else 0 if same(key, read, label[key]) else 2
                count[key][place] += 1
                faults += place > 0
                if place == 2:
                    examples.append((reader.name, key, value, label[key], read))
            whole += faults == 0
        columns.append([
            *cells(count),
            f"{whole}",
            f"{silent}",
        ])
    rows += by_key(stated, columns, "lines with all keys right", "lines of which nothing is said")
    print(f"{len(values)} labelled lines; {versions(readers)}.\n")
    print(render(arguments.form, rows))
    show(examples, arguments.examples, "labelled")


def against_attacks(readers, arguments):
    """The lines of attacks.jsonl, where the only true addresses are these (tests/received/README.md)."""
    honest = {"192.0.2.1", "2001:db8::1"}
    values, _ = labelled([ATTACKS])
    rows = [["the address", *(TITLES[reader.name] for reader in readers)]]
    columns, examples = [], []
    for reader in readers:
        addresses = [answer.parts["ip"] for answer in reader.read(values)]
        made_up = [(reader.name, "ip", *pair) for pair in zip(values, addresses) if pair[1] and pair[1] not in honest]
        examples += [(name, key, value, "another", address) for name, key, value, address in made_up]
        columns.append([sum(address in honest for address in addresses), addresses.count(None), len(made_up)])
    for place, head in enumerate(("is the true one", "is left out", "is made up by the client")):
        rows.append([head, *(f"{column[place]}" for column in columns)])
    print(f"{len(values)} attacks; {versions(readers)}.\n")
    print(render(arguments.form, rows))
    show(examples, arguments.examples, "expected")


def against_one_another(readers, path, arguments):
    with gzip.open(path) as file:
        pairs = [line.rstrip(b"\n").split(b"\t", 1) for line in file]
    pairs = [(int(count), value.replace(b"\r", b" ")) for count, value in pairs if count.isdigit()]
    weights, values = zip(*pairs)
    known = dict(zip(*labelled(default_files())))
    answers = {reader.name: reader.read(values) for reader in readers}
    ours, others = answers[OURS], readers[1:]
    stated = {key: sum(answer.parts[key] is not None for answer in ours) for key in KEYS}
    rows = [["key", "stated by ours", *(TITLES[reader.name] for reader in others)]]
    columns, examples = [], []
    sample = [["", *(TITLES[reader.name] for reader in others)]]
    judged = []
    for reader in others:
        count = {key: [0, 0, 0] for key in reader.offers}
        decidable, agree, weight = [], 0, 0
        for number, value, mine, answer in zip(weights, values, ours, answers[reader.name]):
            faults = 0
            for key in reader.offers:
                own = mine.parts[key]
                read = answer.against(key, own)
                if (read is None and own is None) or same(key, read, own):
                    continue
                place = 1 if read is None else 2 if own is None else 0
                count[key][place] += 1
                faults += 1
                if place != 1:
                    examples.append((reader.name, key, value, own, read))
                if value in known:
                    label = known[value][key]
                    decidable.append((same(key, own, label), same(key, read, label)))
            agree += faults == 0
            weight += number if faults == 0 else 0
        columns.append([
            *cells(count),
            f"{agree / len(values):.0%}",
            f"{weight / sum(weights):.0%}",
        ])
        if len(decidable) > SAMPLE:
            decidable = random.Random(SEED).sample(decidable, SAMPLE)
        judged.append([len(decidable), *(decidable.count(pair) for pair in ((True, False), (False, True), (False, False)))])
    rows += by_key(stated, columns, "lines without a difference", "the same, every copy counted")
    print(f"{len(values)} distinct lines; {versions(readers)}.\n")
    print(render(arguments.form, rows))
    if any(row[0] for row in judged):
        heads = ("differences on labelled lines", "relaywatch is right", "the other is right", "neither is")
        for place, head in enumerate(heads):
            sample.append([head, *(f"{row[place]}" for row in judged)])
        print(f"\nThe differences on lines that are labelled too, at most {SAMPLE} of each reader:\n")
        print(render(arguments.form, sample))
    else:
        print("\nNone of these lines is also a labelled one, so nobody is judged here.")
    show(examples, arguments.examples, "relaywatch")


def versions(readers):
    return ", ".join(f"{TITLES[reader.name].strip('*')} {reader.version}" for reader in readers)


def show(examples, number, whose):
    """Some of the differences, the same ones each time, with the text of the line."""
    if not number:
        return
    for name, key in sorted({example[:2] for example in examples}):
        some = [example for example in examples if example[:2] == (name, key)]
        if len(some) > number:
            some = random.Random(SEED).sample(some, number)
        for _, _, value, right, read in some:
            print(f"\n{name} {key}: {whose} {right!r}, read {read!r}\n  {value.decode(errors='replace')}")


def default_files():
    return sorted(path for path in ATTACKS.parent.glob("*.jsonl") if path != ATTACKS)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
    parser.add_argument("labelled", nargs="*", type=Path, metavar="LABELLED")
    parser.add_argument("--attacks", action="store_true")
    parser.add_argument("--shapes", type=Path, metavar="FILE")
    parser.add_argument("--without", action="append", default=[], choices=[name for name in OFFERS if name != OURS])
    parser.add_argument("--examples", type=int, default=0, metavar="N", help="N lines a reader and key, with their text")
    parser.add_argument("--markdown", dest="form", action="store_const", const="markdown", default="text")
    parser.add_argument("--target", type=Path, default=target, help="where cargo put the programs")
    python = os.environ.get("PYTHON_WITH_MAIL_PARSER") or sys.executable
    parser.add_argument("--python", default=python, metavar="PATH", help="has mail-parser; also PYTHON_WITH_MAIL_PARSER")
    arguments = parser.parse_args()
    try:
        readers = [Reader(name, arguments) for name in OFFERS if name not in arguments.without]
        if arguments.attacks:
            against_attacks(readers, arguments)
        elif arguments.shapes:
            against_one_another(readers, arguments.shapes, arguments)
        else:
            against_labels(readers, arguments.labelled or default_files(), arguments)
    except Missing as missing:
        sys.exit(f"{missing}\n(or leave the reader out with --without NAME)")


main()
