-- What mail servers read: a row for each SMTP secret that is good now. A public interface:
-- the tables may change, this view may not. Written for SQLite 3.34 and later, and without
-- functions of our own, since the mail server brings its own SQLite.
--
-- Now is the clock's time or the newest event's if the clock is behind it, so that what has
-- expired stays expired.
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
  AND (secrets.retires_at IS NULL OR secrets.retires_at > now);
