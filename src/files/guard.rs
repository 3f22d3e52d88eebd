//! Files that no command may overwrite: the vault and its companions, the settings, the manifest,
//! the exports. They are registered once per run and checked on every write, so that no command can
//! forget to.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use super::walk::FolderWalk;
use super::{Error, FileId, FileRole, real};

/// The prefix of temporary files.
pub const DRAFT_PREFIX: &str = ".postkey-";

/// The suffixes of files that belong to an SQLite database.
const SQLITE_SUFFIXES: [&str; 3] = ["-journal", "-wal", "-shm"];

/// The suffixes of copies and locks of the vault.
const VAULT_SUFFIXES: [&str; 5] = [
    ".apply",
    ".delivery-",
    ".told-",
    ".schema-",
    ".before-restore-",
];

/// The first bytes of an SQLite database (<https://www.sqlite.org/fileformat2.html>).
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";

/// A protected file.
#[derive(Clone, Debug)]
struct ProtectedFile {
    path: PathBuf,
    what: ProtectionReason,
}

/// Why a file is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtectionReason {
    /// The vault's or the usage record's database.
    Vault,
    /// The settings.
    Settings,
    /// The manifest being applied.
    Manifest,
    /// An export named in the settings.
    Export,
}

static PROTECTED: RwLock<Vec<ProtectedFile>> = RwLock::new(Vec::new());

/// Protects a file from being overwritten until the process ends.
pub fn protect(path: &Path, what: ProtectionReason) {
    let kept = ProtectedFile {
        path: real(path),
        what,
    };
    PROTECTED
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .push(kept);
}

/// Makes sure that a file is not protected under any of its names.
pub(super) fn expect_writable(path: &Path, walk: &FolderWalk, use_: FileRole) -> Result<(), Error> {
    let refused = |why| {
        Err(Error::Refused {
            path: path.to_owned(),
            why,
            hint: "name another file",
        })
    };
    if use_ == FileRole::Vault {
        return Ok(());
    }
    let real = walk.path();
    let kept = PROTECTED.read().unwrap_or_else(PoisonError::into_inner);
    let found = kept.iter().find(|kept| kept.protects(&real, use_));
    let is_beside = |kept: &ProtectedFile| {
        kept.what == ProtectionReason::Vault && kept.path.parent() == Some(&walk.real)
    };
    match found.map(|kept| kept.what) {
        Some(ProtectionReason::Vault) => refused("is the vault's own file or belongs to it"),
        Some(ProtectionReason::Settings) => refused("is the settings file"),
        Some(ProtectionReason::Manifest) => refused("is the manifest itself"),
        Some(ProtectionReason::Export) => {
            refused("is an export, which is rewritten with every change")
        }
        None if use_ == FileRole::Secret && kept.iter().any(is_beside) => {
            refused("is in the vault's own folder")
        }
        None if is_companion(&walk.real, &walk.name) => {
            refused("has the name of a database's auxiliary file or of a temporary file")
        }
        None => Ok(()),
    }
}

impl ProtectedFile {
    /// Whether it is the file at a path, under the same name or another, and protected from this
    /// use.
    fn protects(&self, real: &Path, use_: FileRole) -> bool {
        let is_same = || is_same(&self.path, real);
        match self.what {
            ProtectionReason::Vault => is_part(&self.path, real) || is_same(),
            ProtectionReason::Export => use_ != FileRole::Export && is_same(),
            ProtectionReason::Settings | ProtectionReason::Manifest => is_same(),
        }
    }
}

/// Whether a path leads to the protected file, under the same name or another.
fn is_same(kept: &Path, real: &Path) -> bool {
    kept == real || FileId::at(real).is_some_and(|id| FileId::at(kept) == Some(id))
}

/// Whether a file is named like the database, or like a file that SQLite or postkey creates beside
/// it.
fn is_part(database: &Path, real: &Path) -> bool {
    let (Some(own), Some(name)) = (bytes(database), bytes(real)) else {
        return false;
    };
    let rest = match database.parent() == real.parent() {
        true => name.strip_prefix(own),
        false => None,
    };
    rest.is_some_and(|rest| {
        rest.is_empty()
            || SQLITE_SUFFIXES.iter().any(|end| rest == end.as_bytes())
            || VAULT_SUFFIXES
                .iter()
                .any(|start| rest.starts_with(start.as_bytes()))
    })
}

/// Whether a name is that of a journal or similar of an existing database, or of another command's
/// temporary file.
fn is_companion(folder: &Path, name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let database = SQLITE_SUFFIXES
        .iter()
        .find_map(|end| name.strip_suffix(end.as_bytes()));
    let is_database = |name: &[u8]| {
        let path = folder.join(String::from_utf8_lossy(name).as_ref());
        let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
        is_file && starts_with(&path, SQLITE_MAGIC)
    };
    name.starts_with(DRAFT_PREFIX.as_bytes()) || database.is_some_and(is_database)
}

fn starts_with(path: &Path, start: &[u8]) -> bool {
    let mut text = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(start.len() as u64).read_to_end(&mut text));
    read.is_ok() && text == start
}

fn bytes(path: &Path) -> Option<&[u8]> {
    path.file_name().map(OsStr::as_encoded_bytes)
}
