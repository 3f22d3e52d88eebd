-- A password that was imported has no tail that is known: one stands in for it, and the password
-- is found by its login, which has at most one. Its hash has its scheme in braces before it.
ALTER TABLE secrets ADD COLUMN login TEXT COLLATE NOCASE
  CHECK (login IS NULL OR (substr(tail, 1, 9) = 'imported-' AND substr(hash, 1, 1) = '{'));

CREATE UNIQUE INDEX secrets_login ON secrets (login) WHERE login IS NOT NULL;

-- The same columns as before, and the same rows: one for each SMTP secret that is good now. An
-- imported password's has an empty tail. Two halves, so that each is found by an index.
DROP VIEW smtp_login;

CREATE VIEW smtp_login (username, tail, password) AS
SELECT keys.username, secrets.tail, '{ARGON2ID}' || secrets.hash
FROM secrets
JOIN keys ON keys.id = secrets.key_id
CROSS JOIN (
  SELECT max(
    CAST(strftime('%s', 'now') AS INTEGER),
    ifnull((SELECT at FROM log ORDER BY sequence DESC LIMIT 1), 0)
  ) AS now
)
WHERE keys.kind = 'smtp'
  AND keys.status = 'active'
  AND (keys.expires_at IS NULL OR keys.expires_at > now)
  AND (secrets.retires_at IS NULL OR secrets.retires_at > now)
  AND secrets.login IS NULL
UNION ALL
SELECT secrets.login, '', secrets.hash
FROM secrets
JOIN keys ON keys.id = secrets.key_id
CROSS JOIN (
  SELECT max(
    CAST(strftime('%s', 'now') AS INTEGER),
    ifnull((SELECT at FROM log ORDER BY sequence DESC LIMIT 1), 0)
  ) AS now
)
WHERE keys.kind = 'smtp'
  AND keys.status = 'active'
  AND (keys.expires_at IS NULL OR keys.expires_at > now)
  AND (secrets.retires_at IS NULL OR secrets.retires_at > now)
  AND secrets.login IS NOT NULL;
