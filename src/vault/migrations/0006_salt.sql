-- Random bytes of each secret, over which and its row the log keeps a checksum: without them, and
-- they go with the row, the checksum tells nothing of a weak hash. Older secrets have neither.
ALTER TABLE secrets ADD COLUMN salt BLOB CHECK (length(salt) = 32);

-- SQLite knows no time after the year 9999, when 'now' is NULL: what has an end is then invalid.
DROP VIEW good;
CREATE VIEW good AS
SELECT username, tail, hash, login
FROM secrets
JOIN keys ON id = key_id, (SELECT CAST(strftime('%s', 'now') AS INTEGER) AS now)
WHERE kind = 'smtp' AND status = 'active'
  AND expired_at IS NULL AND (expires_at IS NULL OR expires_at > now)
  AND retired_at IS NULL AND (retires_at IS NULL OR retires_at > now);
