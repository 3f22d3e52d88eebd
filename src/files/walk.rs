//! Walks to a file folder by folder, to find out who else could redirect the path; keeps the final
//! folder open.
//!
//! The caller decides what that means: nobody else may control the vault, the settings and
//! manifests ([`FolderWalk::expect_trusted`]); root may write to the folder of another user's
//! application, but not through it to a third user's ([`FolderWalk::expect_trusted_owner`]).

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::unistd::{Gid, Group, Uid, User, geteuid};
use rustix::fs::{CWD, Mode, OFlags, StatVfsMountFlags, fstatvfs, openat, readlinkat};
use rustix::io::Errno;

use super::acl;

/// Others may write.
const OTHERS_WRITE: u32 = 0o002;
/// The group may write.
const GROUP_WRITE: u32 = 0o020;
/// Only owners may rename and remove files in the folder, as in `/tmp`.
const STICKY: u32 = 0o1000;

/// The kernel's limit on links (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// The folder of a file.
#[derive(Debug)]
pub struct FolderWalk {
    /// The folder, opened with O_PATH.
    pub(super) folder: File,
    /// The folder's real path.
    pub real: PathBuf,
    /// The file's name in the folder.
    pub name: OsString,
    /// Who else could replace the file at the path, from the root down.
    others: Vec<OtherWriter>,
    /// Whether others may create files in the folder, as in `/tmp`.
    is_shared: bool,
}

/// Another user who could redirect a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherWriter {
    /// The file or folder that they could change.
    pub path: PathBuf,
    /// The user.
    pub who: OtherUser,
}

/// Why a user could change a file or a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherUser {
    /// As its owner, who is neither root nor the user of this process.
    Owner(u32),
    /// By its mode.
    Writers,
}

/// How to treat a symbolic link at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinalLink {
    /// As the file itself.
    Stay,
    /// By following it.
    Follow,
}

impl FolderWalk {
    /// Walks to a file, which need not exist.
    pub fn to(path: &Path, last: FinalLink) -> io::Result<Self> {
        let mut walker = Walker::new(path)?;
        while let Some(part) = walker.rest.pop_front() {
            let is_last = walker.rest.is_empty();
            if is_last && part != ".." {
                match walker.inspect(&part)? {
                    Some((link, found)) if found.is_symlink() && last == FinalLink::Follow => {
                        walker.follow(&link, &found, &part)?;
                        continue;
                    }
                    _ => return walker.finish(part),
                }
            }
            walker.enter(&part)?;
        }
        Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder"))
    }

    /// Walks to a folder itself, following links.
    pub fn into(folder: &Path) -> io::Result<Self> {
        let mut walker = Walker::new(folder)?;
        while let Some(part) = walker.rest.pop_front() {
            walker.enter(&part)?;
        }
        walker.finish(OsString::new())
    }

    /// The path with all links resolved.
    pub fn path(&self) -> PathBuf {
        self.real.join(&self.name)
    }

    /// Whether others may create files in the folder.
    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Makes sure that only root and the user of this process could change the file at the path.
    ///
    /// # Errors
    /// Another user who could.
    pub fn expect_trusted(&self) -> Result<(), OtherWriter> {
        self.others.first().cloned().map_or(Ok(()), Err)
    }

    /// The same, but for root the folder may belong to one other user: what root writes there
    /// cannot be redirected to a folder that does not.
    ///
    /// # Errors
    /// Another user who could redirect the path.
    pub fn expect_trusted_owner(&self) -> Result<(), OtherWriter> {
        let Some(other) = self.others.first() else {
            return Ok(());
        };
        let owner = self.folder.metadata().map(|found| found.uid()).ok();
        let is_theirs = |other: &OtherWriter| match other.who {
            OtherUser::Owner(user) => owner == Some(user),
            OtherUser::Writers => false,
        };
        match geteuid().is_root() && self.others.iter().all(is_theirs) {
            true => Ok(()),
            false => Err(other.clone()),
        }
    }
}

/// A walk in progress.
struct Walker {
    folder: File,
    real: PathBuf,
    rest: VecDeque<OsString>,
    links: usize,
    others: Vec<OtherWriter>,
    is_shared: bool,
}

