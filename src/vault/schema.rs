//! Checks a vault's schema: exactly what the migrations create. A view replaced under its own name
//! could tell mail servers anything.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::Error;
use super::migrations::{self, APPLICATION_ID, MIGRATIONS};

/// SHA-256 of the newest schema; a test computes it from the migrations.
const SCHEMA_HASH: &str = "77d9d1a72955d15c6e87c249cf84a49c41f25037567246956aab4d490f114a84";

/// The text of each object of a schema, by its type and name, with normalized whitespace.
type Objects = BTreeMap<(String, String), String>;

/// Makes sure that the schema is exactly what the migrations to that version create.
///
/// # Errors
/// [`Error::Foreign`] with the difference.
pub(super) fn expect(connection: &Connection, version: i64) -> Result<(), Error> {
    let found = objects(connection)?;
    if version == MIGRATIONS.len() as i64 && fingerprint(&found) == SCHEMA_HASH {
        return Ok(());
    }
    let migrated = objects(&migrated(version)?)?;
    match difference(&found, &migrated) {
        None => Ok(()),
        Some(difference) => Err(Error::Foreign(difference)),
    }
}

/// The kind of an opened file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DatabaseKind {
    /// An empty file.
    Empty,
    /// A vault with the newest schema, or one that can be migrated.
    Vault,
}

/// Identifies the file; refuses anything but a vault of this or an older schema.
pub(super) fn identify(connection: &Connection, path: &Path) -> Result<DatabaseKind, Error> {
    let (application, version, objects) = marks(connection, path)?;
    if application == 0 && version == 0 && objects == 0 {
        return Ok(DatabaseKind::Empty);
    }
    if application != APPLICATION_ID {
        return Err(Error::NotAVault(path.to_owned()));
    }
    let known = MIGRATIONS.len() as i64;
    if !(1..=known).contains(&version) {
        return Err(Error::Newer {
            found: version,
            known,
        });
    }
    expect(connection, version)?;
    Ok(DatabaseKind::Vault)
}

/// The application id, the schema version, and the number of objects in the schema.
fn marks(connection: &Connection, path: &Path) -> Result<(i64, i64, i64), Error> {
    let query = "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
                 FROM pragma_application_id, pragma_user_version";
    let row = connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    row.map_err(|error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => Error::NotAVault(path.to_owned()),
        _ => error.into(),
    })
}

fn objects(connection: &Connection) -> Result<Objects, Error> {
    let query =
        "SELECT type, name, sql FROM sqlite_schema WHERE type <> 'index' OR sql IS NOT NULL";
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    let mut objects = Objects::new();
    while let Some(row) = rows.next()? {
        let text: Option<String> = row.get(2)?;
        let text = text.unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().collect();
        objects.insert((row.get(0)?, row.get(1)?), words.join(" "));
    }
    Ok(objects)
}

fn fingerprint(objects: &Objects) -> String {
    let mut digest = Sha256::new();
    for ((kind, name), text) in objects {
        for part in [kind, name, text] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
    }
    base16ct::lower::encode_string(&digest.finalize())
}

/// A schema as its migrations create it.
fn migrated(version: i64) -> Result<Connection, Error> {
    let migrated = Connection::open_in_memory()?;
    let count = usize::try_from(version).unwrap_or_default();
    migrations::migrate_fresh(&MIGRATIONS[..count.min(MIGRATIONS.len())], &migrated)?;
    Ok(migrated)
}

/// The difference between two schemas.
fn difference(found: &Objects, migrated: &Objects) -> Option<String> {
    let told =
        |(kind, name): &(String, String)| format!("{kind} `{}`", crate::key::escape_controls(name));
    for (object, text) in found {
        match migrated.get(object) {
            Some(migrated) if migrated == text => {}
            Some(_) => return Some(format!("an altered {}", told(object))),
            None => return Some(format!("an unexpected {}", told(object))),
        }
    }
    let missing = migrated.keys().find(|object| !found.contains_key(*object));
    missing.map(|object| format!("no {}", told(object)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_schema_is_the_one_that_the_migrations_make() {
        let newest = migrated(MIGRATIONS.len() as i64).expect("the schema");
        assert_eq!(
            fingerprint(&objects(&newest).expect("its objects")),
            SCHEMA_HASH
        );
    }

    #[test]
    fn added_replaced_and_missing_schema_objects_are_reported() {
        for (change, named) in [
            ("CREATE TABLE x (y)", "an unexpected table `x`"),
            (
                "DROP VIEW smtp_login; CREATE VIEW smtp_login (username, tail, password) AS
                   SELECT 'root', '', '{PLAIN}x'",
                "an altered view `smtp_login`",
            ),
            (
                "DROP INDEX keys_own_username; CREATE INDEX keys_own_username ON keys (username)",
                "an altered index `keys_own_username`",
            ),
            ("DROP INDEX log_key", "no index `log_key`"),
        ] {
            for version in 4..=MIGRATIONS.len() as i64 {
                let schema = migrated(version).expect("the schema");
                expect(&schema, version).expect("nothing foreign");
                schema.execute_batch(change).expect("a change");
                match expect(&schema, version) {
                    Err(Error::Foreign(found)) => assert_eq!(found, named),
                    other => panic!("{change}: {other:?}"),
                }
            }
        }
    }
}
