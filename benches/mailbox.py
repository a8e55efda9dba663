#!/usr/bin/env python3
"""Writes a large mbox of mails such as a company gets: the same one for the same seed.

    mailbox.py BYTES ADDRESS [--seed N] > FILE

Three mails in four are text of 2 to 20 KB, one in five is HTML of 10 to 60 KB in quoted-printable, one in twenty has an
attachment of 200 KB to 2 MB in base64. Headers are of some 3 KB: five hops, DKIM, ARC, authentication results, and what
filters add. In one mail of a thousand ADDRESS is the peer of the border. One in fifty names it in its text, and one in ten
has a line in it that begins with `From `, quoted as mailboxes do it: what is no hop must not be taken for one.
"""

import argparse
import base64
import random
import sys
from datetime import datetime, timedelta, timezone

WORDS = (
    "account address amount answer application attached balance bank because before between business change check "
    "confirm contact customer deadline deposit document during exchange file from how identity information inquiry "
    "invoice letter message number office order password payment people please problem process question received "
    "regards registration reply request security send service since team thank the their through time transfer "
    "update verification wallet week when which with within would write your"
).split()
HOSTS = "mail mx1 mx2 smtp out relay mta1 mta-3 mx-out-4 gw edge outbound".split()
START = datetime(2020, 5, 25, tzinfo=timezone.utc)


class Mailbox:
    def __init__(self, address, seed):
        self.random = random.Random(seed)
        self.address = address
        # Made once and cut from: random bytes for each mail would take minutes.
        self.blob = base64.b64encode(self.random.randbytes(6_000_000)).decode()
        self.lines = [self.blob[at : at + 76] for at in range(0, len(self.blob) - 76, 76)]
        self.prose = [self.sentence() for _ in range(20_000)]

    def sentence(self):
        words = [self.random.choice(WORDS) for _ in range(self.random.randint(8, 13))]
        return " ".join(words).capitalize() + "."

    def token(self, length):
        at = self.random.randrange(len(self.blob) - length)
        return self.blob[at : at + length].replace("/", "x").replace("+", "y")

    def folded(self, length):
        text = self.token(length)
        return "\n\t".join(text[at : at + 72] for at in range(0, length, 72))

    def ip(self):
        return ".".join(str(self.random.randint(1, 254)) for _ in range(4))

    def hop(self, when, peer, helo, host, by, recipient):
        return (
            f"Received: from {helo} ({host} [{peer}])\n"
            "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\n"
            "\t key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256)\n"
            "\t(No client certificate requested)\n"
            f"\tby {by} (Postfix) with ESMTPS id {self.token(11)}\n"
            f"\tfor <{recipient}>; {when:%a, %d %b %Y %H:%M:%S} +0000 (UTC)\n"
        )

    def mail(self, number):
        pick = self.random
        when = START + timedelta(seconds=number * 13)
        domain = f"sender{pick.randrange(5000)}.example"
        sender, recipient = f"{pick.choice(WORDS)}{pick.randrange(900)}@{domain}", f"user{pick.randrange(300)}@victim.example"
        hosts = [f"{pick.choice(HOSTS)}.{domain}" for _ in range(4)]
        hijacked = number % 1000 == 500
        peer, name = (self.address, "mail.victim.example") if hijacked else (self.ip(), hosts[0])
        parts = [
            f"From {sender} {when:%a %b %d %H:%M:%S %Y}\n",
            f"Return-Path: <{sender}>\nDelivered-To: {recipient}\n",
            self.hop(when, "198.51.100.7", "mx2.victim.example", "mx2.victim.example", "store.victim.example", recipient),
            self.hop(when - timedelta(seconds=2), peer, name, name, "mx2.victim.example", recipient),
        ]
        for at in range(3):
            earlier = when - timedelta(seconds=4 + at)
            parts.append(self.hop(earlier, self.ip(), hosts[at + 1], hosts[at + 1], hosts[at], recipient))
        parts.append(
            f"Authentication-Results: mx2.victim.example; dkim=pass header.d={domain} header.s=s1; spf=pass smtp.mailfrom={sender}\n"
            f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s=s1;\n\th=from:to:subject:date:message-id;\n"
            f"\tbh={self.token(43)}=;\n\tb={self.folded(344)}\n"
            f"ARC-Seal: i=1; a=rsa-sha256; t={int(when.timestamp())}; cv=none; d=filter.example; s=arc;\n\tb={self.folded(344)}\n"
            f"X-Filter-Report: {self.folded(pick.randint(200, 900))}\n"
            f"Date: {when:%a, %d %b %Y %H:%M:%S} +0000\nFrom: {pick.choice(WORDS).title()} <{sender}>\nTo: <{recipient}>\n"
            f"Subject: {pick.choice(self.prose)[:60]}\nMessage-ID: <{self.token(24)}@{hosts[3]}>\nMIME-Version: 1.0\n"
        )
        kind = pick.random()
        if kind < 0.75:
            parts.append("Content-Type: text/plain; charset=utf-8\n\n")
            self.text(parts, pick.randint(2_000, 20_000))
        elif kind < 0.95:
            parts.append("Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n")
            size = pick.randint(10_000, 60_000)
            while size > 0:
                line = f'<td style=3D"color:#{self.token(6)}">{pick.choice(self.prose)[:40]}</td>=\n'
                parts.append(line)
                size -= len(line)
        else:
            parts.append(f'Content-Type: multipart/mixed; boundary="{self.token(20)}"\n\n')
            count = pick.randint(200_000, 2_000_000) // 77
            at = pick.randrange(len(self.lines) - count)
            parts.append("\n".join(self.lines[at : at + count]) + "\n")
        parts.append("\n")
        return "".join(parts), hijacked

    def text(self, parts, size):
        pick = self.random
        if pick.random() < 0.02:
            parts.append(f"> we saw {self.address} in your log\n")
        if pick.random() < 0.1:
            parts.append(f"{pick.choice(self.prose)}\n\n>From what I know of {pick.choice(WORDS)}\n\n")
        while size > 0:
            line = pick.choice(self.prose)
            parts.append(line + ("\n\n" if pick.random() < 0.1 else "\n"))
            size -= len(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bytes", type=int)
    parser.add_argument("address")
    parser.add_argument("--seed", type=int, default=2020)
    arguments = parser.parse_args()
    mailbox = Mailbox(arguments.address, arguments.seed)
    written = number = hijacked = 0
    while written < arguments.bytes:
        mail, crossed = mailbox.mail(number)
        data = mail.encode()
        sys.stdout.buffer.write(data)
        written, number, hijacked = written + len(data), number + 1, hijacked + crossed
    print(f"{number} mails of {written} bytes, {hijacked} of them by way of {arguments.address}", file=sys.stderr)


if __name__ == "__main__":
    main()
