//! A vault file's rows in a database, and that both have the same tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::database::Database;
use crate::import::QUICK;
use crate::sandbox::Sandbox;

/// A vault's tables, each after those that it refers to.
const TABLES: [&str; 11] = [
    "keys",
    "secrets",
    "pending",
    "dead_secrets",
    "policies",
    "sealed",
    "labels",
    "deliveries",
    "rotations",
    "log",
    "log_head",
];

/// What the database has besides.
const MORE: [(&str, &str); 5] = [
    ("about", "only_row"),
    ("about", "product"),
    ("about", "version"),
    ("about", "writable_from"),
    ("log", "role"),
];

impl Database {
    /// Replaces its rows with those of a vault file.
    pub fn copy(&self, vault: &Path) {
        self.run(&rows_of(vault));
    }
}

/// SQL that replaces all rows with those of a vault file.
pub fn rows_of(vault: &Path) -> String {
    let vault = Connection::open(vault).unwrap();
    let mut sql = format!(
        "BEGIN; SET search_path = postkey;\nTRUNCATE {};\n",
        TABLES.join(", ")
    );
    for table in TABLES {
        let mut statement = vault.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_names().collect::<Vec<_>>().join("\", \"");
        let width = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<String> = (0..width).map(|at| literal(row, at)).collect();
            let values = values.join(", ");
            writeln!(
                sql,
                "INSERT INTO {table} (\"{columns}\") VALUES ({values});"
            )
            .unwrap();
        }
    }
    sql.push_str("SELECT setval('keys_id_seq', max(id)) FROM keys;\nCOMMIT;");
    sql
}

/// A value as SQL.
fn literal(row: &Row<'_>, column: usize) -> String {
    match row.get_ref(column).unwrap() {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Text(text) => {
            let text = std::str::from_utf8(text).unwrap();
            format!("'{}'", text.replace('\'', "''"))
        }
        ValueRef::Blob(bytes) => {
            let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
            format!("'\\x{}'", digits.collect::<String>())
        }
        ValueRef::Real(_) => unreachable!("no column has that type"),
    }
}

/// A vault with keys of every kind, each state of a secret, and a dead one.
pub fn varied() -> Sandbox {
    let sandbox = Sandbox::with_three_keys();
    let users = format!("Rails_Prod:{QUICK}\nops@example.com:{QUICK}\n");
    sandbox.import("dovecot", users).expect(0);
    sandbox.generate(["smtp", "other", "--username", "Ops@Example.com"]);
    sandbox.generate(["smtp", "idle", "--inactive", "--label", "team=mail"]);
    sandbox.generate(["smtp", "near", "--network", "203.0.113.0/24"]);
    sandbox.generate(["api", "ending", "--expires", "1h", "--limit", "5/day"]);
    sandbox.run(["rotate", "prod-mail"]).expect(0);
    sandbox.run(["regenerate", "--yes", "dev"]).expect(0);
    sandbox.run(["rename", "dev", "it's"]).expect(2);
    sandbox.run(["delete", "--yes", "prod-web"]).expect(0);
    sandbox
}

