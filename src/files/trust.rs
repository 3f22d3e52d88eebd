//! Files that are obeyed or written to: who may have a say in them, and what to do about others.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::geteuid;
use rustix::fs::{Mode, OFlags, openat};

use super::walk::{FinalLink, FolderWalk, OtherUser, OtherWriter, is_shared, is_trusted_user};
use super::{Error, failed};

/// What a file is to postkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRole {
    /// The vault, or what is beside it.
    Vault,
    /// `config.toml`.
    Settings,
    /// What `apply` reads.
    Manifest,
    /// Where `serve` listens.
    Socket,
    /// A new secret, alone in its file or in a variable of it.
    Secret,
    /// A file of the job's runner, to which a new secret is added.
    Job,
    /// What servers read that cannot read the vault.
    Export,
    /// The report of a leak.
    Report,
    /// A copy of the vault.
    Backup,
    /// The newest entry of the audit log.
    LogHead,
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

    /// The refusal because somebody else has a say in it.
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

    /// Opens a file to obey what it says: neither it nor a folder on the way to it may be
    /// another user's or writable by others.
    ///
    /// # Errors
    /// [`Error::Refused`] if it is not trusted; the system's word if it cannot be opened.
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

    /// Makes sure that nobody else could put another file in the place of one that is there, or
    /// is to be.
    ///
    /// # Errors
    /// [`Error::Refused`] if others could; [`Error::NoFolder`] if there is no folder for it.
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

/// Whether the user of this process can take rights away from a file of this owner's.
fn may_change_mode(owner: io::Result<u32>) -> bool {
    geteuid().is_root() || owner.is_ok_and(|owner| owner == geteuid().as_raw())
}
