//! What each role may do, tried as each role.

use super::cluster::{SUPERUSER, programs};
use super::copied::varied;
use super::database::Database;
use super::own::OwnCluster;
use super::shared::{schema, schema_at_once};
use crate::sandbox::{Run, Sandbox};

/// The roles whose members people and servers are.
const ROLES: [&str; 6] = ["viewer", "auditor", "operator", "keeper", "checker", "mail"];

const NEW_KEY: &str = "
INSERT INTO keys (name, kind, status, username, created_at)
  VALUES ('new', 'smtp', 'active', 'new', 1);
INSERT INTO labels (key_id, name, value) SELECT id, 'team', 'mail' FROM keys WHERE name = 'new';
INSERT INTO pending (tail, digest, hash, staged_at)
  VALUES ('0123456789abcdef', decode(repeat('ab', 32), 'hex'), 'hash', 1);
INSERT INTO secrets (key_id, tail, digest, hash, created_at, salt)
  SELECT keys.id, tail, digest, hash, 1, decode(repeat('cd', 32), 'hex')
  FROM pending, keys WHERE tail = '0123456789abcdef' AND name = 'new';
DELETE FROM pending WHERE tail = '0123456789abcdef'";

const NEW_DEFAULT: &str = "
INSERT INTO sealed (only_row, key_id, tail, kdf, salt, nonce, secret)
  SELECT 1, key_id, tail, 'kdf', decode(repeat('00', 16), 'hex'), decode(repeat('00', 24), 'hex'), ''
  FROM secrets LIMIT 1
  ON CONFLICT (only_row) DO UPDATE SET key_id = excluded.key_id, tail = excluded.tail,
    secret = excluded.secret;
SELECT secret FROM sealed";

const END_OF_A_KEY: &str = "
INSERT INTO dead_secrets (tail, digest, key_id, key, kind, cause, died_at)
  SELECT tail, digest, key_id, name, kind, 'deleted', 1
  FROM secrets JOIN keys ON keys.id = key_id WHERE digest IS NOT NULL
  ON CONFLICT (tail) DO UPDATE SET cause = excluded.cause;
DELETE FROM secrets WHERE tail = (SELECT min(tail) FROM secrets);
DELETE FROM keys WHERE id = (SELECT min(id) FROM keys)";

const NEW_ENTRY: &str = r#"
INSERT INTO log (sequence, at, uid, "user", host, command, key_id, key, change, hash)
  SELECT sequence + 1, 1, 0, 'ops', 'host', 'generate', 1, 'web', '[]', hash FROM log_head FOR UPDATE;
INSERT INTO log_head (only_row, sequence, hash) SELECT 1, sequence + 1, hash FROM log_head
  ON CONFLICT (only_row) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash"#;

const ENTRY_OF_ANOTHER: &str = r#"
INSERT INTO log (sequence, at, uid, "user", host, command, key_id, key, change, hash, role)
  SELECT sequence + 1, 1, 0, 'ops', 'host', 'generate', 1, 'web', '[]', hash, 'olga' FROM log_head"#;

const TRIGGER: &str = "
CREATE TRIGGER x BEFORE UPDATE ON keys FOR EACH ROW
  EXECUTE FUNCTION suppress_redundant_updates_trigger()";

