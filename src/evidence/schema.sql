-- The evidence store, version 1. docs/evidence.md explains it for people who ask it by hand.
-- What repeats (addresses, host names, hops, whole paths) is stored once and referred to.

-- What is said of the store as a whole: `hash_key`, of the hashes that ids are made of; `spool`, up to which record what waited in
-- evidence.spool has been stored.
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

-- The ids of `address` and `name` are keyed hashes of 31 bits of what they stand for, the next free one where two are the same:
-- so a text is found without an index over all texts, which would be as large as the table.

-- A mail address; nothing stands in it once it was forgotten, so that people can still be counted.
CREATE TABLE address (id INTEGER PRIMARY KEY, address TEXT) STRICT;

-- A host name, as somebody said it, or the host part of a Message-ID.
CREATE TABLE name (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;

CREATE TABLE protocol (id INTEGER PRIMARY KEY, protocol TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE hop_kind (id INTEGER PRIMARY KEY, kind TEXT NOT NULL) STRICT;
INSERT INTO hop_kind VALUES (0, 'transfer'), (1, 'local'), (2, 'opaque'), (3, 'unparsed');

-- `ip`, `by_ip`: an IPv4 address as a number, an IPv6 address as its 16 bytes, so that a network is a range of either.
-- `tls_version`: 13 for TLS 1.3; 2 and 3 for SSL.
CREATE TABLE hop (
  id INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL REFERENCES hop_kind,
  ip ANY,
  helo INTEGER REFERENCES name,
  rdns INTEGER REFERENCES name,
  by INTEGER REFERENCES name,
  by_ip ANY,
  protocol INTEGER REFERENCES protocol,
  tls INTEGER,
  tls_version INTEGER
) STRICT;
CREATE INDEX hop_client ON hop (coalesce(ip, by));

-- `hops` is a JSON list of hop.id, newest first.
CREATE TABLE path (id INTEGER PRIMARY KEY, hops TEXT NOT NULL) STRICT;
CREATE TABLE path_hop (hop INTEGER NOT NULL, path INTEGER NOT NULL, PRIMARY KEY (hop, path)) WITHOUT ROWID, STRICT;

-- Where our records end, and at which hop the mail came in from outside.
CREATE TABLE boundary (
  id INTEGER PRIMARY KEY,
  strategy TEXT NOT NULL,
  place TEXT NOT NULL,
  reason TEXT NOT NULL,
  hop INTEGER
) STRICT;

CREATE TABLE verdict (id INTEGER PRIMARY KEY, verdict TEXT NOT NULL) STRICT;
INSERT INTO verdict VALUES (0, 'clean'), (1, 'notice'), (2, 'suspicious'), (3, 'malicious');

CREATE TABLE action (id INTEGER PRIMARY KEY, action TEXT NOT NULL) STRICT;
INSERT INTO action VALUES (0, 'accept'), (1, 'tempfail'), (2, 'reject'), (3, 'quarantine');

-- Times are unix seconds. `time`: when our side took the mail; `dated`: how many seconds after that its author says it was written (`Date`).
-- `message_id` is what stands before the host, `message_host`. `recipient`: one of the envelope's,
-- mostly the only one; the view `recipient` has all.
-- `times`: a JSON list, one item a hop, newest first: how many seconds the hop's time lies before that of the next newer hop that has one,
-- the newest's before `time`; null where it has none. A hop's time is `time` less the items up to its own.
CREATE TABLE message (
  id INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  dated INTEGER,
  source INTEGER NOT NULL REFERENCES source,
  queue_id TEXT,
  message_id TEXT,
  message_host INTEGER REFERENCES name,
  sender INTEGER REFERENCES address,
  header_from INTEGER REFERENCES address,
  recipient INTEGER REFERENCES address,
  path INTEGER NOT NULL REFERENCES path,
  times TEXT NOT NULL,
  boundary INTEGER NOT NULL REFERENCES boundary,
  verdict INTEGER NOT NULL REFERENCES verdict,
  action INTEGER REFERENCES action,
  subject TEXT
) STRICT;
CREATE INDEX message_path ON message (path);

-- From when to when the messages are of which `id >> 10` is the same: so a stretch of time is found without an index over all messages,
-- which would be a thousand times as large.
CREATE TABLE period (id INTEGER PRIMARY KEY, since INTEGER NOT NULL, until INTEGER NOT NULL) STRICT;

-- Mail of which more is to be said. Of mail that was found in a file: where in the file, when it was stored, and what tells it from mail that
-- was stored before. Of mail that our border took an hour and more before (a backup MX): when it was stored. Of mail with more hops than are
-- kept: how many more.
CREATE TABLE remark (
  message INTEGER PRIMARY KEY,
  offset INTEGER,
  recorded INTEGER,
  identity INTEGER,
  hops_left_out INTEGER
) STRICT;
CREATE UNIQUE INDEX remark_identity ON remark (identity) WHERE identity IS NOT NULL;

-- The envelope recipients beside `message.recipient`.
CREATE TABLE further_recipient (
  message INTEGER NOT NULL,
  address INTEGER NOT NULL REFERENCES address,
  PRIMARY KEY (message, address)
) WITHOUT ROWID, STRICT;

-- For people: one row an envelope recipient.
CREATE VIEW recipient AS
SELECT id AS message, recipient AS address FROM message WHERE recipient IS NOT NULL
UNION ALL SELECT message, address FROM further_recipient;

-- `sentence`: of notices none is kept; the fact says it. `evidence`: a JSON list of the DNS answers that it rests on.
CREATE TABLE finding (
  message INTEGER NOT NULL,
  position INTEGER NOT NULL,
  code TEXT NOT NULL,
  severity TEXT NOT NULL,
  basis TEXT NOT NULL,
  hop INTEGER,
  fact TEXT NOT NULL,
  sentence TEXT,
  evidence TEXT,
  PRIMARY KEY (message, position)
) WITHOUT ROWID, STRICT;

-- For people: hops in words.
CREATE VIEW hop_text AS
SELECT h.id, k.kind,
  CASE typeof(h.ip)
    WHEN 'integer' THEN format('%d.%d.%d.%d', h.ip >> 24, h.ip >> 16 & 255, h.ip >> 8 & 255, h.ip & 255)
    WHEN 'blob' THEN lower(substr(hex(h.ip), 1, 4) || ':' || substr(hex(h.ip), 5, 4) || ':' || substr(hex(h.ip), 9, 4) || ':' || substr(hex(h.ip), 13, 4) || ':' || substr(hex(h.ip), 17, 4) || ':' || substr(hex(h.ip), 21, 4) || ':' || substr(hex(h.ip), 25, 4) || ':' || substr(hex(h.ip), 29, 4))
  END AS ip,
  helo.name AS helo, rdns.name AS rdns, host.name AS host,
  CASE typeof(h.by_ip)
    WHEN 'integer' THEN format('%d.%d.%d.%d', h.by_ip >> 24, h.by_ip >> 16 & 255, h.by_ip >> 8 & 255, h.by_ip & 255)
    WHEN 'blob' THEN lower(substr(hex(h.by_ip), 1, 4) || ':' || substr(hex(h.by_ip), 5, 4) || ':' || substr(hex(h.by_ip), 9, 4) || ':' || substr(hex(h.by_ip), 13, 4) || ':' || substr(hex(h.by_ip), 17, 4) || ':' || substr(hex(h.by_ip), 21, 4) || ':' || substr(hex(h.by_ip), 25, 4) || ':' || substr(hex(h.by_ip), 29, 4))
  END AS host_ip,
  p.protocol, h.tls,
  CASE WHEN h.tls_version >= 10 THEN format('TLS 1.%d', h.tls_version - 10) WHEN h.tls_version > 0 THEN format('SSL %d.0', h.tls_version) END
    AS tls_version
FROM hop h
JOIN hop_kind k ON k.id = h.kind
LEFT JOIN name helo ON helo.id = h.helo
LEFT JOIN name rdns ON rdns.id = h.rdns
LEFT JOIN name host ON host.id = h.by
LEFT JOIN protocol p ON p.id = h.protocol;

-- For people: one row a message.
CREATE VIEW mail AS
SELECT m.id, datetime(m.time, 'unixepoch') AS time, datetime(m.time + m.dated, 'unixepoch') AS dated, iif(s.id IS NOT NULL, coalesce(s.address, '(forgotten)'), NULL) AS sender,
  (SELECT group_concat(coalesce(a.address, '(forgotten)'), ' ') FROM address a
    JOIN (SELECT m.recipient AS id UNION ALL SELECT address FROM further_recipient WHERE message = m.id) r ON r.id = a.id) AS recipients,
  iif(f.id IS NOT NULL, coalesce(f.address, '(forgotten)'), NULL) AS header_from,
  m.message_id || coalesce('@' || host.name, '') AS message_id, m.queue_id, m.subject,
  (SELECT h.ip FROM json_each(p.hops) j JOIN hop_text h ON h.id = j.value WHERE j.key = b.hop) AS peer,
  v.verdict, ac.action, b.place AS boundary, so.source, r.offset
FROM message m
JOIN path p ON p.id = m.path
JOIN boundary b ON b.id = m.boundary
JOIN verdict v ON v.id = m.verdict
JOIN source so ON so.id = m.source
LEFT JOIN name host ON host.id = m.message_host
LEFT JOIN action ac ON ac.id = m.action
LEFT JOIN address s ON s.id = m.sender
LEFT JOIN address f ON f.id = m.header_from
LEFT JOIN remark r ON r.message = m.id;

-- For people: one row a hop of a message; `position` 0 is the newest, `delay` the seconds since the next older hop.
CREATE VIEW mail_hop AS
SELECT m.id AS message, j.key AS position, h.kind, h.ip, h.helo, h.rdns, h.host, h.host_ip, h.protocol, h.tls, h.tls_version,
  iif(t.value IS NULL, NULL, datetime(m.time - (SELECT sum(value) FROM json_each(m.times) WHERE key <= j.key), 'unixepoch')) AS time,
  iif(t.value IS NULL, NULL, json_extract(m.times, '$[' || (j.key + 1) || ']')) AS delay,
  j.key IS b.hop AS is_border
FROM message m
JOIN boundary b ON b.id = m.boundary
JOIN path p ON p.id = m.path
JOIN json_each(p.hops) j
LEFT JOIN json_each(m.times) t ON t.key = j.key
JOIN hop_text h ON h.id = j.value;
