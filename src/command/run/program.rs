//! The program that a key is created for.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::quoted;
use crate::process::{self, Launch};

/// A program that can be executed, and its arguments.
pub(super) struct Program {
    path: PathBuf,
    words: Vec<OsString>,
}

impl Program {
    /// Looks the program up.
    pub(super) fn find(words: Vec<OsString>) -> Result<Self, Error> {
        let name = words.first().map_or(OsStr::new(""), OsString::as_os_str);
        match process::find_program(name, Path::new("")) {
            Some(path) => Ok(Self { path, words }),
            None if process::is_program_file(name) => {
                let message = format!("{} is not executable", quoted(&name.to_string_lossy()));
                Err(Error::new(ExitStatus::NotExecutable, message)
                    .with_hint("give it execute permission, or run its interpreter"))
            }
            None => Err(process::program_not_found(name, ExitStatus::NoProgram)),
        }
    }

    /// Its name, as it was given.
    pub(super) fn name(&self) -> &OsStr {
        &self.words[0]
    }

    /// How to start it; its standard streams are this process's.
    pub(super) fn launch(&self) -> Launch {
        Launch::new(self.path.clone(), self.words.clone())
    }

    /// Why it was not started, although it was found.
    pub(super) fn not_started(&self, error: &io::Error) -> Error {
        let name = quoted(&self.name().to_string_lossy());
        let status = match error.kind() {
            io::ErrorKind::NotFound => ExitStatus::NoProgram,
            _ => ExitStatus::NotExecutable,
        };
        Error::new(status, format!("cannot run {name}: {error}")).with_hint(match error.kind() {
            io::ErrorKind::NotFound => "check the interpreter in the first line of the script",
            _ => "run it without postkey to see whether it works",
        })
    }
}
