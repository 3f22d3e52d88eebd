//! Which files are trusted: who could have changed them, and what to suggest otherwise.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::geteuid;
use rustix::fs::{Mode, OFlags, openat};

use super::walk::{FinalLink, FolderWalk, OtherUser, OtherWriter, is_shared, is_trusted_user};
use super::{Error, failed};

/// The role of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRole {
    /// The vault, or a file beside it.
    Vault,
    /// `config.toml`.
    Settings,
    /// The manifest for `apply`.
    Manifest,
    /// The socket of `serve`.
    Socket,
    /// A file for a new secret, alone or in a variable.
    Secret,
    /// A file of the CI runner, to which a new secret is appended.
    Job,
    /// An export for servers that cannot read the vault.
    Export,
    /// The report on a leak.
    Report,
    /// A backup of the vault.
    Backup,
    /// A saved head of the audit log.
    LogHead,
    /// Certificates, of a client or of the authorities that are trusted.
    Certificate,
}

impl FileRole {
    /// Where else it could be.
    fn alternative(self) -> &'static str {
        match self {
            Self::Vault => "keep the vault in a folder of your own, and name it with --vault",
            Self::Settings => {
                "keep the settings in a folder of your own, and name them with --config"
            }
            Self::Manifest => "copy it to a folder of your own, and apply that",
            Self::Socket => {
                "name a socket in a folder of your own, as in `unix:/run/postkey/socket`"
            }
            _ => "name a file in a folder that only you can write to",
        }
    }

    /// The refusal because another user could change it.
    pub fn refusal(self, other: &OtherWriter) -> Error {
        let path = other.path.clone();
        let owner = std::fs::symlink_metadata(&path).map(|found| found.uid());
        let is_dir = path.is_dir();
        let (why, hint) = match other.who {
            OtherUser::Owner(_) if is_dir => ("is another user's folder", self.alternative()),
            OtherUser::Owner(_) => ("belongs to another user", self.alternative()),
            OtherUser::Writers if is_dir => (
                "is a folder that other users can write to",
                match may_change_mode(owner) {
                    true => "`chmod go-w {path}`, or use a folder that only you can write to",
                    false => self.alternative(),
                },
            ),
            OtherUser::Writers => (
                "can be written by other users",
                match may_change_mode(owner) {
                    true => "find out who changed it, then `chmod go-w {path}`",
                    false => self.alternative(),
                },
            ),
        };
        Error::Refused { path, why, hint }
    }

    /// Opens a file whose contents are trusted: neither it nor a parent folder may belong to
    /// another user or be writable by others.
    ///
    /// # Errors
    /// [`Error::Refused`] if it is not trusted; the system's error if it cannot be opened.
    pub fn open(self, path: &Path) -> Result<File, Error> {
        let failed = |source: io::Error| failed(path, source);
        let walk = FolderWalk::to(path, FinalLink::Follow).map_err(failed)?;
        walk.expect_trusted()
            .map_err(|other| self.refusal(&other))?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = openat(
            &walk.folder,
            &walk.name,
            flags | OFlags::CLOEXEC,
            Mode::empty(),
        );
        let file = File::from(file.map_err(|error| failed(error.into()))?);
        let found = file.metadata().map_err(failed)?;
        let real = walk.path();
        let who = if !is_trusted_user(found.uid()) {
            Some(OtherUser::Owner(found.uid()))
        } else if is_shared(&found, &file, &real) {
            Some(OtherUser::Writers)
        } else {
            None
        };
        match who {
            None => Ok(file),
            Some(who) => Err(self.refusal(&OtherWriter { path: real, who })),
        }
    }

    /// Makes sure that nobody else could replace a file at this path, which need not exist.
    ///
    /// # Errors
    /// [`Error::Refused`] if others could; [`Error::NoFolder`] if its folder does not exist.
    pub fn expect_private_folder(self, path: &Path) -> Result<FolderWalk, Error> {
        let walk = FolderWalk::to(path, FinalLink::Stay).map_err(|source| match source.kind() {
            ErrorKind::NotFound => Error::NoFolder(path.to_owned()),
            _ => failed(path, source),
        })?;
        match walk.expect_trusted_owner() {
            Ok(()) => Ok(walk),
            Err(other) => Err(self.refusal(&other)),
        }
    }
}

/// Whether this process can restrict the mode of a file with this owner.
fn may_change_mode(owner: io::Result<u32>) -> bool {
    geteuid().is_root() || owner.is_ok_and(|owner| owner == geteuid().as_raw())
}
