//! Opens or creates the usage record of a vault.

use std::ffi::{OsStr, OsString};
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::error::is_busy;
use super::{Error, UsageStore, mail, networks, refusals, requests, write};
use crate::settings::Retention;
use crate::vault::{self, Vault};

/// The schema version; newer files are refused.
const VERSION: i64 = 6;

/// The oldest version that can be read; it is migrated on the first write.
const OLDEST_READABLE: i64 = 1;

/// The versions that can be read.
pub fn versions() -> RangeInclusive<i64> {
    OLDEST_READABLE..=VERSION
}

/// How long to wait before retrying a locked file.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);

impl UsageStore {
    /// Opens the usage record of the vault, if it exists.
    ///
    /// # Errors
    /// If the file cannot be read, or belongs to another vault.
    pub fn open(vault: &Vault, wait: Duration) -> Result<Option<Self>, Error> {
        let path = path(vault.path());
        if !is_there(&path)? {
            return Ok(None);
        }
        let identity = vault.identity()?.unwrap_or_default();
        let (usage, owner) = Self::connect_to_read(&path, wait)?;
        match owner {
            None => Ok(None),
            Some((_, owner)) if owner == identity => Ok(Some(usage)),
            Some(_) => Err(Error::OfAnotherVault(path)),
        }
    }

    /// Opens or creates the usage record of the vault, with this retention; recreates that of
    /// another vault.
    pub fn open_or_create(
        vault: &Vault,
        wait: Duration,
        retention: Retention,
    ) -> Result<Self, Error> {
        let path = path(vault.path());
        is_there(&path)?;
        let identity = vault.identity()?.unwrap_or_default();
        let mut usage = Self::connect(&path, wait, OpenFlags::SQLITE_OPEN_CREATE)?;
        let owner = usage.with_path(|usage| owner(&usage.connection, &path))?;
        if owner.as_ref() != Some(&(VERSION, identity.clone())) {
            let begun = usage.enter_wal(wait).and_then(|()| usage.begin(&identity));
            begun.map_err(|error| usage.explained(error))?;
        }
        Ok(Self { retention, ..usage })
    }

    /// Opens the file for reading; returns the identity of its vault.
    ///
    /// If nothing can be written, not even the WAL's index, the file is read without the WAL.
    fn connect_to_read(
        path: &Path,
        wait: Duration,
    ) -> Result<(Self, Option<RecordIdentity>), Error> {
        let looked_at = |usage: Self| {
            let owner = usage.with_path(|usage| owner(&usage.connection, path))?;
            Ok((usage, owner))
        };
        match Self::connect(path, wait, OpenFlags::empty()).and_then(looked_at) {
            Err(Error::Unwritable(_)) => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
                Self::connect_with(&unchanging(path), path, wait, flags).and_then(looked_at)
            }
            outcome => outcome,
        }
    }

    /// Switches the file to WAL mode. If others do the same or write, SQLite does not wait as
    /// usual, but fails at once.
    fn enter_wal(&self, wait: Duration) -> Result<(), Error> {
        let mode = "PRAGMA journal_mode = WAL";
        let start = Instant::now();
        loop {
            match self.connection.query_row(mode, [], |_| Ok(())) {
                Err(error) if is_busy(&error) && start.elapsed() < wait => sleep(RETRY_INTERVAL),
                outcome => return Ok(outcome?),
            }
        }
    }

    /// Creates an empty record for the vault, or migrates an older one, unless another process just
    /// did.
    pub(super) fn begin(&mut self, identity: &[u8]) -> Result<(), Error> {
        let transaction = write::begin_immediate(&mut self.connection)?;
        let (version, owner) = owner(&transaction, &self.path)?.unzip();
        if version.is_none() {
            transaction.execute_batch(include_str!("schema.sql"))?;
        }
        if version.is_none_or(|version| version < 2) {
            networks::add_table(&transaction)?;
        }
        if version.is_some_and(|version| version < 3) {
            let turn = "ALTER TABLE addresses ADD COLUMN turn INTEGER NOT NULL DEFAULT 0";
            transaction.execute_batch(turn)?;
        }
        if version.is_none_or(|version| version < 4) {
            transaction.execute_batch(refusals::TABLE)?;
        }
        if version.is_none_or(|version| version < 5) {
            transaction.execute_batch(mail::TABLE)?;
        }
        if version.is_none_or(|version| version < 6) {
            transaction.execute_batch(requests::TABLES)?;
            transaction.execute_batch("UPDATE about SET requests_since = unixepoch()")?;
        }
        transaction.pragma_update(None, "user_version", VERSION)?;
        if owner.as_deref() != Some(identity) {
            for table in write::TABLES.into_iter().chain(["definitions", "about"]) {
                transaction.execute(&format!("DELETE FROM {table}"), [])?;
            }
            let remember = "INSERT INTO about (only_row, vault, requests_since)
                            VALUES (1, ?1, unixepoch())";
            transaction.execute(remember, [identity])?;
        }
        Ok(transaction.commit()?)
    }
}

/// The path of the usage record: `usage.db` beside `vault.db`.
pub fn path(vault: &Path) -> PathBuf {
    let is_database = vault.extension().is_some_and(|end| end == "db");
    vault::beside(vault, if is_database { "usage.db" } else { "usage" })
}

/// Whether the file exists; fails if it is not private.
fn is_there(path: &Path) -> Result<bool, Error> {
    vault::file_is_there(path).map_err(|error| match error {
        vault::Error::Unsafe { path, why, .. } => Error::Unsafe(path, why),
        error => error.into(),
    })
}

/// The file's name as an immutable SQLite URI (SQLite, "Uniform Resource Identifiers"): it is read
/// without locks and without a WAL.
fn unchanging(path: &Path) -> PathBuf {
    let mut name = OsString::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'%' | b'?' | b'#' => name.push(format!("%{byte:02x}")),
            byte => name.push(OsStr::from_bytes(&[*byte])),
        }
    }
    name.push("?immutable=1");
    name.into()
}

/// A record's version, and the identity of its vault.
type RecordIdentity = (i64, Vec<u8>);

/// The identity of the record's vault; `None` if it is empty.
fn owner(connection: &Connection, path: &Path) -> Result<Option<RecordIdentity>, Error> {
    let query =
        "SELECT user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_user_version";
    let marks = connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let version = match marks {
        (version @ OLDEST_READABLE..=VERSION, _) => version,
        (0, 0) => return Ok(None),
        _ => return Err(Error::Unusable(path.to_owned())),
    };
    let owner = connection.query_row("SELECT vault FROM about", [], |row| row.get(0));
    Ok(Some((version, owner.optional()?.unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_vaults_of_a_folder_share_a_record() {
        for (vault, usage) in [
            ("vault.db", "usage.db"),
            ("team.db", "team.usage.db"),
            ("team", "team.usage"),
            ("team.sqlite", "team.sqlite.usage"),
            ("vault", "vault.usage"),
        ] {
            let found = path(&Path::new("/srv").join(vault));
            assert_eq!(found, Path::new("/srv").join(usage));
        }
    }
}
