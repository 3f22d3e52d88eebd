//! Writes a secret to standard output: completely or not at all.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::{SFlag, fstat};
use zeroize::Zeroizing;

use super::Ui;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::process::job;

impl Ui {
    /// Makes sure, before anything is done, that standard output can take a secret.
    ///
    /// Rust's runtime opens `/dev/null` for a closed standard output, so both are refused alike.
    ///
    /// # Errors
    /// With the status `undelivered` if it is closed, a device such as `/dev/null`, not open for
    /// writing, or certainly the log of a CI job.
    pub fn expect_secret_output(&self) -> Result<(), Error> {
        self.expect_output_open()?;
        let message = match job::ci_variable().filter(|_| io::stdout().is_terminal()) {
            Some(mark) => format!(
                "`{mark}` is set, so this terminal is the log of a CI job: the secret would be in it"
            ),
            None if !io::stdout().is_terminal() && job::has_log_as_output() => {
                "standard output is the log of this CI job: the secret would be in it".to_owned()
            }
            None => return Ok(()),
        };
        let hint = match job::is_github() {
            true => "--github env gives it to the later steps, --save FILE writes it to a file",
            false => "--save FILE writes it to a file that only you can read",
        };
        Err(Error::new(ExitStatus::Undelivered, message)
            .with_hint(format!("{hint}; --print-secret prints it anyway")))
    }

    /// Makes sure that standard output goes anywhere.
    ///
    /// # Errors
    /// With the status `undelivered` if not.
    pub fn expect_output_open(&self) -> Result<(), Error> {
        let stdout = io::stdout();
        let why = match (fstat(&stdout), fcntl(&stdout, FcntlArg::F_GETFL)) {
            (Ok(file), Ok(flags)) => {
                let kind = SFlag::from_bits_truncate(file.st_mode) & SFlag::S_IFMT;
                if kind == SFlag::S_IFCHR && !stdout.is_terminal() {
                    "is closed, `/dev/null`, or another device that discards it"
                } else if OFlag::from_bits_truncate(flags) & OFlag::O_ACCMODE == OFlag::O_RDONLY {
                    "is not open for writing"
                } else {
                    return Ok(());
                }
            }
            _ => "is closed",
        };
        Err(undelivered(format!(
            "standard output {why}: the secret would be lost"
        )))
    }

    /// Makes sure that GitHub's runner can read standard output, which it does through pipes.
    ///
    /// # Errors
    /// With the status `undelivered` if it certainly does not.
    pub fn expect_runner(&self) -> Result<(), Error> {
        self.expect_output_open()?;
        let kind = fstat(io::stdout()).map(|file| SFlag::from_bits_truncate(file.st_mode));
        if kind.is_ok_and(|kind| kind & SFlag::S_IFMT == SFlag::S_IFREG) {
            let message = "standard output is a file: the runner would not learn what to mask";
            return Err(Error::new(ExitStatus::Undelivered, message)
                .with_hint("do not redirect standard output"));
        }
        Ok(())
    }

    /// Writes a secret to standard output and flushes it; [`sync_output`] makes it durable.
    ///
    /// # Errors
    /// With the status `undelivered` if it could not be written completely.
    pub fn deliver(&self, secret: &Zeroizing<Vec<u8>>) -> Result<(), Error> {
        output()
            .and_then(|mut output| output.write_all(secret))
            .map_err(|error| write_error(&error))
    }
}

/// Makes standard output durable, if it is a file.
///
/// # Errors
/// With the status `undelivered` if that fails.
pub fn sync_output() -> Result<(), Error> {
    let sync = || {
        let output = output()?;
        match output.metadata()?.is_file() {
            true => output.sync_data(),
            false => Ok(()),
        }
    };
    sync().map_err(|error: io::Error| write_error(&error))
}

/// Standard output without `io::Stdout`, which treats writes to a closed descriptor as successful.
fn output() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

fn write_error(error: &io::Error) -> Error {
    undelivered(format!(
        "cannot write the secret to standard output: {error}"
    ))
}

fn undelivered(message: String) -> Error {
    Error::new(ExitStatus::Undelivered, message).with_hint(
        "no key was created or changed; capture standard output, as in KEY=$(postkey generate api \
         ci), \
         or name a file with --save",
    )
}
