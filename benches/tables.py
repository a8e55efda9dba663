#!/usr/bin/env python3
"""Makes tables of what the benches measured.

    tables.py postfix RESULTS --about TEXT [--form text|markdown]   the lines that postfix.sh wrote
    tables.py hunt RESULTS --about TEXT [--form text|markdown]      the lines that hunt.sh wrote
    tables.py criterion FOLDER GROUP.. [--about TEXT]               criterion's medians (target/criterion)
    tables.py write PAGE NAME                                       standard input into PAGE, at <!-- bench:NAME -->,
                                                                    or at <!-- NAME --> where NAME has a colon
"""

import argparse
import json
import os
import platform
import re
import sys
from datetime import datetime, timezone
from pathlib import Path
from statistics import median

# What the others of the same criterion group are compared with.
BASELINES = {
    "five-hop message": "mail-parser parse_headers",
    "five hops": "mail_parser::parse_headers",
    "a field of any kind": "mail_parser::parse_received",
    "indicator_lookup_in_500k": "loop_as_baseline",
    "a message and DNS": "no DNS",
}
ORDER = ["none", "nothing", "storeless", "relaywatch", "opendkim", "rspamd"]
NAMES = {
    "none": "no milter",
    "nothing": "does nothing",
    "storeless": "**relaywatch** without its store",
    "relaywatch": "**relaywatch**",
}
KINDS = {"unix": "UNIX", "tcp": "TCP"}


def machine():
    """When and on what this ran."""
    model = re.search(r"^model name\s*: *(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    model = " ".join(model.group(1).split()) if model else platform.machine()
    day = datetime.now(timezone.utc).date()
    return f"{day}, {os.cpu_count()} cores of {model}, {platform.system()} {platform.release()}"


def render(form, rows):
    """Rows, the first one the heading, as a table; the first column is text, the others are numbers."""
    if form == "text":
        rows = [[cell.replace("**", "") for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*rows)]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells) if form == "text" else f"| {' | '.join(cells)} |")
    if form == "markdown":
        rules = ["-" * width if place == 0 else "-" * (width - 1) + ":" for place, width in enumerate(widths)]
        lines.insert(1, f"| {' | '.join(rules)} |")
    return "\n".join(lines)


def postfix(arguments):
    """The median of each milter's rounds; its ratio is taken to the same round's `none`, and has its range."""
    runs = {}
    for line in arguments.results.read_text().splitlines():
        turn, sessions, name, *numbers = line.split()
        runs.setdefault(sessions, {}).setdefault(name, {})[int(turn)] = [float(number) for number in numbers]
    print(f"{machine()}; {arguments.about}.")
    for sessions, title in (("one", "One mail a session:"), ("many", "Sessions that are used again:")):
        rows = [["milter", "messages/s", "of no milter", "lowest–highest", "its CPU", "Postfix's CPU"]]
        for name in sorted(runs[sessions], key=lambda name: (ORDER.index(name.split("/")[0]), "tcp" in name)):
            rounds, base = runs[sessions][name], runs[sessions]["none"]
            rates = [messages / seconds for messages, seconds, *_ in rounds.values()]
            ratios = [rate / (base[turn][0] / base[turn][1]) for turn, rate in zip(rounds, rates)]
            messages, _, own, postfix = (sum(numbers) for numbers in zip(*rounds.values()))
            peer, _, kind = name.partition("/")
            rows.append([
                f"{NAMES.get(peer, peer)} {KINDS.get(kind, '')}".strip(),
                f"{median(rates):,.0f}",
                "1" if name == "none" else f"{median(ratios):.2f}",
                f"{min(rates):,.0f}–{max(rates):,.0f}/s" if name == "none" else f"{min(ratios):.2f}–{max(ratios):.2f}",
                "" if name == "none" else f"{own / messages * 1000:.2f} ms",
                f"{postfix / messages * 1000:.2f} ms",
            ])
        print(f"\n{title}\n\n{render(arguments.form, rows)}")


HUNTS = {
    "grep": "`grep -c 45.77.24.250`",
    "grep-C": "`LC_ALL=C grep -c 45.77.24.250`",
    "grep-F": "`grep -cF 45.77.24.250`",
    "hunt": "**`relaywatch hunt 45.77.24.250 --count`**",
    "hunt-one": "the same, `--threads 1`",
    "hunt-name": "`relaywatch hunt mail.victim.example --count`",
    "hunt-network": "`relaywatch hunt 45.77.24.0/24 --count`: every trace is read",
}


