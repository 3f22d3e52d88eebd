-- What accepted requests of API keys needed: their methods, and the rules that allowed them, as the
-- permissions were defined then; never a path. `rule` is empty if only `full` allowed a request, and
-- `address` if that of the last is not known. Since version 6.
CREATE TABLE definitions (
  id          INTEGER PRIMARY KEY,
  permissions TEXT NOT NULL UNIQUE
);
CREATE TABLE requests (
  key_id     INTEGER NOT NULL,
  day        INTEGER NOT NULL,
  definition INTEGER NOT NULL,
  method     TEXT NOT NULL,
  rule       TEXT NOT NULL,
  allowed_by TEXT NOT NULL,
  count      INTEGER NOT NULL,
  last_at    INTEGER NOT NULL,
  address    TEXT NOT NULL,
  PRIMARY KEY (key_id, day, definition, method, rule, allowed_by)
) WITHOUT ROWID;
