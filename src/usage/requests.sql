-- What accepted requests of API keys needed: their methods, and the rules that allowed them, as the
-- permissions were defined then; never a path. `method` is empty if it is neither standard nor named
-- by a rule, `rule` if only `full` allowed a request, `allowed_by` if nothing is known of requests
-- but their number, and `address` if that of the last is not known. Since version 6.
ALTER TABLE about ADD COLUMN requests_since INTEGER NOT NULL DEFAULT 0;
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
