-- The evidence store, version 1. docs/evidence.md explains it for people who ask it by hand.
-- What repeats (addresses, host names, hops, whole paths) is stored once and referred to.

-- What was asked of the store as a whole: `identity_key`, with which stored mail is told from mail that was stored before.
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) WITHOUT ROWID, STRICT;

-- When somebody was writing; `ended` is missing where it was not told to stop, or still runs.
CREATE TABLE run (
  id INTEGER PRIMARY KEY,
  writer TEXT NOT NULL,
  version TEXT NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER
) STRICT;

-- When messages were inspected and could not be stored.
CREATE TABLE gap (
  id INTEGER PRIMARY KEY,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL,
  lost INTEGER NOT NULL,
  reason TEXT NOT NULL
) STRICT;

CREATE TABLE source (id INTEGER PRIMARY KEY, source TEXT NOT NULL UNIQUE) STRICT;

-- A mail address; nothing stands in it once it was forgotten, so that people can still be counted.
CREATE TABLE address (id INTEGER PRIMARY KEY, address TEXT UNIQUE) STRICT;

CREATE TABLE name (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

-- `key` is the address as 16 bytes (IPv4 mapped into IPv6), so that a network is a range of keys.
CREATE TABLE ip (id INTEGER PRIMARY KEY, ip TEXT NOT NULL, key BLOB NOT NULL UNIQUE) STRICT;

CREATE TABLE protocol (id INTEGER PRIMARY KEY, protocol TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE hop (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  ip INTEGER REFERENCES ip,
  helo INTEGER REFERENCES name,
  rdns INTEGER REFERENCES name,
  by INTEGER REFERENCES name,
  by_ip INTEGER REFERENCES ip,
  protocol INTEGER REFERENCES protocol,
  tls INTEGER,
  tls_version TEXT
) STRICT;
CREATE INDEX hop_ip ON hop (ip, by, helo, rdns);

-- `hops` is a JSON list of hop.id, newest first.
CREATE TABLE path (id INTEGER PRIMARY KEY, hops TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE path_hop (hop INTEGER NOT NULL, path INTEGER NOT NULL, PRIMARY KEY (hop, path)) WITHOUT ROWID, STRICT;

CREATE TABLE boundary (
  id INTEGER PRIMARY KEY,
  strategy TEXT NOT NULL,
  place TEXT NOT NULL,
  reason TEXT NOT NULL,
  UNIQUE (strategy, place, reason)
) STRICT;

CREATE TABLE verdict (id INTEGER PRIMARY KEY, verdict TEXT NOT NULL) STRICT;
INSERT INTO verdict VALUES (0, 'clean'), (1, 'notice'), (2, 'suspicious'), (3, 'malicious');

CREATE TABLE action (id INTEGER PRIMARY KEY, action TEXT NOT NULL) STRICT;
INSERT INTO action VALUES (0, 'accept'), (1, 'tempfail'), (2, 'reject'), (3, 'quarantine');

-- Times are unix seconds. `time`: when our side took the mail. `recorded`: when it was stored, where that was later.
-- `times`: a JSON list, one item a hop, of the seconds that the hop's time is after `time`. `hops_left_out`: hops beyond those kept.
CREATE TABLE message (
  id INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  recorded INTEGER,
  source INTEGER NOT NULL REFERENCES source,
  offset INTEGER,
  identity INTEGER,
  queue_id TEXT,
  message_id TEXT,
  subject TEXT,
  sender INTEGER REFERENCES address,
  header_from INTEGER REFERENCES address,
  path INTEGER NOT NULL REFERENCES path,
  times TEXT NOT NULL,
  hops_left_out INTEGER,
  boundary INTEGER NOT NULL REFERENCES boundary,
  border_hop INTEGER,
  verdict INTEGER NOT NULL REFERENCES verdict,
  action INTEGER REFERENCES action
) STRICT;
CREATE INDEX message_time ON message (time);
CREATE INDEX message_path ON message (path, time);
CREATE UNIQUE INDEX message_identity ON message (identity) WHERE identity IS NOT NULL;

CREATE TABLE recipient (
  message INTEGER NOT NULL,
  address INTEGER NOT NULL REFERENCES address,
  PRIMARY KEY (message, address)
) WITHOUT ROWID, STRICT;

-- `evidence`: a JSON list of the DNS answers that it rests on.
CREATE TABLE finding (
  message INTEGER NOT NULL,
  position INTEGER NOT NULL,
  code TEXT NOT NULL,
  severity TEXT NOT NULL,
  basis TEXT NOT NULL,
  hop INTEGER,
  fact TEXT NOT NULL,
  sentence TEXT NOT NULL,
  evidence TEXT,
  PRIMARY KEY (message, position)
) WITHOUT ROWID, STRICT;

-- For people: one row a message.
CREATE VIEW mail AS
SELECT m.id, datetime(m.time, 'unixepoch') AS time, s.address AS sender,
  (SELECT group_concat(coalesce(a.address, '(forgotten)'), ' ') FROM recipient r JOIN address a ON a.id = r.address WHERE r.message = m.id) AS recipients,
  f.address AS header_from, m.message_id, m.queue_id, m.subject,
  (SELECT ip.ip FROM json_each(p.hops) j JOIN hop h ON h.id = j.value JOIN ip ON ip.id = h.ip WHERE j.key = m.border_hop) AS peer,
  v.verdict, ac.action, b.place AS boundary, so.source, m.offset
FROM message m
JOIN path p ON p.id = m.path
JOIN boundary b ON b.id = m.boundary
JOIN verdict v ON v.id = m.verdict
JOIN source so ON so.id = m.source
LEFT JOIN action ac ON ac.id = m.action
LEFT JOIN address s ON s.id = m.sender
LEFT JOIN address f ON f.id = m.header_from;

-- For people: one row a hop of a message; `position` 0 is the newest, `delay` the seconds since the next older hop.
CREATE VIEW mail_hop AS
SELECT m.id AS message, j.key AS position, h.kind, ip.ip, helo.name AS helo, rdns.name AS rdns, host.name AS host,
  by_ip.ip AS host_ip, pr.protocol, h.tls, h.tls_version,
  datetime(m.time + json_extract(m.times, '$[' || j.key || ']'), 'unixepoch') AS time,
  json_extract(m.times, '$[' || j.key || ']') - json_extract(m.times, '$[' || (j.key + 1) || ']') AS delay,
  j.key = m.border_hop AS is_border
FROM message m
JOIN path p ON p.id = m.path
JOIN json_each(p.hops) j
JOIN hop h ON h.id = j.value
LEFT JOIN ip ON ip.id = h.ip
LEFT JOIN name helo ON helo.id = h.helo
LEFT JOIN name rdns ON rdns.id = h.rdns
LEFT JOIN name host ON host.id = h.by
LEFT JOIN ip by_ip ON by_ip.id = h.by_ip
LEFT JOIN protocol pr ON pr.id = h.protocol;
