#!/usr/bin/env python3
"""How long an SMTP client waits for a mail to be taken: from MAIL FROM to the answer at its end, by the smtpd's milter.

    latency.py MAIL COUNT NAME=PORT..

Sends the mail COUNT times to each smtpd on loopback over one session each, in turns, so that whatever else the machine does hits all alike.
Prints medians, and the first one's against the others'. postfix.sh calls it; it reaches nothing outside loopback.
"""
import random
import smtplib
import statistics
import sys
import time

arguments = sys.argv[1:]
mail = open(arguments[0], "rb").read()
count = int(arguments[1])
sessions = {}
for pair in arguments[2:]:
    name, port = pair.rsplit("=", 1)
    sessions[name] = smtplib.SMTP("127.0.0.1", int(port), local_hostname="mx2.victim.example")

took = {name: [] for name in sessions}
order = list(sessions)
turns = random.Random(1)
for number in range(count + 20):
    turns.shuffle(order)
    for name in order:
        session = sessions[name]
        began = time.perf_counter()
        code, answer = session.mail("alice@sender.example")
        assert code == 250, answer
        code, answer = session.rcpt("bob@victim.example")
        assert code == 250, answer
        code, answer = session.data(mail)
        assert code == 250, answer
        if number >= 20:  # the first ones warm caches up
            took[name].append(time.perf_counter() - began)
for session in sessions.values():
    session.quit()

medians = {name: statistics.median(times) * 1000 for name, times in took.items()}
first = next(iter(medians.values()))
rows = [["smtpd with", "median", "99 %", "of the first"]]
for name, times in took.items():
    late = sorted(times)[len(times) * 99 // 100] * 1000
    rows.append([name, f"{medians[name]:.3f} ms", f"{late:.2f} ms", f"{medians[name] / first:.3f}"])
print(f"{count} messages each over one session, in turns; from MAIL FROM to the answer at the mail's end.\n")
widths = [max(len(row[column]) for row in rows) for column in range(4)]
for number, row in enumerate(rows):
    print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
    if number == 0:
        print("| " + " | ".join("-" * width for width in widths) + " |")
