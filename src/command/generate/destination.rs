//! Destinations for the secrets of many keys: one file each, or standard output for all.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::flags::Generate;
use crate::context::Context;
use crate::delivery::{BATCH_SIZE, Destination, NewSecret, expect_untracked};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{self, FileRole};
use crate::key::{HashMemory, KeyName, KeyVariables, Kind, Scanner, Secret};
use crate::ui::Format;
use crate::vault::{self, Vault};

/// The hint if a file already exists.
pub(super) const NEVER_REPLACED: &str =
    "files are never replaced: name another folder, or move the file";

/// The maximum size of a file of ours, in bytes.
const MAX_SIZE: u64 = 8192;

/// Where the secrets go.
pub(super) enum BulkDestination {
    /// A folder with one file per key.
    Folder { path: PathBuf, format: Format },
    /// Standard output, with one object per line.
    Lines,
    /// Another destination, which tells the keys apart.
    Each,
}

/// What the destination of a new key's secret already contains.
pub(super) enum DestinationState {
    Nothing,
    /// The pending secret of a run that was killed before it created the key.
    Left(Box<NewSecret>),
    /// Something that must not be overwritten.
    Another(Error),
}

impl BulkDestination {
    /// The destination given on the command line.
    pub(super) fn of(args: &Generate, context: &Context) -> Result<Self, Error> {
        let folder = match &args.save_dir {
            Some(folder) => Some(folder.clone()),
            None => args.delivery.folder()?,
        };
        if folder.is_none() && args.delivery.is_given() {
            args.delivery.expect(context)?;
            return Ok(Self::Each);
        }
        match (folder, context.ui.format) {
            (Some(path), format) => {
                files::expect_own_folder(&path, FileRole::Secret)?;
                expect_no_vault_in(&path, context)?;
                expect_untracked(&path.join("key"), context)?;
                Ok(Self::Folder { path, format })
            }
            (None, Format::Jsonl) => {
                args.delivery.expect(context)?;
                Ok(Self::Lines)
            }
            (None, _) => Err(
                Error::usage("a destination is required for several secrets").with_hint(
                    "--save-dir FOLDER writes one file per key, --format jsonl prints one object \
                     per line",
                ),
            ),
        }
    }

    /// Creates the folder if it is missing.
    pub(super) fn prepare(&self) -> Result<(), Error> {
        let Self::Folder { path, .. } = self else {
            return Ok(());
        };
        files::make_folders(&files::missing_folders(path)).map_err(|error| {
            let message = format!("cannot create the folder `{}`: {error}", path.display());
            Error::new(ExitStatus::Trouble, message)
        })
    }

    /// Whether the secret of an existing key seems to be in its file.
    pub(super) fn has(&self, name: &KeyName) -> bool {
        match self {
            Self::Folder { .. } => fs::symlink_metadata(self.path_of(name)).is_ok(),
            Self::Lines | Self::Each => true,
        }
    }

    /// What the destination of a new key's secret already contains.
    pub(super) fn inspect(
        &self,
        name: &KeyName,
        kind: Kind,
        vault: Option<&Vault>,
    ) -> Result<DestinationState, Error> {
        let path = match self {
            Self::Folder { .. } => self.path_of(name),
            Self::Lines | Self::Each => return Ok(DestinationState::Nothing),
        };
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(DestinationState::Nothing),
            _ => match vault.map(|vault| left(&path, kind, vault)).transpose()? {
                Some(Some(fresh)) => Ok(DestinationState::Left(Box::new(fresh))),
                _ => Ok(DestinationState::Another(already_exists(&path))),
            },
        }
    }

    /// How many keys are created at once: those whose secrets go to the same file or command one
    /// after the other.
    pub(super) fn batch_size(&self) -> usize {
        match self {
            Self::Folder { .. } | Self::Lines => BATCH_SIZE,
            Self::Each => 1,
        }
    }

    /// The destination of a key's secret, if it is not that of the flags.
    pub(super) fn destination(&self, name: &KeyName, kind: Kind) -> Option<Destination> {
        match self {
            Self::Folder { format, .. } => Some(Destination::File {
                path: self.path_of(name),
                format: *format,
            }),
            Self::Lines => Some(Destination::Output {
                format: Format::Jsonl,
                variables: KeyVariables::of(name, kind),
            }),
            Self::Each => None,
        }
    }

    /// The file of a key's secret; its extension is the format.
    fn path_of(&self, name: &KeyName) -> PathBuf {
        let Self::Folder { path, format } = self else {
            return PathBuf::new();
        };
        format.file_in(path, name)
    }
}

/// The pending secret in a file, if it has one: it was never valid, and will be now.
fn left(path: &Path, kind: Kind, vault: &Vault) -> Result<Option<NewSecret>, Error> {
    let is_of_kind = |secret: &Secret| secret.expose().starts_with(kind.prefix());
    let Some(secret) = secret_in(path).filter(is_of_kind) else {
        return Ok(None);
    };
    let Some(verifier) = vault.pending(&secret.tail())? else {
        return Ok(None);
    };
    let matches = verifier.matches(&secret, &mut HashMemory::default());
    let is_staged = matches.map_err(vault::Error::from)?;
    Ok(is_staged.then(|| NewSecret::of(secret, verifier)))
}

/// The one secret in a file that is no larger than ours.
fn secret_in(path: &Path) -> Option<Secret> {
    let mut open = OpenOptions::new();
    // Does not follow links, nor wait for the writer of a pipe.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let mut file = open.read(true).custom_flags(flags.bits()).open(path).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > MAX_SIZE {
        return None;
    }
    let (mut scanner, mut found) = (Scanner::default(), Vec::new());
    loop {
        let read = file.read(scanner.buffer()).ok()?;
        scanner.advance(read, |finding| found.push(finding.found));
        if read == 0 {
            break;
        }
    }
    let only = found.pop().filter(|_| found.is_empty());
    only?.ok()
}

/// A key's name may be that of a file which SQLite creates and removes as it likes.
fn expect_no_vault_in(folder: &Path, context: &Context) -> Result<(), Error> {
    let own = files::real(context.settings.vault.local());
    if files::real(&folder.join("key")).parent() != own.parent() {
        return Ok(());
    }
    let message = format!("`{}` is the vault's own folder", folder.display());
    Err(Error::new(ExitStatus::Trouble, message).with_hint("name another one"))
}

fn already_exists(path: &Path) -> Error {
    let message = format!("`{}` already exists, but its key does not", path.display());
    Error::new(ExitStatus::Exists, message).with_hint(NEVER_REPLACED)
}