/// What somebody may want, and who may do it; all others are refused.
const MATRIX: [(&str, &str, &[&str]); 53] = [
    (
        "about",
        "SELECT version FROM about",
        &["viewer", "auditor", "operator", "keeper", "checker"],
    ),
    (
        "list keys",
        "SELECT * FROM keys LEFT JOIN labels ON key_id = id",
        &["viewer", "operator", "keeper"],
    ),
    (
        "policies",
        "SELECT * FROM policies, deliveries",
        &["viewer", "operator", "keeper"],
    ),
    (
        "rotations",
        "SELECT key_id, held FROM rotations",
        &["viewer", "operator", "keeper"],
    ),
    (
        "old secrets of rotations",
        "SELECT sealed FROM rotations",
        &["viewer", "operator", "keeper"],
    ),
    (
        "tails",
        "SELECT key_id, tail, retires_at, retired_at FROM secrets",
        &["viewer", "operator", "keeper"],
    ),
    (
        "digests",
        "SELECT digest FROM secrets",
        &["operator", "keeper"],
    ),
    ("hashes", "SELECT hash FROM secrets", &["keeper"]),
    (
        "guess hashes",
        "SELECT FROM secrets WHERE hash LIKE '{PLAIN}%'",
        &["keeper"],
    ),
    ("salts", "SELECT salt FROM secrets", &["keeper"]),
    ("whole secrets", "SELECT * FROM secrets", &["keeper"]),
    ("copy secrets", "COPY secrets TO STDOUT", &["keeper"]),
    (
        "hashes by their statistics",
        "SELECT 1 / count(*) FROM pg_stats WHERE tablename = 'secrets' AND attname = 'hash'",
        &["keeper"],
    ),
    ("hashes by all statistics", "SELECT FROM pg_statistic", &[]),
    ("view of logins", "SELECT * FROM smtp_login", &["keeper"]),
    ("view of valid secrets", "SELECT * FROM good", &["keeper"]),
    (
        "one login",
        "SELECT * FROM login('ops@example.com', '')",
        &["keeper", "mail"],
    ),
    (
        "one secret",
        "SELECT * FROM presented('x')",
        &["operator", "keeper", "checker"],
    ),
    (
        "checksums",
        "SELECT * FROM checksums(1)",
        &["operator", "keeper"],
    ),
    (
        "pending secrets",
        "SELECT hash FROM pending",
        &["operator", "keeper"],
    ),
    (
        "dead secrets",
        "SELECT * FROM dead_secrets",
        &["operator", "keeper"],
    ),
    (
        "which is the default key",
        "SELECT key_id, tail FROM sealed",
        &["viewer", "operator", "keeper"],
    ),
    (
        "the default key's secret",
        "SELECT secret FROM sealed",
        &["operator", "keeper"],
    ),
    ("make a key", NEW_KEY, &["operator", "keeper"]),
    ("make a default key", NEW_DEFAULT, &["operator", "keeper"]),
    (
        "change a key",
        "UPDATE keys SET status = 'inactive', expires_at = 1 WHERE id = 1",
        &["operator", "keeper"],
    ),
    ("change a decoy", "UPDATE keys SET decoy = 0", &["keeper"]),
    (
        "rotate a key",
        "UPDATE secrets SET retires_at = 1 WHERE key_id = 1",
        &["operator", "keeper"],
    ),
    (
        "plant a hash",
        "UPDATE secrets SET hash = 'hash' WHERE key_id = 1",
        &["keeper"],
    ),
    (
        "plant a login",
        "INSERT INTO secrets (key_id, tail, hash, login, created_at, retires_at) SELECT max(id), repeat('x', 16), 'hash', 'root', 1, 1 FROM keys",
        &["keeper"],
    ),
    ("delete a key", END_OF_A_KEY, &["operator", "keeper"]),
    (
        "heads of the log",
        "SELECT sequence, at, key_id, hash FROM log",
        &["viewer", "auditor", "operator", "keeper", "checker"],
    ),
    (
        "the log's head",
        "SELECT sequence, hash FROM log_head",
        &["viewer", "auditor", "operator", "keeper", "checker"],
    ),
    (
        "the log",
        "SELECT * FROM log",
        &["auditor", "operator", "keeper"],
    ),
    ("append to the log", NEW_ENTRY, &["operator", "keeper"]),
    ("append as another role", ENTRY_OF_ANOTHER, &[]),
    ("rewrite the log", "UPDATE log SET change = '[]'", &[]),
    ("cut the log", "DELETE FROM log WHERE sequence > 1", &[]),
    ("empty the log", "TRUNCATE log", &[]),
    ("remove the head", "DELETE FROM log_head", &[]),
    ("empty a table", "TRUNCATE keys CASCADE", &[]),
    (
        "the newest number",
        "SELECT last_value FROM keys_id_seq",
        &["viewer", "operator", "keeper"],
    ),
    (
        "set the newest number",
        "SELECT setval('keys_id_seq', 1000)",
        &["keeper"],
    ),
    ("another version", "UPDATE about SET version = 12", &[]),
    ("make a table", "CREATE TABLE more (x INT)", &[]),
    (
        "make a table elsewhere",
        "CREATE TABLE public.more (x INT)",
        &[],
    ),
    (
        "make a function",
        "CREATE FUNCTION more() RETURNS INT LANGUAGE sql AS 'SELECT 1'",
        &[],
    ),
    ("make a trigger", TRIGGER, &[]),
    (
        "change a table",
        "ALTER TABLE secrets DISABLE TRIGGER ALL",
        &[],
    ),
    (
        "give rights",
        "ALTER TABLE secrets OWNER TO postkey_viewer",
        &[],
    ),
    ("become the owner", "SET ROLE postkey_owner", &[]),
    ("become a keeper", "SET ROLE postkey_keeper", &["keeper"]),
    ("read files", "SELECT pg_read_file('PG_VERSION')", &[]),
];

