-- A secret has 256 random bits and is known by its SHA-256 digest. Argon2id hashes stay where
-- others verify by them: those of SMTP secrets, which mail servers read, and those of passwords
-- from elsewhere. A secret from before digests has its hash alone until it is presented.
DROP VIEW smtp_login;
DROP VIEW good;

CREATE TABLE secrets_with_digest (
  key_id     INTEGER NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
  tail       TEXT NOT NULL UNIQUE CHECK (length(tail) = 16),
  digest     BLOB CHECK (digest IS NULL OR typeof(digest) = 'blob' AND length(digest) = 32),
  hash       TEXT CHECK (hash IS NOT NULL OR digest IS NOT NULL),
  login      TEXT COLLATE NOCASE,
  created_at INTEGER NOT NULL CHECK (typeof(created_at) = 'integer'),
  retires_at INTEGER CHECK (retires_at IS NULL OR typeof(retires_at) = 'integer'),
  retired_at INTEGER CHECK (retired_at IS NULL OR typeof(retired_at) = 'integer'),
  salt       BLOB CHECK (length(salt) = 32),
  PRIMARY KEY (key_id, tail)
) WITHOUT ROWID;
INSERT INTO secrets_with_digest (key_id, tail, hash, login, created_at, retires_at, retired_at, salt)
  SELECT key_id, tail, hash, login, created_at, retires_at, retired_at, salt FROM secrets;
DROP TABLE secrets;
ALTER TABLE secrets_with_digest RENAME TO secrets;

CREATE UNIQUE INDEX secrets_current ON secrets (key_id) WHERE retires_at IS NULL;
CREATE UNIQUE INDEX secrets_retiring ON secrets (key_id) WHERE retires_at IS NOT NULL;
CREATE UNIQUE INDEX secrets_login ON secrets (login) WHERE login IS NOT NULL;
CREATE INDEX secrets_ending ON secrets (retires_at)
  WHERE retires_at IS NOT NULL AND retired_at IS NULL;

CREATE TABLE pending_with_digest (
  tail      TEXT PRIMARY KEY CHECK (length(tail) = 16),
  digest    BLOB CHECK (digest IS NULL OR typeof(digest) = 'blob' AND length(digest) = 32),
  hash      TEXT CHECK (hash IS NOT NULL OR digest IS NOT NULL),
  staged_at INTEGER NOT NULL CHECK (typeof(staged_at) = 'integer')
) WITHOUT ROWID;
INSERT INTO pending_with_digest (tail, hash, staged_at) SELECT tail, hash, staged_at FROM pending;
DROP TABLE pending;
ALTER TABLE pending_with_digest RENAME TO pending;

-- The SMTP secrets that are valid now, which smtp_login shows.
CREATE VIEW good AS
SELECT username, tail, hash, login
FROM secrets
JOIN keys ON id = key_id, (SELECT CAST(strftime('%s', 'now') AS INTEGER) AS now)
WHERE kind = 'smtp' AND status = 'active'
  AND expired_at IS NULL AND (expires_at IS NULL OR expires_at > now)
  AND retired_at IS NULL AND (retires_at IS NULL OR retires_at > now);

-- The same columns as before, and the same rows.
CREATE VIEW smtp_login (username, tail, password) AS
SELECT username, tail, '{ARGON2ID}' || hash FROM good WHERE login IS NULL
UNION ALL SELECT login, '', hash FROM good WHERE login IS NOT NULL;
