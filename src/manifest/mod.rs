//! The manifest that `apply` reads: which keys an environment wants, and where their secrets
//! go; and the plan that follows from it, worked out without touching anything.

mod field;
mod plan;
mod read;
mod save;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use crate::exit::ExitStatus;
use crate::key::{
    Access, Description, Expiry, Invalid, Key, KeyName, Kind, Limit, Permission, Status, Tail,
    Username, Variable, quoted,
};
use crate::settings::Settings;
pub use plan::{DestinationContents, ExistingKey, Obstacle, Plan, Replaced, Step, StepAction};
pub use read::read;

/// A manifest that can be applied.
#[derive(Debug)]
pub struct Manifest {
    /// Its keys, in the order in which they are written; at least one.
    pub keys: Vec<WantedKey>,
}

/// A key that a manifest names. What it does not say of a key that is there is left alone.
#[derive(Debug)]
pub struct WantedKey {
    /// The line that its table begins in.
    pub line: usize,
    /// What it is to be called.
    pub name: KeyName,
    /// What it is for.
    pub kind: Kind,
    /// SMTP: its username; made up if there is none.
    pub username: Option<Username>,
    /// What it is to be described as; `Some(None)` is not at all.
    pub description: Option<Option<Description>>,
    /// API: what it may call.
    pub permission: Option<Permission>,
    /// API: how often.
    pub limit: Option<Limit>,
    /// When it is to stop; a span counts from when the key was made.
    pub expires: Option<Expiry>,
    /// How it begins its life; afterwards that is not the manifest's to say.
    pub status: Status,
    /// Whether it is a decoy.
    pub is_decoy: bool,
    /// Where its secret goes.
    pub place: Destination,
}

/// Where a secret goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Into a variable of a file of such, and its username into another.
    Variables {
        /// The file.
        file: PathBuf,
        /// The variable of the username.
        username: Option<Variable>,
        /// The variable of the secret.
        secret: Variable,
    },
    /// Into a file of its own.
    File(PathBuf),
    /// To a command's standard input.
    Command {
        /// The program and its arguments.
        words: Vec<String>,
        /// How long it may take.
        timeout: Duration,
    },
}

impl Destination {
    /// The file that the secret goes into, if it goes into one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Variables { file, .. } | Self::File(file) => Some(file),
            Self::Command { .. } => None,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variables { file, secret, .. } => {
                write!(f, "`{secret}` in `{}`", file.display())
            }
            Self::File(file) => write!(f, "`{}`", file.display()),
            Self::Command { words, .. } => f.write_str(&quoted(&words.join(" "))),
        }
    }
}

/// A mistake in a manifest, or something in it that the vault contradicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// The line that it is in.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// How to fix it.
    pub hint: Option<String>,
    /// How a command ends by it.
    pub status: ExitStatus,
}

impl ManifestError {
    fn new(line: usize, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
            hint: Some(hint.into()),
            status: ExitStatus::Usage,
        }
    }

    fn of(line: usize, invalid: &Invalid) -> Self {
        Self {
            line,
            message: invalid.to_string(),
            hint: invalid.hint().map(str::to_owned),
            status: ExitStatus::Usage,
        }
    }

    /// What stands in the way of what a key of a manifest wants.
    pub fn about(
        wanted: &WantedKey,
        message: String,
        hint: Option<String>,
        status: ExitStatus,
    ) -> Self {
        Self {
            line: wanted.line,
            message,
            hint,
            status,
        }
    }

    fn with_status(self, status: ExitStatus) -> Self {
        Self { status, ..self }
    }
}

impl WantedKey {
    /// The key as it is made at `now`; what the manifest does not say, the settings do.
    ///
    /// # Errors
    /// If its time would be over.
    pub fn key(
        &self,
        settings: &Settings,
        made_up: Username,
        tail: Tail,
        now: Timestamp,
    ) -> Result<Key, Invalid> {
        let access = match self.kind {
            Kind::Smtp => Access::Smtp {
                username: self.username.clone().unwrap_or(made_up),
            },
            Kind::Api => Access::Api {
                permission: self
                    .permission
                    .clone()
                    .unwrap_or_else(|| settings.permission.clone()),
                limit: match self.is_decoy {
                    true => Limit::None,
                    false => self.limit.unwrap_or(settings.limit),
                },
            },
        };
        let expires = match self.is_decoy {
            true => Expiry::Never,
            false => self.expires.unwrap_or(settings.expires),
        };
        Ok(Key {
            name: self.name.clone(),
            access,
            status: self.status,
            description: self.description.clone().flatten(),
            created_at: now,
            expires_at: expires.resolve(now)?,
            expired_at: None,
            tail,
            retiring: None,
            is_decoy: self.is_decoy,
        })
    }
}
