//! The schema's versions, and how to migrate an older vault.
//!
//! Migrations are only ever appended. The vault's `user_version` is the number of those that were
//! run.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::Error;

/// `post` in ASCII: marks the file as one of our vaults.
pub(super) const APPLICATION_ID: i64 = 0x706f_7374;

pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_keys_and_log.sql"),
    include_str!("migrations/0002_smtp_login.sql"),
    include_str!("migrations/0003_rotation_and_default.sql"),
    include_str!("migrations/0004_imported.sql"),
    include_str!("migrations/0005_ended.sql"),
    include_str!("migrations/0006_salt.sql"),
    include_str!("migrations/0007_digest.sql"),
    include_str!("migrations/0008_dead.sql"),
    include_str!("migrations/0009_decoy.sql"),
    include_str!("migrations/0010_restrictions.sql"),
    include_str!("migrations/0011_labels.sql"),
];

/// The supported schema versions: the oldest that is migrated, and the newest.
pub fn schemas() -> RangeInclusive<i64> {
    1..=MIGRATIONS.len() as i64
}

/// The version of SQLite.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// The oldest schema that can be read like the newest.
const OLDEST_READABLE: i64 = 1;

/// Columns that later schemas added; in an older vault they are null.
const ADDED_COLUMNS: [(&str, &[&str]); 3] = [
    (
        "keys",
        &[
            "expired_at",
            "decoy",
            "networks",
            "senders",
            "recipient_limit",
            "owner",
        ],
    ),
    ("secrets", &["login", "retired_at", "salt", "digest"]),
    ("policies", &["grace", "settle", "after"]),
];

/// Migrates to the newest schema, in one transaction, after copying the vault.
pub(super) fn migrate(connection: &Connection, path: &Path) -> Result<(), Error> {
    migrate_with(MIGRATIONS, connection, path)
}

/// Like [`migrate`], but does not change a read-only vault, which can be read as it is.
pub(super) fn migrate_if_writable(connection: &Connection, path: &Path) -> Result<(), Error> {
    match migrate(connection, path) {
        Err(Error::ReadOnly) if version(connection)? >= OLDEST_READABLE => {
            add_missing_columns(connection)
        }
        outcome => outcome,
    }
}

/// Empty substitutes for the tables that later schemas added.
const ADDED_TABLES: [(&str, &str); 4] = [
    (
        "dead_secrets",
        "CREATE TEMP VIEW dead_secrets AS
         SELECT '' AS tail, x'' AS digest, 0 AS key_id, '' AS key, '' AS kind, '' AS cause,
           0 AS died_at WHERE 0",
    ),
    (
        "labels",
        "CREATE TEMP VIEW labels AS SELECT 0 AS key_id, '' AS name, '' AS value WHERE 0",
    ),
    (
        "deliveries",
        "CREATE TEMP VIEW deliveries AS
         SELECT '' AS tail, '' AS destination, 0 AS delivered_at, '' AS server WHERE 0",
    ),
    (
        "rotations",
        "CREATE TEMP VIEW rotations AS
         SELECT 0 AS key_id, '' AS tail, NULL AS destination, '' AS progress, 0 AS since,
           NULL AS after_at, NULL AS held, NULL AS held_at, NULL AS detail, NULL AS sealed WHERE 0",
    ),
];

/// Adds missing columns and tables to an older vault for this connection only, so that it can be
/// read like the newest.
fn add_missing_columns(connection: &Connection) -> Result<(), Error> {
    connection.execute_batch("PRAGMA temp_store = MEMORY")?;
    for (table, columns) in ADDED_COLUMNS {
        if !connection.table_exists(Some("main"), table)? {
            continue;
        }
        let mut lent = String::new();
        for column in columns {
            if !connection.column_exists(Some("main"), table, column)? {
                lent += &format!(", NULL AS {column}");
            }
        }
        if !lent.is_empty() {
            connection.execute_batch(&format!(
                "CREATE TEMP VIEW {table} AS SELECT *{lent} FROM main.{table}"
            ))?;
        }
    }
    for (table, substitute) in ADDED_TABLES {
        if !connection.table_exists(Some("main"), table)? {
            connection.execute_batch(substitute)?;
        }
    }
    Ok(())
}

/// Migrates a database that only we use; does not copy it.
pub(super) fn migrate_own(connection: &Connection) -> Result<(), Error> {
    migrate_fresh(MIGRATIONS, connection)
}

/// The same, with these migrations.
pub(super) fn migrate_fresh(migrations: &[&str], connection: &Connection) -> Result<(), Error> {
    migrate_from(migrations, connection, |_| Ok(()))
}

fn migrate_with(migrations: &[&str], connection: &Connection, path: &Path) -> Result<(), Error> {
    migrate_from(migrations, connection, |version| back_up(path, version))
}

fn migrate_from(
    migrations: &[&str],
    connection: &Connection,
    keep: impl FnOnce(i64) -> Result<(), Error>,
) -> Result<(), Error> {
    if version(connection)? as usize >= migrations.len() {
        return Ok(());
    }
    // SQLite begins a write transaction on a read-only file, and fails only at the first change.
    if connection.is_readonly("main")? {
        return Err(Error::ReadOnly);
    }
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let done = version(&transaction)?;
    if done > 0 && (done as usize) < migrations.len() {
        keep(done)?;
    }
    for migration in migrations.iter().skip(done as usize) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", migrations.len() as i64)?;
    Ok(transaction.commit()?)
}

/// The schema version of the file, and the newest supported one.
pub(super) fn versions(connection: &Connection) -> Result<(i64, i64), Error> {
    Ok((version(connection)?, MIGRATIONS.len() as i64))
}

fn version(connection: &Connection) -> Result<i64, Error> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Copies the vault to `vault.db.schema-N` beside it, with mode 0600.
///
/// Reads through a second connection, since SQLite does not copy within a write transaction. That
/// transaction keeps others from writing meanwhile.
fn back_up(path: &Path, version: i64) -> Result<(), Error> {
    let source = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let flags = flags | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut copy = Connection::open_with_flags(backup_path(path, version), flags)?;
    match Backup::new(&source, &mut copy)?.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(Error::Busy),
    }
}

fn backup_path(path: &Path, version: i64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".schema-{version}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_vault_is_backed_up_then_migrated_in_one_transaction() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.db");
        let connection = Connection::open(&path).expect("a vault");
        let first = "CREATE TABLE a (x); INSERT INTO a VALUES (1)";
        migrate_with(&[first], &connection, &path).expect("the first schema");
        assert!(
            !backup_path(&path, 0).exists(),
            "an empty file needs no copy"
        );

        let broken = "ALTER TABLE a ADD COLUMN y; SELECT * FROM missing";
        assert!(migrate_with(&[first, broken], &connection, &path).is_err());
        assert_eq!(
            version(&connection).expect("a version"),
            1,
            "half of it was kept"
        );

        migrate_with(&[first, "ALTER TABLE a ADD COLUMN y"], &connection, &path).expect("ok");
        assert_eq!(version(&connection).expect("a version"), 2);
        let copy = Connection::open(backup_path(&path, 1)).expect("the copy");
        let columns: i64 = copy
            .query_row("SELECT count(*) FROM pragma_table_info('a')", [], |row| {
                row.get(0)
            })
            .expect("its schema");
        assert_eq!((version(&copy).expect("a version"), columns), (1, 1));
    }
}
