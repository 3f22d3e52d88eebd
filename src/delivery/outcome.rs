//! A delivered secret before its activation, which may fail.

use std::path::PathBuf;

use crate::delivery::stored_delivery::{StoredDelivery, Undone};
use crate::error::{Error, Explained};
use crate::exit::ExitStatus;
use crate::files::env::EnvVariables;
use crate::files::{Appended, Changed, Synced};
use crate::key::{KeyVariables, Scanner, Secret, Tail, Variable};
use crate::ui;
use crate::vault;

/// A secret that was delivered, and is not active yet.
pub enum Delivery {
    /// To standard output.
    Printed,
    /// To a file.
    Saved {
        /// The change of the file, which can be undone.
        changed: Changed,
        /// The file.
        path: PathBuf,
        /// The variables, if it is an env file.
        variables: Option<KeyVariables>,
    },
    /// To a file of the CI runner.
    Appended(Appended),
    /// To a command.
    Taken,
    /// To a secret manager.
    Stored(Box<StoredDelivery>),
}

/// What saving a secret did to a file.
#[derive(Debug)]
pub struct Saved {
    /// The file.
    pub path: PathBuf,
    /// The secrets that it no longer contains.
    pub overwritten: Vec<Tail>,
    /// Variables that are new to the file, which had others: one may be misspelled.
    pub new_variables: Vec<Variable>,
}

impl Delivery {
    /// Makes it durable; undoes what cannot be.
    ///
    /// # Errors
    /// Why it is not durable.
    pub fn sync(self, synced: &mut Synced) -> Result<Self, Error> {
        match self {
            Self::Saved {
                changed,
                path,
                variables,
            } => Ok(Self::Saved {
                changed: changed.sync(synced)?,
                path,
                variables,
            }),
            Self::Printed => ui::sync_output().map(|()| self),
            Self::Appended(_) | Self::Taken | Self::Stored(_) => Ok(self),
        }
    }

    /// What the delivery did to the file.
    pub fn saved(self) -> Option<Saved> {
        let Self::Saved {
            changed,
            path,
            variables,
        } = self
        else {
            return None;
        };
        let before = changed.before().unwrap_or_default();
        let overwritten = overwritten(before, changed.after());
        let new_variables = variables.map(|variables| new_in(before, variables));
        Some(Saved {
            path,
            overwritten,
            new_variables: new_variables.unwrap_or_default(),
        })
    }

    /// Undoes the delivery, as far as possible, of a secret that could not be activated; returns an
    /// error that says what was undone.
    pub fn undo(self, error: &vault::Error) -> Error {
        let status = status(error);
        if status == ExitStatus::Unsure {
            return Error::new(status, error.to_string())
                .with_hint("check the delivered secret with `postkey verify`");
        }
        let undone_at = match self {
            Self::Printed | Self::Taken => None,
            Self::Saved { changed, path, .. } => {
                Some((changed.undo().is_ok(), path.display().to_string()))
            }
            Self::Appended(appended) => Some((appended.undo().is_ok(), "the runner's file".into())),
            Self::Stored(stored) => Some((stored.undo() != Undone::Unknown, stored.place())),
        };
        match undone_at {
            Some((true, destination)) => {
                Error::new(status, format!("the secret was not activated: {error}"))
                    .with_hint(format!("{destination} is unchanged; try again"))
            }
            _ => Error::new(
                status,
                format!("the delivered secret is not valid: {error}"),
            )
            .with_hint("discard it, and try again"),
        }
    }
}

/// The variables that the env file did not set before.
fn new_in(before: &[u8], variables: KeyVariables) -> Vec<Variable> {
    if before.trim_ascii().is_empty() {
        return Vec::new();
    }
    let Ok(read) = EnvVariables::read("".as_ref(), before) else {
        return Vec::new();
    };
    let all = variables.username.into_iter().chain([variables.secret]);
    all.filter(|variable| !read.has(variable.as_str()))
        .collect()
}

/// The tails of the secrets that a text no longer contains.
pub fn overwritten(before: &[u8], after: &[u8]) -> Vec<Tail> {
    let tails = |text: &[u8]| -> Vec<Tail> {
        let secrets = Scanner::secrets_in(text);
        secrets.iter().map(Secret::tail).collect()
    };
    let mut gone = tails(before);
    if gone.is_empty() {
        return gone;
    }
    let after = tails(after);
    gone.retain(|tail| !after.contains(tail));
    gone
}

/// The exit status if a secret was delivered, but is not valid.
fn status(error: &vault::Error) -> ExitStatus {
    match (error, error.exit_status()) {
        (vault::Error::Changed(_), status) => status,
        // Whatever the cause, the delivered secret is what matters.
        (_, ExitStatus::Trouble) => ExitStatus::Undelivered,
        (_, status) => status,
    }
}
