-- By what keys are told apart and selected, and who is responsible for a key.
CREATE TABLE labels (
  key_id INTEGER NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
  name   TEXT NOT NULL CHECK (name <> ''),
  value  TEXT NOT NULL CHECK (value <> '' AND instr(value, ',') = 0),
  PRIMARY KEY (key_id, name)
) WITHOUT ROWID;
ALTER TABLE keys ADD COLUMN owner TEXT CHECK (owner <> '');

-- Where each secret was delivered; never the secret.
CREATE TABLE deliveries (
  tail         TEXT PRIMARY KEY REFERENCES secrets (tail) ON DELETE CASCADE,
  destination  TEXT NOT NULL CHECK (destination <> ''),
  delivered_at INTEGER NOT NULL CHECK (typeof(delivered_at) = 'integer'),
  server       TEXT CHECK (server <> '') -- the mail server, if a manifest named it
) WITHOUT ROWID;

-- How `rotate --due` treats a key; NULL is as the settings say.
ALTER TABLE policies ADD COLUMN grace TEXT;
ALTER TABLE policies ADD COLUMN settle TEXT;
ALTER TABLE policies ADD COLUMN after TEXT;

-- Rotations that postkey continues by itself, until both secrets are one again. `sealed` is the old
-- secret, encrypted with a key made from the new one, which the vault does not have.
CREATE TABLE rotations (
  key_id      INTEGER PRIMARY KEY REFERENCES keys (id) ON DELETE CASCADE,
  tail        TEXT NOT NULL CHECK (length(tail) = 16),
  destination TEXT CHECK (destination <> ''),
  progress    TEXT NOT NULL
              CHECK (progress IN ('begun', 'delivered', 'restoring', 'restored', 'aborted')),
  since       INTEGER NOT NULL CHECK (typeof(since) = 'integer'),
  after_at    INTEGER,
  held        TEXT CHECK (held <> ''),
  held_at     INTEGER,
  detail      TEXT CHECK (detail <> ''),
  sealed      BLOB,
  CHECK ((held IS NULL) = (held_at IS NULL))
);
