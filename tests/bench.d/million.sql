-- Fills a small vault up to a million keys, half of each kind, each with one log entry.
-- All new SMTP secrets share one hash; nobody knows their text. The log's chain is not kept, but
-- its newest entry and log_head agree, which is all that a change looks at.
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
BEGIN;

CREATE TEMP TABLE first AS
  SELECT max(id) AS id, (SELECT max(sequence) FROM log) AS sequence, count(*) AS keys FROM keys;

WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000000)
INSERT INTO keys (id, name, kind, status, username, permission, created_at)
SELECT first.id + n, printf('key-%07d', n),
  iif(n % 2, 'smtp', 'api'), 'active',
  iif(n % 2, printf('smtp_%08x', n), NULL), iif(n % 2, NULL, 'full'),
  1700000000 + n
FROM numbers, first WHERE n <= 1000000 - first.keys;

INSERT INTO secrets (key_id, tail, digest, hash, created_at)
SELECT keys.id, printf('%016d', keys.id), randomblob(32),
  iif(keys.kind = 'smtp', (SELECT hash FROM secrets WHERE hash IS NOT NULL LIMIT 1), NULL), created_at
FROM keys, first WHERE keys.id > first.id;

INSERT INTO log (sequence, at, uid, user, host, command, key_id, key, change, hash)
SELECT first.sequence + keys.id - first.id, keys.created_at,
  model.uid, model.user, model.host, model.command, keys.id, keys.name,
  json_array(
    json_object('field', 'name', 'from', NULL, 'to', keys.name),
    json_object('field', 'kind', 'from', NULL, 'to', keys.kind),
    json_object('field', 'username', 'from', NULL, 'to', keys.username),
    json_object('field', 'tail', 'from', NULL, 'to', printf('%016d', keys.id)),
    json_object('field', 'status', 'from', NULL, 'to', keys.status),
    json_object('field', 'permission', 'from', NULL, 'to', keys.permission),
    json_object('field', 'limit', 'from', NULL, 'to', iif(keys.kind = 'api', 'none', NULL)),
    json_object('field', 'expires_at', 'from', NULL, 'to', 'never')),
  randomblob(32)
FROM first, keys JOIN log AS model ON model.sequence = first.sequence
WHERE keys.id > first.id ORDER BY keys.id;

UPDATE log_head SET (sequence, hash) = (SELECT sequence, hash FROM log ORDER BY sequence DESC LIMIT 1);
COMMIT;
