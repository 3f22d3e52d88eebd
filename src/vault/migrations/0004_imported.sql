-- A password that was imported has no tail that is known: one stands in for it, and the password
-- is found by its login, which has at most one. Its hash has its scheme in braces before it.
--
-- What SQLite keeps of the schema is written short, so that all of it fits on the file's first
-- page: with a second one, more damage would leave nothing to be read.
ALTER TABLE secrets ADD COLUMN login TEXT COLLATE NOCASE;
CREATE UNIQUE INDEX secrets_login ON secrets (login) WHERE login IS NOT NULL;
DROP VIEW smtp_login;

-- The SMTP secrets that are good now, as smtp_login had them before.
CREATE VIEW good AS SELECT username, tail, hash, login FROM secrets JOIN keys ON id = key_id, (SELECT max(CAST(strftime('%s','now') AS INTEGER), ifnull((SELECT at FROM log ORDER BY sequence DESC LIMIT 1),0)) AS now) WHERE kind = 'smtp' AND status = 'active' AND ifnull(expires_at>now,1) AND ifnull(retires_at>now,1);

-- The same columns as before, and the same rows; an imported password's has an empty tail. Two
-- halves, so that each is found by an index.
CREATE VIEW smtp_login (username, tail, password) AS SELECT username, tail, '{ARGON2ID}' || hash FROM good WHERE login IS NULL UNION ALL SELECT login, '', hash FROM good WHERE login IS NOT NULL;
