//! What became of a secret between its handing over and its becoming good.

use std::path::PathBuf;

use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{Appended, Changed, Synced};
use crate::key::{Scanner, Secret, Tail};
use crate::vault;

/// A secret that was handed over, for good or not.
pub enum Delivery {
    /// To standard output.
    Printed,
    /// To a file that was named.
    Saved(Changed, PathBuf),
    /// To a file of a runner's.
    Appended(Appended),
    /// To a command, which keeps it.
    Taken,
}

impl Delivery {
    /// Makes what was saved survive a power cut; what does not is taken back.
    ///
    /// # Errors
    /// Why not.
    pub fn settle(self, synced: &mut Synced) -> Result<Self, Error> {
        Ok(match self {
            Self::Saved(changed, path) => Self::Saved(changed.settle(synced)?, path),
            other => other,
        })
    }

    /// The file that it was saved to, and the tails of the secrets that this held and holds no
    /// more.
    pub fn displaced(&self) -> Option<(PathBuf, Vec<Tail>)> {
        let Self::Saved(changed, path) = self else {
            return None;
        };
        let gone = displaced(changed.before()?, changed.after());
        (!gone.is_empty()).then(|| (path.clone(), gone))
    }

    /// The secret was handed over, but never became the key's: what can be taken back is.
    pub fn not_good(self, error: &vault::Error) -> Error {
        let status = status(error);
        if status == ExitStatus::Unsure {
            return Error::new(status, error.to_string())
                .with_hint("check the delivered secret with `postkey verify`");
        }
        let taken_back = match self {
            Self::Printed | Self::Taken => None,
            Self::Saved(changed, path) => Some((changed.take_back(), path.display().to_string())),
            Self::Appended(appended) => Some((appended.take_back(), "the runner's file".into())),
        };
        match taken_back {
            Some((Ok(()), place)) => {
                Error::new(status, format!("the secret was not activated: {error}"))
                    .with_hint(format!("{place} is unchanged; try again"))
            }
            _ => Error::new(
                status,
                format!("the delivered secret is not valid: {error}"),
            )
            .with_hint("discard it, and try again"),
        }
    }
}

/// The tails of the secrets that were in a text before and no longer are.
pub fn displaced(before: &[u8], after: &[u8]) -> Vec<Tail> {
    let tails = |text: &[u8]| -> Vec<Tail> {
        let secrets = Scanner::secrets_in(text);
        secrets.iter().map(Secret::tail).collect()
    };
    let after = tails(after);
    let mut gone = tails(before);
    gone.retain(|tail| !after.contains(tail));
    gone
}

/// How a command ends whose secret was handed over and is not good.
pub fn status(error: &vault::Error) -> ExitStatus {
    match (error, crate::error::status(error)) {
        (vault::Error::Changed(_), status) => status,
        // Whatever the trouble is: the one with the secret comes first.
        (_, ExitStatus::Trouble) => ExitStatus::Undelivered,
        (_, status) => status,
    }
}
