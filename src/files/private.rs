//! Files that only their owner may read, such as one with a password on its first line.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::geteuid;
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::key::without_mark;

/// The maximum length of a line, in bytes; the limit of a terminal's line.
const MAX_LINE: usize = 4096;

/// Any access for the group or others.
const GROUP_AND_OTHERS: u32 = 0o077;

/// Why a private file is refused, and the hint, into which [`super::hint_of`] fills the path.
#[derive(Debug, PartialEq, Eq)]
pub struct PrivateFileFault {
    /// What is wrong with it: a sentence whose subject is the file.
    pub why: String,
    /// How to fix it.
    pub hint: String,
}

impl PrivateFileFault {
    fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            hint: hint.into(),
        }
    }

    /// The system's error.
    pub fn of_io(error: &io::Error) -> Self {
        if error.raw_os_error() == Some(Errno::ELOOP as i32) {
            return Self::new("is a symbolic link", "name the file itself");
        }
        let why = format!("cannot be read: {error}");
        Self::new(why, "name a file of your own")
    }
}

/// Opens a file that only its owner, who is the user or root, can access; neither follows a link
/// nor waits for a FIFO's writer.
pub fn open_private(path: &Path) -> Result<File, PrivateFileFault> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut open = OpenOptions::new();
    let flags = i32::try_from(flags.bits()).expect("flags of open(2)");
    let file = open.read(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| PrivateFileFault::of_io(&error))?;
    let found = file
        .metadata()
        .map_err(|error| PrivateFileFault::of_io(&error))?;
    match fault(&found) {
        None => Ok(file),
        Some((why, hint)) => Err(PrivateFileFault::new(why, hint)),
    }
}

/// Why the file is refused, and the hint.
fn fault(file: &Metadata) -> Option<(&'static str, &'static str)> {
    if !file.is_file() {
        Some(("is not a regular file", "name a file of your own"))
    } else if ![0, geteuid().as_raw()].contains(&file.uid()) {
        Some(("belongs to another user", "name a file of your own"))
    } else if file.mode() & GROUP_AND_OTHERS != 0 {
        Some((
            "is open to other users",
            "find out who has read it, then `chmod 600 {path}`",
        ))
    } else {
        None
    }
}

/// The secret on a file's first line; `what` names it in hints: `passphrase`.
pub fn secret_line(file: File, what: &str) -> Result<Zeroizing<String>, PrivateFileFault> {
    let line = first_line(file).map_err(|error| PrivateFileFault::of_io(&error))?;
    if line.len() > MAX_LINE {
        return Err(PrivateFileFault::new(
            "has a first line of more than 4096 bytes",
            format!("put the {what} alone on it"),
        ));
    }
    let text = std::str::from_utf8(without_mark(&line)).map_err(|_| {
        PrivateFileFault::new("is not UTF-8 text", format!("write the {what} as text"))
    })?;
    if text.is_empty() {
        let hint = format!("put the {what} on it");
        return Err(PrivateFileFault::new("has an empty first line", hint));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// The first line without its end, or more than the maximum; unbuffered, since std's buffer would
/// keep a copy.
fn first_line(file: File) -> io::Result<Zeroizing<Vec<u8>>> {
    let most = MAX_LINE + 2;
    let mut line = Zeroizing::new(Vec::with_capacity(2 * most));
    file.take(most as u64).read_to_end(&mut line)?;
    let end = line.iter().position(|&byte| byte == b'\n');
    line.truncate(end.unwrap_or(most));
    if line.ends_with(b"\r") {
        line.pop();
    }
    Ok(line)
}
