-- What is left of a secret that no key has any longer: enough to tell whose it was when somebody
-- presents it, and nothing by which it could be valid. Its key may be gone, too.
CREATE TABLE dead_secrets (
  tail    TEXT PRIMARY KEY CHECK (length(tail) = 16),
  digest  BLOB NOT NULL CHECK (typeof(digest) = 'blob' AND length(digest) = 32),
  key_id  INTEGER NOT NULL,
  key     TEXT NOT NULL COLLATE NOCASE,
  kind    TEXT NOT NULL CHECK (kind IN ('smtp', 'api')),
  cause   TEXT NOT NULL CHECK (cause IN ('replaced', 'retired', 'revoked', 'deleted')),
  died_at INTEGER NOT NULL CHECK (typeof(died_at) = 'integer')
) WITHOUT ROWID;
CREATE INDEX dead_secrets_key_id ON dead_secrets (key_id);
CREATE INDEX dead_secrets_died_at ON dead_secrets (died_at);
