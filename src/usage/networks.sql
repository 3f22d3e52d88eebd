-- Since when keys are used from which networks, the newest many of each: addresses come and go
-- above, a network stays known. Since version 2.
CREATE TABLE networks (
  key_id   INTEGER NOT NULL,
  network  TEXT NOT NULL,
  first_at INTEGER NOT NULL,
  PRIMARY KEY (key_id, network)
) WITHOUT ROWID;
