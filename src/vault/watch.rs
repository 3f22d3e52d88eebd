//! Detects changes of a vault without a lock or SQLite.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::libc::O_NOFOLLOW;

use super::descriptors::Descriptor;
use super::{Error, Vault};
use crate::files::FileId;
use crate::memory::FirstPage;

/// The location of the page size, the format versions and the change counter in a database's
/// header, in bytes (<https://www.sqlite.org/fileformat2.html>, section 1.3).
const HEADER: std::ops::Range<u64> = 16..28;

/// The first bytes of a database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The location of the schema's version in the header, in bytes.
const SCHEMA: u64 = 60;

/// The format version of a file in rollback mode; in WAL mode the counter does not change.
const ROLLBACK_MODE: u8 = 1;

/// When a file was last changed (ctime), in nanoseconds.
pub type ChangedAt = i64;

/// Watches the vault's change counter, which every commit increments.
///
/// The counter is read through a separate descriptor.
#[derive(Debug)]
pub struct ChangeWatch {
    header: Descriptor,
    path: PathBuf,
    schema: [u8; 4],
    page: Option<FirstPage>,
}

impl ChangeWatch {
    /// Starts watching the vault at a path, once it can be opened.
    ///
    /// # Errors
    /// Like [`Vault::open`], and [`Error::Missing`] if the file was replaced meanwhile.
    pub fn open(path: &Path, wait: Duration) -> Result<Self, Error> {
        let before = FileId::at(path);
        let vault = Vault::open(path, wait)?;
        let watch = Self::new(vault.path())?;
        if before == Some(watch.header.id()) {
            Ok(watch)
        } else {
            Err(Error::Missing(path.to_owned()))
        }
    }

    pub(super) fn new(path: &Path) -> Result<Self, Error> {
        let path = path.to_owned();
        let failed = |source| Error::Io {
            doing: "open",
            path: path.clone(),
            source,
        };
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(O_NOFOLLOW);
        let file = options.open(&path).map_err(failed)?;
        let found = file.metadata().map_err(failed)?;
        let header = Descriptor::new(file, FileId::of(&found));
        let schema = schema(&header).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Error::NotAVault(path.clone()),
            _ => failed(error),
        })?;
        Ok(Self {
            schema,
            header,
            path,
            page: None,
        })
    }

    /// The same, but reads the counter from a mapping, without a system call, if the file system
    /// supports that.
    pub fn mapped(self) -> Self {
        Self {
            page: FirstPage::of(&self.header),
            ..self
        }
    }

    /// Whether the file begins like an SQLite database.
    pub(super) fn is_database(&self) -> Result<bool, Error> {
        let mut bytes = [0; MAGIC.len()];
        let length = self.header.read_at(&mut bytes, 0);
        let length = length.map_err(|source| Error::Io {
            doing: "read",
            path: self.path.clone(),
            source,
        })?;
        Ok(bytes[..length] == *MAGIC)
    }

    /// The change counter. What was read from the vault stays true while it is unchanged, if both
    /// were read within the same [`Vault::snapshot`].
    ///
    /// # Errors
    /// If the file cannot be read, or is in WAL mode.
    pub fn counter(&self) -> Result<u32, Error> {
        match self.page.as_ref().and_then(counter_on) {
            Some(counter) => Ok(counter),
            None => self.counter_read(),
        }
    }

    fn counter_read(&self) -> Result<u32, Error> {
        let mut bytes = [0; (HEADER.end - HEADER.start) as usize];
        self.header
            .read_exact_at(&mut bytes, HEADER.start)
            .map_err(|source| Error::Io {
                doing: "read",
                path: self.path.clone(),
                source,
            })?;
        let [_, _, ROLLBACK_MODE, ROLLBACK_MODE, _, _, _, _, counter @ ..] = bytes else {
            return Err(Error::Wal);
        };
        Ok(u32::from_be_bytes(counter))
    }

    /// When the watched file was last changed in any way, if it is still at the vault's path, with
    /// the same schema.
    ///
    /// Together with the counter, this detects changes other than commits: overwriting the file
    /// with a copy, for example, changes the time, but the counter only to that of the copy.
    pub fn changed_at(&self) -> Option<ChangedAt> {
        let found = fs::symlink_metadata(&self.path).ok()?;
        let is_in_place = FileId::of(&found) == self.header.id()
            && schema(&self.header).is_ok_and(|schema| schema == self.schema);
        let seconds = found.ctime().wrapping_mul(1_000_000_000);
        is_in_place.then(|| seconds.wrapping_add(found.ctime_nsec()))
    }
}

/// The counter on the first page of a database in rollback mode.
fn counter_on(page: &FirstPage) -> Option<u32> {
    let [_, _, ROLLBACK_MODE, ROLLBACK_MODE] = page.word(HEADER.start as usize) else {
        return None;
    };
    Some(u32::from_be_bytes(page.word(HEADER.end as usize - 4)))
}

fn schema(header: &File) -> io::Result<[u8; 4]> {
    let mut version = [0; 4];
    header.read_exact_at(&mut version, SCHEMA)?;
    Ok(version)
}
