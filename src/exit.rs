//! The exit statuses; the man page's table is generated from them.

use std::process::ExitCode;

use strum::{IntoStaticStr, VariantArray};

/// The exit status of a command. Its word is the `code` of an error in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum ExitStatus {
    /// Success.
    Done = 0,
    /// The answer is no.
    No = 1,
    /// Invalid command line.
    Usage = 2,
    /// No such key.
    NotFound = 3,
    /// The name or username is taken, or a rotation is in progress.
    Exists = 4,
    /// An error of the vault, the settings or the system.
    Trouble = 5,
    /// The secret could not be delivered.
    Undelivered = 6,
    /// Whether the change was committed is unknown.
    Unsure = 7,
    /// The change was made, but a later step failed.
    Incomplete = 8,
    /// `run`: the program cannot be executed; as in a shell.
    NotExecutable = 126,
    /// `run`: there is no such program; as in a shell.
    NoProgram = 127,
}

impl ExitStatus {
    /// The status as a number.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// What the status means, for the man page.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "success; `verify`: accepted",
            Self::No => {
                "negative result: rejected, declined, findings, pending changes, or failed log \
                 verification"
            }
            Self::Usage => {
                "usage error: invalid command line or value, or a prompt was required without a \
                 terminal"
            }
            Self::NotFound => "no such key",
            Self::Exists => {
                "the name or username is already taken, or the key is already being rotated"
            }
            Self::Trouble => {
                "no vault, or an error with the vault, settings, disk or output: nothing changed \
                 (of several keys, the ones named did not change)"
            }
            Self::Undelivered => {
                "failed to deliver the secret: no key was created, and an old secret keeps \
                 working; `check --exec`: its command failed"
            }
            Self::Unsure => "the change may or may not have been committed",
            Self::Incomplete => {
                "the change was committed, but a later step failed: its result or report could not \
                 be written, or an export is out of date"
            }
            Self::NotExecutable => "`run`: the program cannot be executed",
            Self::NoProgram => "`run`: program not found",
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.number())
    }
}
