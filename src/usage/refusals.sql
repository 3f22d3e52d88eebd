-- From where which secrets of a key were refused; `tail` and `address` are empty where they are
-- not known, or where there was no room for them. A day lies here as long as in `days`. Since
-- version 4.
CREATE TABLE refusals (
  key_id  INTEGER NOT NULL,
  verdict TEXT NOT NULL,
  day     INTEGER NOT NULL,
  tail    TEXT NOT NULL,
  address TEXT NOT NULL,
  count   INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  PRIMARY KEY (key_id, verdict, day, tail, address)
) WITHOUT ROWID;
