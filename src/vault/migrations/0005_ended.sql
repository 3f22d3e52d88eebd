-- What was once seen expired or retired stays so, whatever a clock says later: each has the time
-- at which that was seen. All else goes by the clock alone.
ALTER TABLE keys ADD COLUMN expired_at INTEGER
  CHECK (expired_at IS NULL OR typeof(expired_at) = 'integer');
ALTER TABLE secrets ADD COLUMN retired_at INTEGER
  CHECK (retired_at IS NULL OR typeof(retired_at) = 'integer');

-- What was not yet seen to have ended, in the order in which it ends.
CREATE INDEX keys_ending ON keys (expires_at)
  WHERE expires_at IS NOT NULL AND expired_at IS NULL;
CREATE INDEX secrets_ending ON secrets (retires_at)
  WHERE retires_at IS NOT NULL AND retired_at IS NULL;

-- The SMTP secrets that are valid now, which smtp_login shows.
DROP VIEW good;
CREATE VIEW good AS
SELECT username, tail, hash, login
FROM secrets
JOIN keys ON id = key_id, (SELECT CAST(strftime('%s', 'now') AS INTEGER) AS now)
WHERE kind = 'smtp' AND status = 'active'
  AND expired_at IS NULL AND ifnull(expires_at > now, 1)
  AND retired_at IS NULL AND ifnull(retires_at > now, 1);
