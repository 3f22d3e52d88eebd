-- Random bytes of each secret, over which and its row the log keeps a checksum: without them, and
-- they go with the row, the checksum tells nothing of a weak hash. Older secrets have neither.
ALTER TABLE secrets ADD COLUMN salt BLOB CHECK (length(salt) = 32);
