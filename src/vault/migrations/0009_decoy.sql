-- A decoy opens nothing: its secret is planted where only somebody who has no business there finds
-- it. It is one from the beginning and stays one.
ALTER TABLE keys ADD COLUMN decoy INTEGER NOT NULL DEFAULT 0 CHECK (decoy IN (0, 1));

-- The SMTP secrets that are valid now, which smtp_login shows: none of a decoy.
DROP VIEW good;
CREATE VIEW good AS
SELECT username, tail, hash, login
FROM secrets
JOIN keys ON id = key_id, (SELECT CAST(strftime('%s', 'now') AS INTEGER) AS now)
WHERE kind = 'smtp' AND status = 'active' AND decoy = 0
  AND expired_at IS NULL AND (expires_at IS NULL OR expires_at > now)
  AND retired_at IS NULL AND (retires_at IS NULL OR retires_at > now);