impl Walker {
    fn new(path: &Path) -> io::Result<Self> {
        let mut walker = Self {
            folder: root()?,
            real: PathBuf::from("/"),
            rest: VecDeque::new(),
            links: 0,
            others: Vec::new(),
            is_shared: false,
        };
        let found = walker.folder.metadata()?;
        walker.record_writers(&found);
        if path.is_relative() {
            walker.rest.extend(parts(&fs::canonicalize(".")?));
        }
        walker.rest.extend(parts(path));
        Ok(walker)
    }

    /// An entry of the folder, opened without following links, and its metadata.
    fn inspect(&self, name: &OsStr) -> io::Result<Option<(File, Metadata)>> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&self.folder, name, flags, Mode::empty()) {
            Ok(found) => {
                let found = File::from(found);
                let metadata = found.metadata()?;
                Ok(Some((found, metadata)))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Enters a folder, following a link.
    fn enter(&mut self, name: &OsStr) -> io::Result<()> {
        let Some((found, metadata)) = self.inspect(name)? else {
            return Err(Errno::NOENT.into());
        };
        if metadata.is_symlink() {
            return self.follow(&found, &metadata, name);
        }
        if !metadata.is_dir() {
            return Err(Errno::NOTDIR.into());
        }
        match name == ".." {
            true => drop(self.real.pop()),
            false => self.real.push(name),
        }
        self.folder = found;
        self.record_writers(&metadata);
        Ok(())
    }

    fn follow(&mut self, link: &File, found: &Metadata, name: &OsStr) -> io::Result<()> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Errno::LOOP.into());
        }
        if !is_trusted_user(found.uid()) {
            self.note(self.real.join(name), OtherUser::Owner(found.uid()));
        }
        let target = readlinkat(link, "", Vec::new())?;
        let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
        if target.is_absolute() {
            self.folder = root()?;
            self.real = PathBuf::from("/");
        }
        for part in parts(&target).into_iter().rev() {
            self.rest.push_front(part);
        }
        Ok(())
    }

    /// Records who could change the contents of the folder that was entered.
    fn record_writers(&mut self, found: &Metadata) {
        if !is_trusted_user(found.uid()) {
            self.note(self.real.clone(), OtherUser::Owner(found.uid()));
        }
        self.is_shared = is_shared(found, &self.folder, &self.real);
        if self.is_shared && found.mode() & STICKY == 0 {
            self.note(self.real.clone(), OtherUser::Writers);
        }
    }

    fn note(&mut self, path: PathBuf, who: OtherUser) {
        self.others.push(OtherWriter { path, who });
    }

    fn finish(self, name: OsString) -> io::Result<FolderWalk> {
        Ok(FolderWalk {
            folder: self.folder,
            real: self.real,
            name,
            others: self.others,
            is_shared: self.is_shared,
        })
    }
}

fn root() -> io::Result<File> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(CWD, "/", flags, Mode::empty())?.into())
}

fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    });
    parts.collect()
}

/// Whether a user is root or the user of this process.
pub(super) fn is_trusted_user(user: u32) -> bool {
    [0, geteuid().as_raw()].contains(&user)
}

/// Whether users other than the owner can write to a file or folder; nobody can on a read-only file
/// system.
pub(super) fn is_shared(found: &Metadata, opened: &File, path: &Path) -> bool {
    let mode = found.mode();
    let by_group = || {
        let may_write = mode & GROUP_WRITE != 0;
        may_write && (acl::has_list(path) || !is_private(found.gid(), found.uid()))
    };
    let is_read_only =
        || fstatvfs(opened).is_ok_and(|system| system.f_flag.contains(StatVfsMountFlags::RDONLY));
    (mode & OTHERS_WRITE != 0 || by_group()) && !is_read_only()
}

/// Whether a group contains only its owner, as where each user has a group of the same name,
/// writable with a umask of 002. (OpenSSH in Debian checks the same.)
fn is_private(group: u32, owner: u32) -> bool {
    let user = User::from_uid(Uid::from_raw(owner)).ok().flatten();
    let found = Group::from_gid(Gid::from_raw(group)).ok().flatten();
    user.zip(found).is_some_and(|(user, found)| {
        let is_only = found.mem.iter().all(|member| *member == user.name);
        user.gid.as_raw() == group && found.name == user.name && is_only
    })
}