#[test]
fn a_database_has_the_tables_and_columns_of_a_vault_file() {
    let sandbox = Sandbox::with_three_keys();
    let vault = Connection::open(sandbox.vault()).unwrap();
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
                  ORDER BY name";
    let mut statement = vault.prepare(tables).unwrap();
    let tables = statement.query_map([], |row| row.get(0)).unwrap();
    let tables: Vec<String> = tables.map(Result::unwrap).collect();
    let mut known = TABLES.to_vec();
    known.sort_unstable();
    assert_eq!(tables, known);

    let mut expected = BTreeMap::new();
    let columns = "SELECT name, type, \"notnull\" FROM pragma_table_info(?1)";
    let mut statement = vault.prepare(columns).unwrap();
    for table in &tables {
        let mut rows = statement.query([table]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let (name, kind): (String, String) = (row.get(0).unwrap(), row.get(1).unwrap());
            let kind = match &*kind {
                "INTEGER" => "bigint",
                "TEXT" => "text",
                "BLOB" => "bytea",
                other => panic!("{other}"),
            };
            let must: bool = row.get(2).unwrap();
            expected.insert((table.clone(), name), (kind.to_owned(), must));
        }
    }

    let database = Database::new();
    let columns = "SELECT table_name, column_name, data_type, is_nullable = 'NO',
                     coalesce(collation_name, '')
                   FROM information_schema.columns NATURAL JOIN information_schema.tables
                   WHERE table_schema = 'postkey' AND table_type = 'BASE TABLE'";
    for line in database.run(columns).lines() {
        let [table, column, kind, must, collation] =
            <[&str; 5]>::try_from(line.split('|').collect::<Vec<_>>()).unwrap();
        assert_eq!(collation == "C", kind == "text", "{line}");
        let found = expected.remove(&(table.to_owned(), column.to_owned()));
        match found {
            // SQLite does not say it of what it numbers itself.
            Some((expected, is_needed)) => {
                assert!(kind == expected && (must == "t" || !is_needed), "{line}");
            }
            None => assert!(MORE.contains(&(table, column)), "{line}"),
        }
    }
    assert_eq!(expected, BTreeMap::new());
}

#[test]
fn a_database_has_the_rows_that_mail_servers_read_and_the_checksums_of_the_log() {
    let (sandbox, database) = (varied(), Database::new());
    database.copy(&sandbox.vault());
    let view = "SELECT username || '|' || tail || '|' || password || '|' || ifnull(allow_nets, '')
                FROM smtp_login ORDER BY 1";
    let vault = Connection::open(sandbox.vault()).unwrap();
    let mut statement = vault.prepare(view).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    let rows: Vec<String> = rows.map(Result::unwrap).collect();
    assert_eq!(rows.len(), 6);
    let view = "SELECT username, tail, password, allow_nets FROM postkey.smtp_login
                ORDER BY concat_ws('|', username, tail, password, coalesce(allow_nets, ''))";
    let found = database.run(view);
    assert_eq!(found.lines().collect::<Vec<_>>(), rows);

    let checksums = "SELECT count(*) || '|' || sum((EXISTS (
        SELECT FROM postkey.log, jsonb_to_recordset(change::jsonb) AS field (\"to\" TEXT)
        WHERE log.key_id = keys.id AND \"to\" = checksum))::INT)
      FROM postkey.keys CROSS JOIN postkey.checksums(keys.id)";
    assert_eq!(database.run(checksums), "9|9");
}

#[test]
fn names_are_unique_and_found_without_regard_to_case() {
    let database = Database::new();
    let insert = |name: &str, username: &str| {
        let insert = format!(
            "INSERT INTO keys (name, kind, status, username, created_at)
             VALUES ('{name}', 'smtp', 'active', '{username}', 1)"
        );
        database.run_as("operator", &insert).stderr
    };
    for (name, username, broken) in [
        ("Web", "Shop", ""),
        ("wEB", "other", "keys_name"),
        ("mail", "sHOP", "keys_own_username"),
        ("one", "Ops@example.com", ""),
        ("two", "ops@Example.com", ""),
    ] {
        let said = insert(name, username);
        assert!(
            said.contains(&format!("\"{broken}\"")) || said.is_empty() && broken.is_empty(),
            "{name}: {said}"
        );
    }
    // An order that no language has: `-` and `.` come before letters, `_` after Z and before a.
    for name in ["a-b", "a.b", "A1", "a_b", "ab", "aB2", "Z"] {
        assert_eq!(insert(name, name), "");
    }
    let prefix = "SELECT string_agg(name, ' ' ORDER BY lower(name COLLATE \"C\")) FROM keys
                  WHERE lower(name COLLATE \"C\") >= 'a' AND lower(name COLLATE \"C\") < 'a' || '~'";
    let found = database.run_as("viewer", prefix).expect(0).stdout;
    assert_eq!(found, "a-b a.b A1 a_b ab aB2\n");
}