#[test]
fn each_role_may_do_what_the_matrix_says_and_nothing_else() {
    let database = Database::new();
    database.copy(&varied().vault());
    database.run("ANALYZE");
    let mut script = "\\set ON_ERROR_STOP 0\n\\o /dev/null\n".to_owned();
    for (_, sql, _) in MATRIX {
        // After the first error in a transaction nothing is executed.
        let each = sql
            .split(';')
            .map(|sql| format!("{sql};\n\\echo -n ,:SQLSTATE\n"));
        let each: String = each.collect();
        script.push_str(&format!("BEGIN;\n{each}\\echo\nROLLBACK;\n"));
    }
    let mut wrong = Vec::new();
    for role in ROLES {
        let run = database.run_as(role, &script);
        let answers: Vec<&str> = run.stdout.lines().collect();
        assert_eq!(answers.len(), MATRIX.len(), "{run:?}");
        for ((wish, _, allowed), answer) in MATRIX.iter().zip(answers) {
            let states: Vec<&str> = answer.split(',').skip(1).collect();
            let first = states.iter().find(|state| **state != "00000");
            let is_right = match first {
                None => allowed.contains(&role),
                // Of columns that may not be read there are no statistics.
                Some(&("42501" | "22012")) => !allowed.contains(&role),
                Some(_) => false,
            };
            if !is_right {
                wrong.push(format!("{role}: {wish}: {answer}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}\n{}", run.stderr);
    }
}

#[test]
fn whoever_has_no_role_may_do_nothing() {
    let database = Database::new();
    let outsider = format!("{}_outsider", database.name());
    database.run(&format!("CREATE ROLE {outsider} LOGIN"));
    for (wish, sql, _) in MATRIX {
        let sql = format!("SET search_path = postkey;\n{sql}");
        let run = database.cluster().psql(database.name(), &outsider, &sql);
        assert_ne!(run.status, 0, "{wish}");
    }
    database.run(&format!("DROP ROLE {outsider}"));
}

#[test]
fn postkey_does_what_each_role_may_do() {
    let database = Database::new();
    let sandbox = Sandbox::new();
    let run = |role: &str, words: &str| {
        let url = format!("{}&user={}", database.url(), database.role(role));
        let mut command = sandbox.command(words.split(' '));
        Run::of(command.env("POSTKEY_VAULT", url).output().unwrap())
    };
    let denied = |role: &str, words: &str| {
        let run = run(role, words).expect(5);
        let said = "error: your role may not do this: permission denied for ";
        assert!(run.stderr.contains(said), "{role} {words}: {run:?}");
    };
    for words in [
        "generate api web --label team=shop",
        "generate smtp mail --username shop",
        "rotate mail",
        "rotate --finish --yes mail",
        "set web --expires 30d",
        "deactivate web",
        "activate web",
        "regenerate --yes web",
        "rename web site",
        "list",
        "show mail",
        "check",
        "log verify",
        "delete --yes site",
    ] {
        run("operator", words).expect(0);
    }
    for role in ["viewer", "keeper"] {
        for words in ["list", "show mail", "check"] {
            run(role, words).expect(0);
        }
    }
    let shown = run("viewer", "show mail");
    let noted = "your role may not read the audit log";
    assert!(shown.stderr.contains(noted), "{shown:?}");
    run("auditor", "log verify").expect(0);
    for words in ["generate api x", "deactivate mail", "delete --yes mail"] {
        denied("viewer", words);
        denied("auditor", words);
        let unseen = run("mail", words).expect(5).stderr;
        assert!(
            unseen.contains("no vault that your role can use"),
            "{unseen}"
        );
    }
    denied("viewer", "log verify");
    denied("auditor", "list");
    denied("checker", "list");
}

#[test]
fn the_database_says_who_appended_to_the_log() {
    let database = Database::new();
    let become_member = format!("SET ROLE postkey_operator;\n{NEW_ENTRY}");
    database.run_as("operator", NEW_ENTRY).expect(0);
    database.run_as("keeper", &become_member).expect(0);
    let said = database.run("SELECT role FROM postkey.log ORDER BY sequence");
    let expected = ["operator", "keeper"].map(|role| database.role(role));
    assert_eq!(said, expected.join("\n"));
}

#[test]
fn nobody_can_put_something_else_in_the_way_of_a_function() {
    let database = Database::new();
    database.copy(&varied().vault());
    let shadows = "CREATE TEMP VIEW smtp_login AS
        SELECT 'root' AS username, '' AS tail, '{PLAIN}x' AS password, '' AS allow_nets;
      SET search_path = pg_temp, postkey;";
    let asked = "SELECT count(*) FROM postkey.login('root', '');
                 SELECT username FROM postkey.login('OPS@example.com', 'none');";
    let run = database.run_as("mail", &format!("{shadows}{asked}"));
    assert_eq!(run.expect(0).stdout, "0\nops@example.com\n");
}

#[test]
fn a_function_answers_about_what_it_was_asked_and_nothing_else() {
    let database = Database::new();
    database.copy(&varied().vault());
    let current = "SELECT tail FROM postkey.secrets JOIN postkey.keys ON id = key_id
                   WHERE name = 'prod-mail' AND retires_at IS NULL";
    let tail = database.run(current);
    let username = database.run("SELECT username FROM postkey.keys WHERE name = 'prod-mail'");
    for (user, tail, found) in [
        (&*username, &*tail, "1"),
        (&username.to_uppercase(), &tail, "1"),
        (&username, "", "0"),
        (&username, "%", "0"),
        ("%", "%", "0"),
        ("other", &*tail, "0"),
        ("rails_prod", "", "1"),
        ("rails_prod", &*tail, "1"),
        ("idle", "", "0"),
    ] {
        let count = format!("SELECT count(*) FROM login('{user}', '{tail}')");
        let run = database.run_as("mail", &count).expect(0);
        assert_eq!(run.stdout.trim_end(), found, "{user} {tail}");
    }
    let imported = "SELECT tail FROM postkey.secrets WHERE login IS NOT NULL LIMIT 1";
    let imported = database.run(imported);
    let head = database.run("SELECT max(sequence) FROM postkey.log");
    for (tail, name) in [(&*tail, "prod-mail"), (&imported, ""), ("", ""), ("%", "")] {
        let ask = format!("SELECT head, newest_at > 0, name FROM presented('{tail}')");
        let run = database.run_as("checker", &ask).expect(0);
        assert_eq!(run.stdout, format!("{head}|t|{name}\n"), "{tail}");
    }
}

#[test]
fn the_script_run_again_changes_nothing_and_gives_back_what_was_taken() {
    let database = Database::new();
    let again = || database.run(&schema_at_once());
    let (before, data) = (
        dump(&database),
        "SELECT * FROM postkey.about, postkey.log_head",
    );
    let rows = database.run(data);
    again();
    assert_eq!(
        (dump(&database), database.run(data)),
        (before.clone(), rows)
    );
    database.run(
        "GRANT SELECT ON postkey.secrets TO postkey_viewer, PUBLIC;
         REVOKE SELECT ON postkey.log FROM postkey_auditor;
         GRANT EXECUTE ON FUNCTION postkey.login TO PUBLIC",
    );
    assert_ne!(dump(&database), before);
    again();
    assert_eq!(dump(&database), before);
}

#[test]
fn the_script_stops_at_what_is_not_its_own() {
    let (script, whole) = (schema(), schema_at_once());
    for (before, sql, said) in [
        ("", script, "this is for one transaction: run psql with -1"),
        (
            "CREATE SCHEMA postkey",
            &*whole,
            "the schema postkey belongs to another role",
        ),
    ] {
        let database = Database::empty();
        database.run(before);
        let run = database.run_as("viewer", "SELECT 1").expect(0);
        assert_eq!(run.stdout, "1\n");
        let refused = database.cluster().psql(database.name(), SUPERUSER, sql);
        assert!(
            refused.status != 0 && refused.stderr.contains(said),
            "{refused:?}"
        );
        assert_eq!(database.run("SELECT to_regclass('postkey.keys')"), "");
    }
    let database = Database::new();
    database.run("UPDATE postkey.about SET version = 12");
    let refused = database.cluster().psql(database.name(), SUPERUSER, &whole);
    assert!(
        refused
            .stderr
            .contains("has version 12, and this is for version 11"),
        "{refused:?}"
    );
}

#[test]
fn whoever_owns_the_database_and_may_create_roles_needs_no_superuser() {
    let own = OwnCluster::start("");
    own.run("CREATE ROLE dba LOGIN CREATEROLE; CREATE DATABASE rented OWNER dba");
    own.run("DROP SCHEMA postkey CASCADE");
    for role in [
        "viewer", "auditor", "keeper", "operator", "checker", "mail", "owner",
    ] {
        own.run(&format!(
            "DROP OWNED BY postkey_{role}; DROP ROLE postkey_{role}"
        ));
    }
    // The second time as well.
    for _ in 0..2 {
        own.psql("rented", "dba", &schema_at_once()).expect(0);
    }
    own.psql(
        "rented",
        "dba",
        "CREATE ROLE olga LOGIN IN ROLE postkey_operator",
    )
    .expect(0);
    let new = format!("SET search_path = postkey;\n{NEW_KEY};");
    own.psql("rented", "olga", &new).expect(0);
    let read = own.psql("rented", "olga", "SELECT hash FROM postkey.secrets");
    assert!(read.stderr.contains("permission denied"), "{read:?}");
}

/// Everything but the rows, with the rights.
fn dump(database: &Database) -> String {
    let mut dump = std::process::Command::new(programs().join("pg_dump"));
    dump.args([
        "--schema-only",
        "-U",
        "postgres",
        "-p",
        &database.port().to_string(),
    ]);
    dump.arg("-h")
        .arg(database.host())
        .arg(database.name())
        .env_clear();
    let text = Run::of(dump.output().unwrap()).expect(0).stdout;
    // Newer versions have a random word in these lines.
    let lines = text.lines().filter(|line| !line.contains("restrict "));
    lines.collect::<Vec<_>>().join("\n")
}
