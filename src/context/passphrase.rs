//! Reads the default key's passphrase: typed without echo, or from the first line of a private
//! file; never from an argument or the environment.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::Args;
use nix::fcntl::OFlag;
use nix::unistd::geteuid;
use zeroize::Zeroizing;

use crate::arguments;
use crate::context::Context;
use crate::context::random;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::hint_of;
use crate::key::{Passphrase, SealError, Sealer, without_mark};

/// The maximum length of a passphrase's line, in bytes; the limit of a terminal's line.
const MAX_LINE: usize = 4096;

/// Any access for the group or others.
const GROUP_AND_OTHERS: u32 = 0o077;

/// Where a passphrase comes from.
#[derive(Args, Debug)]
pub struct PassphraseSource {
    /// Read the default key's passphrase from a file's first line instead of prompting; only you
    /// may have access to the file; `-` is standard input
    #[arg(long, value_name = "FILE", value_parser = arguments::paths_or_dash())]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseSource {
    /// Whether a file is given.
    pub fn is_file(&self) -> bool {
        self.passphrase_file.is_some()
    }

    /// The passphrase that decrypts a secret; `None` if the prompt was cancelled.
    pub fn known(&self, context: &Context) -> Result<Option<Passphrase>, Error> {
        if let Some(path) = &self.passphrase_file {
            return read(path).map(Some);
        }
        expect_interactive("revealing a secret", context)?;
        let typed = context.ui.hidden("Passphrase")?;
        Ok(typed.map(Passphrase::new))
    }

    /// Encrypts with a new passphrase; `None` if the prompt was cancelled.
    pub fn chosen(&self, context: &Context) -> Result<Option<Sealer>, Error> {
        let chosen = match &self.passphrase_file {
            Some(path) => Some(read(path).and_then(expect_strong)?),
            None => ask_twice(context)?,
        };
        chosen.map(|passphrase| sealer(&passphrase)).transpose()
    }
}

fn expect_interactive(doing: &str, context: &Context) -> Result<(), Error> {
    let needed = format!("{doing} requires a passphrase");
    context
        .ui
        .expect_interactive(&needed, "pass --passphrase-file FILE")
}

/// Prompts until the same strong passphrase is typed twice; an empty line cancels.
fn ask_twice(context: &Context) -> Result<Option<Passphrase>, Error> {
    expect_interactive("a default key", context)?;
    loop {
        let Some(first) = context.ui.hidden("Passphrase for the default key")? else {
            return Ok(None);
        };
        let passphrase = match expect_strong(Passphrase::new(first)) {
            Ok(passphrase) => passphrase,
            Err(error) => {
                context.ui.error(&error);
                continue;
            }
        };
        let Some(again) = context.ui.hidden("Repeat it")? else {
            return Ok(None);
        };
        if passphrase.is_same(&Passphrase::new(again)) {
            return Ok(Some(passphrase));
        }
        context.ui.error(
            &Error::usage("they do not match").with_hint("try again; leave empty to cancel"),
        );
    }
}

fn expect_strong(passphrase: Passphrase) -> Result<Passphrase, Error> {
    match passphrase.expect_strong() {
        Ok(()) => Ok(passphrase),
        Err(weak) => Err(Error::usage(weak.to_string())
            .with_hint("use four or more random words, drawn with dice for example")),
    }
}

fn sealer(passphrase: &Passphrase) -> Result<Sealer, Error> {
    Sealer::new(passphrase, random()?, random()?).map_err(no_memory)
}

/// The error that a passphrase could not be hashed.
pub fn no_memory(error: SealError) -> Error {
    Error::new(ExitStatus::Trouble, error.to_string())
}

/// The first line of a private file.
fn read(path: &Path) -> Result<Passphrase, Error> {
    let is_input = arguments::is_dash(path);
    let what = match is_input {
        true => "standard input".to_owned(),
        false => format!("the passphrase's file `{}`", path.display()),
    };
    let refused = |why: &str, hint: &str| {
        Error::usage(format!("{what} {why}")).with_hint(hint_of(hint, path))
    };
    let unreadable = |error: io::Error| {
        let is_link = error.raw_os_error() == Some(nix::errno::Errno::ELOOP as i32);
        if is_link {
            return refused("is a symbolic link", "name the file itself");
        }
        refused(
            &format!("cannot be read: {error}"),
            "name a file of your own",
        )
    };
    let file = match is_input {
        true if io::stdin().is_terminal() => {
            let hint = "omit --passphrase-file to be prompted";
            return Err(refused(
                "is a terminal, which would show the passphrase",
                hint,
            ));
        }
        true => File::from(
            io::stdin()
                .as_fd()
                .try_clone_to_owned()
                .map_err(unreadable)?,
        ),
        false => open(path).map_err(unreadable)?,
    };
    let found = file.metadata().map_err(unreadable)?;
    if let Some((why, hint)) = fault(&found).filter(|_| !is_input) {
        return Err(refused(why, hint));
    }
    let line = first_line(file).map_err(unreadable)?;
    if line.len() > MAX_LINE {
        return Err(refused(
            "has a first line of more than 4096 bytes",
            "put the passphrase alone on it",
        ));
    }
    let text = std::str::from_utf8(without_mark(&line))
        .map_err(|_| refused("is not UTF-8 text", "write the passphrase as text"))?;
    let passphrase = Passphrase::new(Zeroizing::new(text.to_owned()));
    if passphrase.is_empty() {
        return Err(refused(
            "has an empty first line",
            "put the passphrase on it",
        ));
    }
    Ok(passphrase)
}

/// Opens a file without following links or waiting for a FIFO's writer.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)
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
