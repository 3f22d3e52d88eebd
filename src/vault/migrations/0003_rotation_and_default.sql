-- While a rotation is open a key has one more secret, which is good until it retires.
CREATE UNIQUE INDEX secrets_retiring ON secrets (key_id) WHERE retires_at IS NOT NULL;

-- Where a key has a rule of its own instead of the settings' policy: a period as `90d`, or
-- `never`.
CREATE TABLE policies (
  key_id       INTEGER PRIMARY KEY REFERENCES keys (id) ON DELETE CASCADE,
  rotate_every TEXT,
  unused       TEXT
);

-- The secret of the vault's one default SMTP key, sealed under a passphrase. `kdf` says how the
-- passphrase becomes the sealing key, as a PHC string has it; the tail says which secret it is.
CREATE TABLE sealed (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  key_id   INTEGER NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
  tail     TEXT NOT NULL CHECK (length(tail) = 16),
  kdf      TEXT NOT NULL,
  salt     BLOB NOT NULL CHECK (length(salt) = 16),
  nonce    BLOB NOT NULL CHECK (length(nonce) = 24),
  secret   BLOB NOT NULL CHECK (typeof(secret) = 'blob')
);
