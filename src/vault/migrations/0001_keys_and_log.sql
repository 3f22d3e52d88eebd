-- Times are whole seconds since 1970, UTC. CHECK constraints hold the types, not STRICT,
-- so that a mail server's older SQLite can read the schema.

CREATE TABLE keys (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  name          TEXT NOT NULL COLLATE NOCASE UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
  kind          TEXT NOT NULL CHECK (kind IN ('smtp', 'api')),
  status        TEXT NOT NULL CHECK (status IN ('active', 'inactive')),
  username      TEXT COLLATE NOCASE CHECK ((username IS NOT NULL) = (kind = 'smtp')),
  permission    TEXT CHECK ((permission IS NOT NULL) = (kind = 'api')),
  request_limit TEXT CHECK (request_limit IS NULL OR kind = 'api'),
  description   TEXT CHECK (length(description) BETWEEN 1 AND 200),
  created_at    INTEGER NOT NULL CHECK (typeof(created_at) = 'integer'),
  expires_at    INTEGER CHECK (expires_at IS NULL OR typeof(expires_at) = 'integer')
);

-- A username belongs to one key, unless it is a login that several share: an address.
CREATE UNIQUE INDEX keys_own_username ON keys (username) WHERE instr(username, '@') = 0;

-- The current secret has no retires_at; another one is good until then.
CREATE TABLE secrets (
  key_id     INTEGER NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
  tail       TEXT NOT NULL UNIQUE CHECK (length(tail) = 16),
  hash       TEXT NOT NULL,
  created_at INTEGER NOT NULL CHECK (typeof(created_at) = 'integer'),
  retires_at INTEGER CHECK (retires_at IS NULL OR typeof(retires_at) = 'integer'),
  PRIMARY KEY (key_id, tail)
) WITHOUT ROWID;

CREATE UNIQUE INDEX secrets_current ON secrets (key_id) WHERE retires_at IS NULL;

-- Secrets that are being handed over: never accepted, never listed, swept later.
CREATE TABLE pending (
  tail      TEXT PRIMARY KEY CHECK (length(tail) = 16),
  hash      TEXT NOT NULL,
  staged_at INTEGER NOT NULL CHECK (typeof(staged_at) = 'integer')
) WITHOUT ROWID;

-- Who did what when; each hash covers the row and the hash before it.
CREATE TABLE log (
  sequence  INTEGER PRIMARY KEY,
  at        INTEGER NOT NULL CHECK (typeof(at) = 'integer'),
  uid       INTEGER NOT NULL,
  user      TEXT NOT NULL,
  sudo_user TEXT,
  host      TEXT NOT NULL,
  command   TEXT NOT NULL,
  key_id    INTEGER NOT NULL,
  key       TEXT NOT NULL COLLATE NOCASE,
  change    TEXT NOT NULL,
  hash      BLOB NOT NULL CHECK (length(hash) = 32)
);

CREATE INDEX log_key_id ON log (key_id);
CREATE INDEX log_key ON log (key);

-- The newest entry, kept a second time, so that a log that was cut short is found out.
CREATE TABLE log_head (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  sequence INTEGER NOT NULL,
  hash     BLOB NOT NULL CHECK (length(hash) = 32)
);
