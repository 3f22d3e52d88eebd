//! Inspects a vault in any state without changing it.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::sys::statfs::{FsType, NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, statfs};
use nix::unistd::{AccessFlags, access};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, params};

use super::column::timestamp;
use super::copy::{copy_pages, open, with_end};
use super::opened::configure;
use super::{ChangeWatch, Error, Vault, keys, location, migrations, schema};
use crate::files;
use crate::key::{AfterCommand, Grace, Hash, Period, Term, Verifier};
use crate::vault::pending_secrets::PENDING_LIFETIME;

/// Network file systems: NFS, SMB, and CIFS in its two versions (Linux, `magic.h`).
const NETWORK_FILE_SYSTEMS: [FsType; 4] = [
    NFS_SUPER_MAGIC,
    SMB_SUPER_MAGIC,
    FsType(0xff53_4d42),
    FsType(0xfe53_4d42),
];

/// A vault as it was found, copied to memory.
#[derive(Debug)]
pub struct InspectedVault {
    /// The vault, migrated to the newest schema.
    pub vault: Vault,
    /// The schema version that it was found with.
    pub schema: i64,
    /// The newest supported version.
    pub known: i64,
}

/// A file left behind beside a vault.
#[derive(Debug)]
pub struct Leftover {
    /// Its path.
    pub path: PathBuf,
    /// Its kind.
    pub kind: LeftoverKind,
    /// Its modification time.
    pub written_at: Timestamp,
}

/// The origin of a file beside a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftoverKind {
    /// An interrupted transaction, or one in progress.
    Journal,
    /// A copy from before a migration.
    OlderSchema,
    /// A copy from before a restore.
    BeforeRestore,
    /// An unfinished copy.
    Unfinished,
}

/// A secret whose hash is not like new ones.
#[derive(Debug)]
pub struct WeakHash {
    /// The name of its key.
    pub key: String,
    /// Whether checking it is refused, as too costly; otherwise it is too cheap.
    pub is_refused: bool,
}

/// Problems with the location of a vault's file, as every command reports them.
pub fn file_faults(path: &Path) -> Vec<Error> {
    let resolved = location::resolve(path);
    let file = location::exists(resolved.as_deref().unwrap_or(path));
    let file = match file {
        Ok(true) => None,
        Ok(false) => Some(Error::Missing(path.to_owned())),
        Err(error) => Some(error),
    };
    resolved.err().into_iter().chain(file).collect()
}

/// Whether others can access the folder of a vault's file.
pub fn is_folder_open(path: &Path) -> bool {
    location::is_folder_shared(path)
}

/// Whether the vault's file is on a network file system, where locks may not work.
pub fn is_elsewhere(path: &Path) -> bool {
    statfs(path).is_ok_and(|found| NETWORK_FILE_SYSTEMS.contains(&found.filesystem_type()))
}

/// Reads a vault into memory as it is; writes nothing, even after an interrupted transaction.
///
/// # Errors
/// If it is not a regular file, not a supported vault, locked, or in WAL mode.
pub fn examine(path: &Path, wait: std::time::Duration) -> Result<InspectedVault, Error> {
    let found = fs::symlink_metadata(path);
    if !found.is_ok_and(|found| found.is_file()) {
        return Err(Error::NotAVault(path.to_owned()));
    }
    if location::is_empty(path) {
        return Err(Error::Missing(path.to_owned()));
    }
    let watch = ChangeWatch::new(path)?;
    if !watch.is_database()? {
        return Err(Error::NotAVault(path.to_owned()));
    }
    watch.counter()?;
    let file = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    file.busy_timeout(wait)?;
    match schema::identify(&file, path) {
        Ok(schema::DatabaseKind::Empty) => return Err(Error::Missing(path.to_owned())),
        Ok(schema::DatabaseKind::Vault) | Err(Error::Foreign(_)) => {}
        Err(error) => return Err(error),
    }
    let (schema, known) = migrations::versions(&file)?;
    let mut memory = Connection::open_in_memory()?;
    copy_pages(&file, &mut memory)?;
    configure(&memory)?;
    let vault = Vault::of(memory, path.to_owned());
    // A damaged vault may fail to migrate; it is inspected as it is.
    let _ = migrations::migrate_own(vault.store.sqlite()?);
    Ok(InspectedVault {
        vault,
        schema,
        known,
    })
}

impl Vault {
    /// Checks the schema for foreign changes.
    ///
    /// # Errors
    /// [`Error::Foreign`], or if the vault cannot be read.
    pub fn expect_no_foreign_schema(&self) -> Result<(), Error> {
        schema::expect(self.store.sqlite()?, self.schema_version()?)
    }

    /// Makes sure that every page, index and reference is intact, however large the vault is.
    ///
    /// # Errors
    /// [`Error::Damaged`] with the first findings.
    pub fn check_pages(&self) -> Result<(), Error> {
        self.check_integrity()?;
        let query = "SELECT DISTINCT \"table\", parent FROM pragma_foreign_key_check";
        let orphans = self.store.all(query, &[], |row| {
            let (table, parent): (String, String) = (row.get(0)?, row.get(1)?);
            Ok(format!("{table} without {parent}"))
        })?;
        match orphans.as_slice() {
            [] => Ok(()),
            _ => Err(Error::Damaged(format!(
                "it contains {}",
                orphans.join(", ")
            ))),
        }
    }

