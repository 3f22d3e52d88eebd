//! Handing out a secret: stage, deliver, activate.
//!
//! No order of printing and committing is perfect. A printed secret without a key is
//! harmless; a key whose secret nobody saw is an orphan, and where it replaces another an
//! outage. So the new secret is first committed as pending, which is where everything that
//! can fail fails; then written out; and only then made a key's.

use rand::TryRng;
use rand::rngs::SysRng;

use super::Session;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Brand, Hash, Key, Kind, Secret, Tail};
use crate::ui::{Issued, KeyView};
use crate::vault::{self, Author, Change, Vault};

/// A secret that no key has yet.
pub(super) struct Fresh {
    secret: Secret,
    hash: Hash,
}

impl Fresh {
    /// Makes a secret and its hash from the system's random numbers.
    pub(super) fn generate(kind: Kind, brand: &Brand) -> Result<Self, Error> {
        let no_chance = |error| {
            Error::new(
                ExitStatus::Trouble,
                format!("the system gives no random numbers: {error}"),
            )
        };
        let secret = Secret::generate(kind, brand, &mut SysRng).map_err(no_chance)?;
        let mut salt = [0; 16];
        SysRng.try_fill_bytes(&mut salt).map_err(no_chance)?;
        let hash = Hash::of(&secret, salt).map_err(vault::Error::from)?;
        Ok(Self { secret, hash })
    }

    /// The public ending of the secret.
    pub(super) fn tail(&self) -> Tail {
        self.secret.tail()
    }
}

/// Hands a fresh secret over as `key`'s.
///
/// `allow` must find, before the secret is shown, that the key can have it; `activate` makes
/// it so.
pub(super) fn hand_over(
    fresh: &Fresh,
    key: &Key,
    session: &Session,
    vault: &mut Vault,
    author: &Author,
    allow: impl Fn(&Change<'_>) -> Result<(), vault::Error>,
    activate: impl Fn(&Change<'_>) -> Result<(), vault::Error>,
) -> Result<(), Error> {
    vault.change(author, |change| {
        allow(change)?;
        change.stage(&fresh.tail(), &fresh.hash)
    })?;
    let now = vault.time(author.clock)?;
    let issued = Issued::new(KeyView::new(key, now), &fresh.secret);
    session.ui.deliver(&issued.bytes(session.ui.format))?;
    vault
        .change(author, activate)
        .map_err(|error| not_good(&error))
}

/// The secret was shown, but never became the key's.
fn not_good(error: &vault::Error) -> Error {
    let plain = || format!("the secret that was written out is not good: {error}");
    match error {
        vault::Error::Unsure(_) => Error::new(ExitStatus::Unsure, format!("{error}"))
            .hint("check the secret that was written out with `postkey verify`"),
        vault::Error::NameTaken(_) | vault::Error::UsernameTaken(_) => {
            Error::new(ExitStatus::Exists, plain()).hint("throw it away and choose another name")
        }
        _ => Error::new(ExitStatus::Undelivered, plain())
            .hint("throw it away and try again; nothing has changed"),
    }
}
