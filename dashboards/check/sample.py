#!/usr/bin/env python3
"""Sample history for the overview dashboard: six hours of an ordinary day's mail, the hijack in the last one.

Writes OpenMetrics text for `promtool tsdb create-blocks-from openmetrics`. The numbers are made up and the same at every
run; the addresses are those of the 2020 incident and of documentation networks. See dashboards/README.md.

usage: sample.py [END] > sample.om      END: unix time of the last sample, default ten minutes from now
"""

import math
import random
import sys
import time

STEP = 15
HOURS = 6
HEAD = 3600  # history before the first visible point, so that windows reaching back have data
END = int(sys.argv[1]) if len(sys.argv) > 1 else int(time.time()) + 600
START = END - 600 - HOURS * 3600 - HEAD
HIJACK = END - 600 - 52 * 60
REDEPLOY = END - 600 - int(3.4 * 3600)
LABELS = 'job="relaywatch",instance="gw1:9786"'

INSPECTION = [5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, 0.1, 1.0]
MILTER = [1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 0.1, 0.5, 1.0, 5.0, 30.0]
CODES = ["indicator", "own-name", "ingress", "interposed-relay", "dns-cross", "broken-chain"]
QUERY = [1e-3, 5e-3, 2e-2, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0]
chance = random.Random(2020)


class Family:
    """One metric: its values now, and every sample so far."""

    def __init__(self, name, kind, *label_sets):
        self.name, self.kind, self.now, self.lines = name, kind, {}, {}
        for labels in label_sets or ({},):
            self.now[tuple(labels.items())] = 0

    def add(self, count=1, **labels):
        self.now[tuple(labels.items())] = self.now.get(tuple(labels.items()), 0) + count

    def set(self, value, **labels):
        self.now[tuple(labels.items())] = value

    def sample(self, at):
        for labels, value in self.now.items():
            text = ",".join([LABELS, *(f'{key}="{word}"' for key, word in labels)])
            self.lines.setdefault(labels, []).append(f"{self.name}{{{text}}} {value:.10g} {at}\n")

    def write(self, out):
        out.write(f"# TYPE {self.name.removesuffix('_total')} {self.kind}\n")
        for lines in self.lines.values():
            out.writelines(lines)


class Histogram:
    """A metric with buckets."""

    def __init__(self, name, bounds):
        self.name, self.bounds, self.counts, self.sum, self.lines = name, bounds, [0] * (len(bounds) + 1), 0.0, []

    def observe(self, value):
        self.counts[next((at for at, bound in enumerate(self.bounds) if value <= bound), len(self.bounds))] += 1
        self.sum += value

    def sample(self, at):
        total = 0
        for bound, count in zip([*self.bounds, math.inf], self.counts):
            total += count
            edge = "+Inf" if bound == math.inf else f"{bound:g}"
            self.lines.append((edge, f'{self.name}_bucket{{{LABELS},le="{edge}"}} {total} {at}\n'))
        self.lines.append(("sum", f"{self.name}_sum{{{LABELS}}} {self.sum:.9f} {at}\n"))
        self.lines.append(("count", f"{self.name}_count{{{LABELS}}} {total} {at}\n"))

    def write(self, out):
        out.write(f"# TYPE {self.name} histogram\n")
        for edge in ["sum", "count", *(f"{bound:g}" for bound in self.bounds), "+Inf"]:
            out.writelines(line for at, line in self.lines if at == edge)


def each(key, *words):
    return [{key: word} for word in words]


messages = Family("relaywatch_messages_total", "counter", *each("verdict", "clean", "notice", "suspicious", "malicious"))
last = Family("relaywatch_last_message_timestamp_seconds", "gauge", *each("verdict", "clean", "notice", "suspicious", "malicious"))
findings = Family("relaywatch_findings_total", "counter",
                  *({"code": code, "severity": how} for code in CODES for how in ("notice", "suspicious", "malicious")))
outcomes = Family("relaywatch_detector_outcomes_total", "counter",
                  *({"code": code, "outcome": what} for code in CODES for what in ("finding", "explained", "clean", "no_data", "error")))
boundary = Family("relaywatch_boundary_total", "counter",
                  *({"strategy": "session", "result": what} for what in ("peer", "internal", "not_found")))
hops = Family("relaywatch_hops_total", "counter", *each("kind", "transfer", "local", "opaque", "unparsed"))
stripped = Family("relaywatch_forged_headers_stripped_total", "counter")
faults = Family("relaywatch_faults_total", "counter", *each("place", "inspection", "milter", "output"))
suspects = Family("relaywatch_suspect_messages", "gauge", {"peer": "other"})
seen = Family("relaywatch_suspect_last_seen_timestamp_seconds", "gauge")
seen.now.clear()
connections = Family("relaywatch_milter_connections_total", "counter",
                     *each("end", "quit", "lost", "malformed", "timeout", "refused", "stopped"))
open_now = Family("relaywatch_milter_connections_open", "gauge")
errors = Family("relaywatch_milter_errors_total", "counter",
                *each("kind", "frame", "sequence", "unknown_command", "negotiation", "header_limit", "recipient_limit", "body_limit", "value_limit", "io"))
spf = Family("relaywatch_spf_results_total", "counter",
             *each("result", "none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"))
forged = Family("relaywatch_forged_results_total", "counter")
answers = Family("relaywatch_dns_answers_total", "counter",
                 *each("answer", "records", "no_name", "no_data", "refused", "failed", "timeout"))
