-- What a role had before goes first, so that this is all that it has.
REVOKE ALL ON SCHEMA postkey FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA postkey FROM PUBLIC, postkey_viewer, postkey_auditor,
  postkey_operator, postkey_keeper, postkey_checker, postkey_mail;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA postkey FROM PUBLIC, postkey_viewer, postkey_auditor,
  postkey_operator, postkey_keeper, postkey_checker, postkey_mail;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA postkey FROM PUBLIC, postkey_viewer, postkey_auditor,
  postkey_operator, postkey_keeper, postkey_checker, postkey_mail;

GRANT USAGE ON SCHEMA postkey TO postkey_viewer, postkey_auditor, postkey_operator, postkey_keeper,
  postkey_checker, postkey_mail;
GRANT SELECT ON about TO postkey_viewer, postkey_auditor, postkey_operator, postkey_keeper,
  postkey_checker;

GRANT EXECUTE ON FUNCTION instr(TEXT, TEXT), json_each(TEXT), randomblob(INT) TO postkey_viewer,
  postkey_auditor, postkey_operator, postkey_keeper, postkey_checker;

-- A viewer lists keys and secrets' tails. Of the log it sees that there is an entry, not what it says.
-- Old secrets in `rotations` are encrypted with a key of 256 random bits that is not here.
GRANT SELECT ON keys, labels, policies, deliveries, rotations, log_head TO postkey_viewer;
GRANT SELECT ON SEQUENCE keys_id_seq TO postkey_viewer;
GRANT SELECT (key_id, tail, login, created_at, retires_at, retired_at) ON secrets TO postkey_viewer;
GRANT SELECT (key_id, tail) ON sealed TO postkey_viewer;
GRANT SELECT (sequence, at, command, key_id, hash) ON log TO postkey_viewer;

-- An auditor reads the log, and nothing else.
GRANT SELECT ON log, log_head TO postkey_auditor;

-- An operator makes, changes and deletes keys, each time with an entry in the log. It reads digests,
-- which only secrets of 256 random bits have and nobody can invert, since what is left of a replaced
-- secret is its digest. It never reads `hash` and `salt` in `secrets`, by which a password that
-- somebody chose could be guessed: checksums() reads them for the log's entries, and presented() for
-- `verify`, one secret at a time and no imported password. In `pending` they are those of secrets that
-- this database has just been given. `sealed` is locked by a passphrase, and it reads that to show the
-- secret to whoever knows the passphrase.
GRANT SELECT, INSERT, DELETE ON keys TO postkey_operator;
GRANT UPDATE (name, status, permission, request_limit, description, expires_at, expired_at, networks,
  senders, recipient_limit, owner) ON keys TO postkey_operator;
GRANT SELECT ON SEQUENCE keys_id_seq TO postkey_operator;
GRANT SELECT (key_id, tail, digest, login, created_at, retires_at, retired_at) ON secrets
  TO postkey_operator;
GRANT INSERT (key_id, tail, digest, hash, created_at, salt), UPDATE (retires_at, retired_at), DELETE
  ON secrets TO postkey_operator;
GRANT SELECT, INSERT, UPDATE, DELETE ON labels, policies, deliveries, rotations, sealed, pending,
  dead_secrets TO postkey_operator;
-- Neither UPDATE nor DELETE on the log, and no INSERT of `role`: the database says who it was.
GRANT SELECT ON log, log_head TO postkey_operator;
GRANT INSERT (sequence, at, uid, "user", sudo_user, host, command, key_id, key, change, hash) ON log
  TO postkey_operator;
GRANT INSERT, UPDATE (sequence, hash) ON log_head TO postkey_operator;
GRANT EXECUTE ON FUNCTION presented(TEXT), checksums(BIGINT) TO postkey_operator;

-- A keeper is an operator, by membership, who also reads and writes hashes: backup, restore, import and
-- export, and `verify` of secrets that an older vault kept without a digest.
GRANT SELECT, INSERT, UPDATE ON secrets TO postkey_keeper;
GRANT UPDATE ON keys TO postkey_keeper;
GRANT UPDATE ON SEQUENCE keys_id_seq TO postkey_keeper;
GRANT SELECT ON good, smtp_login TO postkey_keeper;
GRANT EXECUTE ON FUNCTION login(TEXT, TEXT) TO postkey_keeper;

-- `serve` asks about one secret at a time, and sees that the log has grown.
GRANT SELECT ON log_head TO postkey_checker;
GRANT SELECT (sequence, at, key_id, hash) ON log TO postkey_checker;
GRANT EXECUTE ON FUNCTION presented(TEXT) TO postkey_checker;

-- Dovecot asks about one login at a time.
GRANT EXECUTE ON FUNCTION login(TEXT, TEXT) TO postkey_mail;

RESET ROLE;