    /// The pending secrets that a later run drops: the age of the oldest, and their number.
    pub fn staged_too_long(&self, now: Timestamp) -> Result<Option<(Timestamp, i64)>, Error> {
        let query = "SELECT min(staged_at), count(*) FROM pending WHERE staged_at < ?1";
        let before = now.as_second() - PENDING_LIFETIME;
        let (oldest, count): (Option<i64>, i64) =
            self.store
                .only(query, params![before], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let oldest = oldest.map(timestamp).transpose()?;
        Ok(oldest.map(|oldest| (oldest, count)))
    }

    /// The secrets whose hashes are too costly or too cheap to check.
    pub fn weak_hashes(&self) -> Result<Vec<WeakHash>, Error> {
        let query = "SELECT keys.name, secrets.digest, secrets.hash FROM secrets
                     LEFT JOIN keys ON keys.id = secrets.key_id
                     ORDER BY keys.name COLLATE NOCASE";
        let found = self.store.all(query, &[], |row| {
            let name: Option<String> = row.get(0)?;
            let verifier = keys::verifier(row, 1).ok();
            let hash = verifier.as_ref().and_then(Verifier::hash);
            // A hash beside a digest is only for mail servers, which would refuse it.
            let is_hash_lost = hash.is_none() && row.value(2)? != ValueRef::Null;
            let is_refused = verifier.is_none() || is_hash_lost;
            let is_weak = is_refused || hash.is_some_and(Hash::is_cheap);
            Ok(is_weak.then(|| WeakHash {
                key: name.unwrap_or_else(|| "?".to_owned()),
                is_refused,
            }))
        })?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The keys with an imported password that Dovecot 2.4 refuses.
    pub fn refused_by_dovecot_2_4(&self) -> Result<Vec<String>, Error> {
        // Imported hashes are preceded by their scheme in braces.
        let query = "SELECT keys.name, secrets.hash FROM secrets
                     JOIN keys ON keys.id = secrets.key_id
                     WHERE substr(secrets.hash, 1, 1) = '{' ORDER BY keys.name COLLATE NOCASE";
        let found = self.store.all(query, &[], |row| {
            let hash = row.value(1)?.as_str().unwrap_or_default();
            let hash = hash.parse::<Hash>();
            let is_refused = hash.is_ok_and(|hash| hash.is_refused_by_dovecot_2_4());
            is_refused.then(|| row.get(0)).transpose()
        })?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The invalid policies of keys: their names and values.
    pub fn invalid_policies(&self) -> Result<Vec<(String, String)>, Error> {
        let mut odd = Vec::new();
        for column in ["rotate_every", "unused", "grace", "settle", "after"] {
            let is_valid = |text: &str| match column {
                "grace" => text.parse::<Grace>().is_ok(),
                "settle" => text.parse::<Period>().is_ok(),
                "after" => text.parse::<AfterCommand>().is_ok(),
                _ => text.parse::<Term>().is_ok(),
            };
            let query = format!(
                "SELECT name, {column} FROM policies JOIN keys ON id = key_id
                 WHERE {column} IS NOT NULL"
            );
            let policies: Vec<(String, String)> = self
                .store
                .all(&query, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
            odd.extend(policies.into_iter().filter(|(_, text)| !is_valid(text)));
        }
        Ok(odd)
    }

    /// Calls `take` for every key, or with the error for an unreadable one.
    pub fn each_key(
        &self,
        mut take: impl FnMut(Result<super::Record, Error>),
    ) -> Result<(), Error> {
        for id in self.ids()? {
            if let Some(record) = self.by_id(id).transpose() {
                take(record);
            }
        }
        Ok(())
    }
}

/// The files that commands left behind beside a vault, the oldest first.
pub fn leftovers(vault: &Path) -> Result<Vec<Leftover>, Error> {
    let failed = |source| Error::Io {
        doing: "read the folder of",
        path: vault.to_owned(),
        source,
    };
    let folder = vault.parent().unwrap_or(Path::new("/"));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let Some(kind) = kind_of(vault, &entry.path()) {
            let written = entry.metadata().and_then(|found| found.modified());
            let written_at = written.map_err(failed)?.try_into().unwrap_or_default();
            let path = entry.path();
            found.push(Leftover {
                path,
                kind,
                written_at,
            });
        }
    }
    found.sort_by_key(|leftover| leftover.written_at);
    Ok(found)
}

fn kind_of(vault: &Path, path: &Path) -> Option<LeftoverKind> {
    let name = path.file_name()?.to_str()?;
    if name.starts_with(files::DRAFT_PREFIX) {
        return Some(LeftoverKind::Unfinished);
    }
    let rest = name.strip_prefix(vault.file_name()?.to_str()?)?;
    if ["-journal", "-wal", "-shm"].contains(&rest) {
        Some(LeftoverKind::Journal)
    } else if rest.starts_with(".schema-") {
        Some(LeftoverKind::OlderSchema)
    } else if rest.starts_with(".before-restore-") {
        Some(LeftoverKind::BeforeRestore)
    } else {
        None
    }
}

/// Whether an interrupted transaction must be rolled back.
pub fn has_journal(vault: &Path) -> bool {
    with_end(vault, "-journal").exists()
}

/// Whether a vault's file and folder seem writable, without writing.
pub fn is_writable(vault: &Path) -> bool {
    [vault, files::folder_of(vault)]
        .into_iter()
        .all(|path| access(path, AccessFlags::W_OK).is_ok())
}

/// The version of the bundled SQLite.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}
