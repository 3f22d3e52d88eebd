//! Reads a vault whose interrupted transaction cannot be rolled back in place.
//!
//! Opening the file as immutable would read half of the transaction. Instead, a private copy of
//! vault and journal is rolled back and read.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::OpenFlags;

use crate::vault::copy::with_end;
use crate::vault::descriptors::Descriptor;
use crate::vault::{Error, Vault, location, migrations, schema};

/// How often copying is retried after concurrent writes.
const ATTEMPTS: usize = 3;

/// The name of the copy in its folder.
const COPY_NAME: &str = "vault.db";

/// Identifies the state of a file.
type State = (u64, u64, i64, i64);

impl Vault {
    /// Opens the vault at the path for reading; after an interrupted transaction that cannot be
    /// rolled back, in its previous state.
    ///
    /// # Errors
    /// Like [`Vault::open`], and [`Error::NoCopy`] if the vault cannot be copied to be rolled back.
    pub fn open_to_read(path: &Path, wait: Duration) -> Result<Self, Error> {
        match Self::open(path, wait) {
            Err(Error::Interrupted) => Self::recovered(&location::resolve(path)?, wait),
            outcome => outcome,
        }
    }

    /// Whether it is a copy in which an interrupted transaction was rolled back.
    pub fn is_recovered(&self) -> bool {
        self.is_recovered
    }

    fn recovered(path: &Path, wait: Duration) -> Result<Self, Error> {
        let no_copy = |source| Error::NoCopy {
            path: path.to_owned(),
            source,
        };
        // Deleted when this function returns: the copy is read through the open descriptor.
        let folder = tempfile::Builder::new()
            .prefix(".postkey-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .map_err(no_copy)?;
        let copy = folder.path().join(COPY_NAME);
        copied(path, &copy).map_err(no_copy)?;
        let mut vault = Self::connect(copy, wait, OpenFlags::empty())?;
        schema::identify(vault.store.sqlite()?, path)?;
        migrations::migrate_own(vault.store.sqlite()?)?;
        vault.store.batch("PRAGMA query_only = ON")?;
        path.clone_into(&mut vault.path);
        vault.is_recovered = true;
        Ok(vault)
    }
}

/// Copies the vault and its journal as they are at one moment.
fn copied(vault: &Path, copy: &Path) -> io::Result<()> {
    let pairs = [
        (vault.to_owned(), copy.to_owned()),
        (journal(vault), journal(copy)),
    ];
    let states =
        || -> io::Result<Vec<State>> { pairs.iter().map(|(from, _)| state(from)).collect() };
    for _ in 0..ATTEMPTS {
        let before = states()?;
        for (from, to) in &pairs {
            // Not fs::copy, which also copies the mode.
            io::copy(&mut &*Descriptor::open(from)?, &mut File::create(to)?)?;
        }
        if states()? == before {
            return Ok(());
        }
    }
    Err(io::Error::other("another process is writing to it"))
}

fn journal(vault: &Path) -> PathBuf {
    with_end(vault, "-journal")
}

fn state(file: &Path) -> io::Result<State> {
    let found = fs::symlink_metadata(file)?;
    Ok((found.ino(), found.len(), found.ctime(), found.ctime_nsec()))
}
