-- How many mails and recipients Postfix accepted of a key on which day. A day lies here as long as
-- in `days`. Since version 5.
CREATE TABLE mail (
  key_id     INTEGER NOT NULL,
  day        INTEGER NOT NULL,
  mails      INTEGER NOT NULL,
  recipients INTEGER NOT NULL,
  last_at    INTEGER NOT NULL,
  PRIMARY KEY (key_id, day)
) WITHOUT ROWID;