def hunt(arguments):
    """The median of each command's rounds; its ratio is taken to the same round's `grep -c`, and has its range."""
    rounds, counts = {}, {}
    for line in arguments.results.read_text().splitlines():
        turn, name, elapsed, user, system, count = line.split()
        rounds.setdefault(name, {})[int(turn)] = float(elapsed), float(user) + float(system)
        if counts.setdefault(name, count) != count:
            sys.exit(f"{name} counted {counts[name]}, and then {count}")
    rows = [["command", "counts", "time", "of `grep -c`", "lowest–highest", "processor", "of its"]]
    for name, label in HUNTS.items():
        ratios, own = ([value[at] / rounds["grep"][turn][at] for turn, value in rounds[name].items()] for at in (0, 1))
        elapsed, processor = (median(value[at] for value in rounds[name].values()) for at in (0, 1))
        rows.append([
            label if arguments.form == "markdown" else label.replace("`", ""),
            counts[name],
            f"{elapsed:.2f} s",
            f"{median(ratios):.2f}",
            f"{min(ratios):.2f}–{max(ratios):.2f}",
            f"{processor:.2f} s",
            f"{median(own):.2f}",
        ])
    print(f"{machine()}; {arguments.about}; {len(rounds['grep'])} rounds.\n\n{render(arguments.form, rows)}")


def criterion(arguments):
    """The medians of the groups named, and what they are of the group's baseline."""
    found, speeds = {}, {}
    for benchmark in arguments.folder.glob("**/new/benchmark.json"):
        about = json.loads(benchmark.read_text())
        estimates = json.loads((benchmark.parent / "estimates.json").read_text())
        nanoseconds = estimates["median"]["point_estimate"]
        found.setdefault(about["group_id"], {})[about["function_id"]] = nanoseconds
        if size := (about["throughput"] or {}).get("Bytes"):
            speeds[about["group_id"], about["function_id"]] = f"{size * 1000 / nanoseconds:,.0f} MB/s"
    rows = [["what", "median", "of the baseline"]]
    for group in arguments.groups:
        if group not in found:
            sys.exit(f"{arguments.folder} has nothing on {group!r}; run cargo bench")
        baseline = BASELINES.get(group)
        for name, nanoseconds in sorted(found[group].items(), key=lambda item: (item[0] != baseline, item[1])):
            if baseline is None:
                ratio = ""
            else:
                ratio = ratio_text(nanoseconds / found[group][baseline]) if name != baseline else "1"
            speed = speeds.get((group, name))
            speed = f" ({speed})" if speed else ""
            rows.append([f"{group}: {name}{speed}".replace("_", " "), duration(nanoseconds), ratio])
    about = f"; {arguments.about}" if arguments.about else ""
    print(f"{machine()}{about}.\n\n{render('markdown', rows)}")


def ratio_text(ratio):
    return f"{ratio:.2f}" if ratio >= 0.01 else f"1/{1 / ratio:,.0f}"


def duration(nanoseconds):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def write(arguments):
    """Puts standard input between the markers of that name; a page without them is an error."""
    text = sys.stdin.read().strip()
    name = arguments.name if ":" in arguments.name else f"bench:{arguments.name}"
    if not text:
        sys.exit(f"nothing to write at {name}")
    markers = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)", re.S)
    page, count = markers.subn(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", arguments.page.read_text())
    if count != 1:
        sys.exit(f"{arguments.page} has {count} places for {name}, not one")
    arguments.page.write_text(page)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("postfix")
    command.add_argument("results", type=Path)
    command.add_argument("--about", required=True)
    command.add_argument("--form", choices=("text", "markdown"), default="text")
    command.set_defaults(run=postfix)
    command = commands.add_parser("hunt")
    command.add_argument("results", type=Path)
    command.add_argument("--about", required=True)
    command.add_argument("--form", choices=("text", "markdown"), default="text")
    command.set_defaults(run=hunt)
    command = commands.add_parser("criterion")
    command.add_argument("folder", type=Path)
    command.add_argument("groups", nargs="+")
    command.add_argument("--about", default="")
    command.set_defaults(run=criterion)
    command = commands.add_parser("write")
    command.add_argument("page", type=Path)
    command.add_argument("name")
    command.set_defaults(run=write)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
