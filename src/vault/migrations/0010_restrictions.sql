-- Where a key may be used from, and what mail an SMTP key may send. Null is no restriction.
ALTER TABLE keys ADD COLUMN networks TEXT CHECK (networks <> '');
ALTER TABLE keys ADD COLUMN senders TEXT CHECK (senders IS NULL OR kind = 'smtp' AND senders <> '');
ALTER TABLE keys ADD COLUMN recipient_limit TEXT CHECK (recipient_limit IS NULL OR kind = 'smtp');

-- The SMTP secrets that are valid now, which smtp_login shows.
DROP VIEW smtp_login;
DROP VIEW good;
CREATE VIEW good AS
SELECT username, tail, hash, login, networks
FROM secrets
JOIN keys ON id = key_id, (SELECT CAST(strftime('%s', 'now') AS INTEGER) AS now)
WHERE kind = 'smtp' AND status = 'active' AND decoy = 0
  AND expired_at IS NULL AND (expires_at IS NULL OR expires_at > now)
  AND retired_at IS NULL AND (retires_at IS NULL OR retires_at > now);

-- The same rows as before, and one more column: the networks that the key may be used from, as
-- Dovecot's allow_nets takes them.
CREATE VIEW smtp_login (username, tail, password, allow_nets) AS
SELECT username, tail, '{ARGON2ID}' || hash, networks FROM good WHERE login IS NULL
UNION ALL SELECT login, '', hash, networks FROM good WHERE login IS NOT NULL;
