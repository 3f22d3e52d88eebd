//! Reading a vault whose interrupted transaction cannot be rolled back where it lies.
//!
//! Opening such a file as immutable would read half of the transaction. A private copy of vault
//! and journal is rolled back instead, and read.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::OpenFlags;

use crate::vault::copy::with_end;
use crate::vault::descriptors::Descriptor;
use crate::vault::{Error, Vault, migrations, place, schema};

/// How often it is copied anew because somebody wrote to it meanwhile.
const ATTEMPTS: usize = 3;

/// What the copy is called in its folder.
const COPY_NAME: &str = "vault.db";

/// What tells one state of a file from another.
type State = (u64, u64, i64, i64);

impl Vault {
    /// Opens the vault at the path to read it: as it was before a transaction that was
    /// interrupted and cannot be rolled back, if there is one.
    ///
    /// # Errors
    /// As [`Vault::open`], and [`Error::NoCopy`] if the vault cannot be copied to be rolled back.
    pub fn open_to_read(path: &Path, wait: Duration) -> Result<Self, Error> {
        match Self::open(path, wait) {
            Err(Error::Interrupted) => Self::recovered(&place::resolve(path)?, wait),
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
        // Gone with this function: the copy is read through what is open then.
        let folder = tempfile::Builder::new()
            .prefix(".postkey-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .map_err(no_copy)?;
        let copy = folder.path().join(COPY_NAME);
        copied(path, &copy).map_err(no_copy)?;
        let mut vault = Self::connect(copy, wait, OpenFlags::empty())?;
        schema::identify(&vault.connection, path)?;
        migrations::migrate_own(&mut vault.connection)?;
        vault.connection.pragma_update(None, "query_only", true)?;
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
            // Not fs::copy, which copies the mode, too.
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
