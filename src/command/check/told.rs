//! Remembers which findings a command was told of, in a file beside the vault. Without the file, or if
//! it is damaged, all findings are new.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

use super::output::KeyFinding;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{Draft, FileRole, IfExists, LockAttempt, LockFile};
use crate::vault::Vault;

/// The largest file that is read, in bytes.
const MAX_SIZE: u64 = 1 << 30;

/// The findings that a command was told of; no other process tells it of any meanwhile.
pub(super) struct ToldFindings {
    file: PathBuf,
    lines: HashSet<String>,
    _turn: LockFile,
}

impl ToldFindings {
    /// Waits for other processes that run the same `job`.
    ///
    /// # Errors
    /// If that takes too long, or no file can be locked beside the vault.
    pub(super) fn wait(vault: &Vault, job: &str, wait: Duration) -> Result<Self, Error> {
        let digest = Base64UrlUnpadded::encode_string(&Sha256::digest(job));
        let beside = |end: &str| {
            let mut path = vault.path().as_os_str().to_owned();
            path.push(format!(".told-{digest}{end}"));
            PathBuf::from(path)
        };
        let (file, lock) = (beside(""), beside(".lock"));
        match LockFile::wait_for(&lock, wait) {
            Ok(LockAttempt::Locked(turn)) => Ok(Self {
                lines: lines(&file),
                file,
                _turn: turn,
            }),
            Ok(LockAttempt::Busy) => {
                let holder = LockFile::holder(&lock);
                let message = format!("{holder} still runs this check and its command");
                Err(Error::new(ExitStatus::Trouble, message)
                    .with_hint("try again when it has ended, or wait longer with --wait 5m"))
            }
            Ok(LockAttempt::NoFile(error)) | Err(error) => {
                let message = format!("cannot lock `{}`: {error}", lock.display());
                Err(Error::new(ExitStatus::Trouble, message).with_hint(
                    "findings that are passed on are remembered beside the vault: make its folder \
                     writable",
                ))
            }
        }
    }

    /// Whether the command was told of a finding.
    pub(super) fn has(&self, found: &KeyFinding) -> bool {
        self.lines.contains(&line(found))
    }

    /// Remembers findings instead of those until now; also those, if not everything was checked.
    ///
    /// # Errors
    /// If they cannot be saved.
    pub(super) fn remember<'a>(
        &self,
        found: impl Iterator<Item = &'a KeyFinding>,
        is_all: bool,
    ) -> Result<(), Error> {
        let before = self.lines.iter().filter(|_| !is_all).cloned();
        let mut lines: Vec<String> = found.map(line).chain(before).collect();
        lines.sort();
        lines.dedup();
        if lines.len() == self.lines.len() && lines.iter().all(|line| self.lines.contains(line)) {
            return Ok(());
        }
        let save = || {
            let mut draft = Draft::begin(&self.file, FileRole::Vault, IfExists::Replace)?;
            draft.write(lines.concat().as_bytes())?;
            draft.publish()
        };
        save().map_err(|error| {
            let error = Error::from(error);
            let hint = "the same findings will be passed on again: check the vault's folder";
            error
                .about("cannot remember which findings were passed on")
                .with_hint(hint)
        })
    }
}

/// A finding as a line of the file.
fn line(found: &KeyFinding) -> String {
    let KeyFinding { name, finding, .. } = found;
    let (word, occurrence) = (finding.into_str(), finding.occurrence());
    format!("{name} {word} {occurrence}\n")
}

/// The lines of the file.
fn lines(file: &Path) -> HashSet<String> {
    let mut text = Vec::new();
    let read = FileRole::Vault
        .open(file)
        .map(|file| file.take(MAX_SIZE).read_to_end(&mut text));
    match read {
        Ok(Ok(_)) => {}
        // Damaged, or none: all findings are new.
        Ok(Err(_)) | Err(_) => return HashSet::new(),
    }
    let text = String::from_utf8_lossy(&text);
    text.split_inclusive('\n').map(str::to_owned).collect()
}
