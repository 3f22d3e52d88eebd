-- Times are whole seconds since 1970, days whole days since then, UTC. Key 0 is nobody's: what
-- no key could be found for. Nothing here is precious; an older version gets the tables it lacks.

CREATE TABLE about (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  vault    BLOB NOT NULL
);

-- Secrets that were accepted.
CREATE TABLE secrets (
  key_id       INTEGER NOT NULL,
  tail         TEXT NOT NULL,
  first_at     INTEGER NOT NULL,
  last_at      INTEGER NOT NULL,
  PRIMARY KEY (key_id, tail)
) WITHOUT ROWID;

-- How often each verdict was reached on which day.
CREATE TABLE days (
  key_id  INTEGER NOT NULL,
  day     INTEGER NOT NULL,
  verdict TEXT NOT NULL,
  count   INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  PRIMARY KEY (key_id, day, verdict)
) WITHOUT ROWID;

-- From where keys were used, the newest few of each; `turn` orders the uses of one second.
CREATE TABLE addresses (
  key_id  INTEGER NOT NULL,
  address TEXT NOT NULL,
  count   INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  turn    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (key_id, address)
) WITHOUT ROWID;

-- How much of its limit a key has used in the window that began at `since`.
CREATE TABLE windows (
  key_id INTEGER PRIMARY KEY,
  since  INTEGER NOT NULL,
  count  INTEGER NOT NULL
);
