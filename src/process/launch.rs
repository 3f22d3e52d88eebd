//! Starts a program as a shell does, with secrets in its environment or on a file descriptor.

use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::io::{self, PipeReader, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::Pid;
use zeroize::Zeroizing;

use super::umask::with_that_of_caller;

/// What runs a script that names no interpreter.
const SHELL: &str = "/bin/sh";

/// A program to start. The standard library would not wipe its environment, and would start it with
/// the signals blocked that this process holds back.
#[derive(Debug)]
pub struct Launch {
    path: PathBuf,
    words: Vec<Zeroizing<CString>>,
    environment: Vec<Zeroizing<CString>>,
    pipe: Option<(PipeReader, RawFd)>,
}

impl Launch {
    /// A program with its name and arguments, and this process's environment.
    pub fn new(path: PathBuf, words: Vec<OsString>) -> Self {
        let all = env::vars_os();
        let environment = all.map(|(name, value)| assignment(&name, &value));
        Self {
            path,
            words: words.into_iter().map(text).collect(),
            environment: environment.collect(),
            pipe: None,
        }
    }

    /// Sets an environment variable.
    pub fn set(&mut self, name: &str, value: &str) {
        let start = format!("{name}=");
        let is_other = |one: &Zeroizing<CString>| !one.to_bytes().starts_with(start.as_bytes());
        self.environment.retain(is_other);
        let value = assignment(name.as_ref(), value.as_ref());
        self.environment.push(value);
    }

    /// Gives it a text to read on a file descriptor, which must be smaller than a pipe's buffer.
    ///
    /// # Errors
    /// If there is no pipe.
    pub fn give(&mut self, text: &str, number: RawFd) -> io::Result<()> {
        let (reader, mut writer) = io::pipe()?;
        writer.write_all(text.as_bytes())?;
        self.pipe = Some((reader, number));
        Ok(())
    }

    /// Starts it, with this mask of blocked signals.
    pub(super) fn start(self, mask: &SigSet) -> io::Result<Pid> {
        let started = with_that_of_caller(|| self.spawn(&self.path, &self.words, mask));
        if !matches!(started, Err(Errno::ENOEXEC)) {
            return Ok(started?);
        }
        let path = text(self.path.clone().into_os_string());
        let words = [text(SHELL.into()), path].into_iter();
        let words: Vec<_> = words.chain(self.words.iter().skip(1).cloned()).collect();
        let started = with_that_of_caller(|| self.spawn(Path::new(SHELL), &words, mask));
        Ok(started?)
    }

    fn spawn(&self, path: &Path, words: &[Zeroizing<CString>], mask: &SigSet) -> nix::Result<Pid> {
        let mut files = PosixSpawnFileActions::init()?;
        if let Some((reader, number)) = &self.pipe {
            files.add_dup2(reader.as_raw_fd(), *number)?;
        }
        let mut signals = PosixSpawnAttr::init()?;
        signals.set_flags(
            PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF,
        )?;
        signals.set_sigmask(mask)?;
        // Rust's runtime ignores it.
        signals.set_sigdefault(&SigSet::from_iter([Signal::SIGPIPE]))?;
        posix_spawn(path, &files, &signals, words, &self.environment)
    }
}

/// Whether this process has inherited a file descriptor, before it opens any itself.
pub fn is_open(number: RawFd) -> bool {
    Path::new(&format!("/proc/self/fd/{number}")).exists()
}

fn assignment(name: &OsStr, value: &OsStr) -> Zeroizing<CString> {
    // With room for all, so that no copy is left behind.
    let mut bytes = Vec::with_capacity(name.len() + value.len() + 2);
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(b'=');
    bytes.extend_from_slice(value.as_bytes());
    wiped(bytes)
}

fn text(word: OsString) -> Zeroizing<CString> {
    wiped(word.into_vec())
}

fn wiped(bytes: Vec<u8>) -> Zeroizing<CString> {
    Zeroizing::new(CString::new(bytes).expect("arguments and variables have no NUL"))
}