hits = Family("relaywatch_dns_cache_hits_total", "counter")
turned_away = Family("relaywatch_dns_turned_away_total", "counter")
shortfalls = Family("relaywatch_dns_shortfalls_total", "counter", *each("why", "refused", "failed", "timeout", "over_budget"))
reload_ok = Family("relaywatch_config_last_reload_successful", "gauge")
reload_at = Family("relaywatch_config_last_reload_success_timestamp_seconds", "gauge")
up = Family("up", "gauge")
inspection = Histogram("relaywatch_inspection_duration_seconds", INSPECTION)
milter = Histogram("relaywatch_milter_message_duration_seconds", MILTER)
query = Histogram("relaywatch_dns_query_duration_seconds", QUERY)
FAMILIES = [messages, last, findings, outcomes, boundary, hops, stripped, faults, suspects, seen, connections, open_now, errors,
            reload_ok, reload_at, up, inspection, milter, spf, forged, answers, hits, turned_away, shortfalls, query]


def dns(result):
    """What one message asks: most of it the cache knows."""
    spf.add(result=result)
    for _ in range(chance.choice((3, 4, 5, 9))):
        if chance.random() < 0.93:
            hits.add()
            continue
        said = chance.choices(("records", "no_name", "no_data", "failed", "timeout"), (85, 8, 5, 1, 1))[0]
        answers.add(answer=said)
        query.observe(2 * 2.0 if said == "timeout" else chance.lognormvariate(math.log(0.012), 1.1))
        if said in ("failed", "timeout"):
            shortfalls.add(why=said)


def message(at, verdict="clean", found=(), peer=None):
    """Counts one message as the daemon would."""
    way = chance.choices(("pass", "none", "softfail", "fail", "neutral"), (80, 9, 5, 4, 2))[0]
    result = "fail" if any(name == "interposed-relay" for name, _ in found) else way
    dns(result)
    forged.add(chance.random() < 0.002)
    messages.add(verdict=verdict)
    last.set(at - chance.random() * STEP, verdict=verdict)
    for code in CODES:
        worst = [how for name, how in found if name == code]
        blind = code == "broken-chain" and chance.random() < 0.12 or code == "interposed-relay" and result == "none"
        what = "finding" if worst else "no_data" if blind else "clean"
        if code == "interposed-relay" and what == "clean" and result in ("softfail", "fail") and chance.random() < 0.6:
            what = "explained"
        outcomes.add(code=code, outcome=what)
        for how in worst:
            findings.add(code=code, severity=how)
    boundary.add(strategy="session", result="internal" if chance.random() < 0.06 else "peer")
    hops.add(1 + chance.choice((0, 1, 1, 2, 3)), kind="transfer")
    hops.add(chance.choice((0, 0, 1, 1)), kind="local")
    hops.add(chance.random() < 0.05, kind="opaque")
    hops.add(chance.random() < 0.02, kind="unparsed")
    inspection.observe(chance.lognormvariate(math.log(11e-6), 0.45))
    milter.observe(chance.lognormvariate(math.log(0.08), 0.9))
    if peer:
        suspects.add(peer=peer)
        seen.set(at, peer=peer)


def some(rate):
    """How many events of this mean come in one step."""
    return sum(chance.random() < rate / 20 for _ in range(20))


for at in range(START, END + 1, STEP):
    up.set(1)
    reload_ok.set(1)
    reload_at.set(REDEPLOY if at >= REDEPLOY else START - 40 * 3600)
    # the working day comes and goes; a newsletter runs out in the third hour
    busy = 4.2 + 2.2 * math.sin((at - START) / (HOURS * 3600) * math.pi) + (3.5 if abs(at - START - 3.1 * 3600) < 900 else 0)
    for _ in range(some(busy)):
        if chance.random() < 0.045:
            message(at, "notice", [("broken-chain", "notice")])
        else:
            message(at)
    # a partner's gateway that nobody entered in the topology, two hours before
    if HIJACK - 7500 < at < HIJACK - 5400 and chance.random() < 0.05:
        message(at, "suspicious", [("ingress", "suspicious")], "198.51.100.77")
    # the hijack: seven in ten of the mails come through the relay, known by its address and by our name in its HELO
    if at >= HIJACK:
        for _ in range(some(0.75)):
            found = [("indicator", "malicious"), ("own-name", "suspicious"), ("ingress", "suspicious"),
                     ("interposed-relay", "suspicious"), ("dns-cross", "suspicious")]
            message(at, "malicious", found, "45.77.24.250")
        if chance.random() < 0.06:
            message(at, "suspicious", [("own-name", "suspicious"), ("ingress", "suspicious")], "203.0.113.190")
    if at == HIJACK + 1800:
        message(at, "malicious", [("indicator", "malicious")], "202.182.115.48")
        stripped.add(1)
    connections.add(some(3.5), end="quit")
    connections.add(chance.random() < 0.02, end="lost")
    connections.add(chance.random() < 0.008, end="timeout")
    if chance.random() < 0.003:
        connections.add(end="malformed")
        errors.add(kind="frame")
    if chance.random() < 0.004:
        errors.add(kind="value_limit")
    open_now.set(some(2) + 1)
    for family in FAMILIES:
        family.sample(at)

for family in FAMILIES:
    family.write(sys.stdout)
sys.stdout.write("# EOF\n")
