//! Reads the default key's passphrase: typed without echo, or from the first line of a private
//! file; never from an argument or the environment.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::arguments;
use crate::context::Context;
use crate::context::random;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{PrivateFileFault, hint_of, open_private, secret_line};
use crate::key::{Passphrase, SealError, Sealer};

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
    let refused = |fault: PrivateFileFault| {
        Error::usage(format!("{what} {}", fault.why)).with_hint(hint_of(&fault.hint, path))
    };
    let file = match is_input {
        true => standard_input(),
        false => open_private(path),
    };
    let line = file.and_then(|file| secret_line(file, "passphrase"));
    line.map(Passphrase::new).map_err(refused)
}

fn standard_input() -> Result<File, PrivateFileFault> {
    let input = io::stdin();
    if input.is_terminal() {
        return Err(PrivateFileFault {
            why: "is a terminal, which would show the passphrase".to_owned(),
            hint: "omit --passphrase-file to be prompted".to_owned(),
        });
    }
    let file = input.as_fd().try_clone_to_owned().map(File::from);
    file.map_err(|error| PrivateFileFault::of_io(&error))
}
