//! The destination of an automatic rotation.

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::delivery::destination::{Destination, DestinationContext};
use crate::delivery::loss::tails_of;
use crate::delivery::read_back::held;
use crate::delivery::target::{OverwritePolicy, Target};
use crate::destination::{DestinationSpec, DestinationText};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{HashMemory, Key, KeyName, Secret, Tail};
use crate::process::DeferredSignals;
use crate::settings::SmtpServer;
use crate::ui::Format;
use crate::vault::{self, AutomaticRotation, Record, Vault};
use crate::verify::{SecretMatch, match_secret};

/// The destination of a key's secrets.
#[derive(Clone, Debug)]
pub struct RotationPlace {
    /// What it is.
    pub spec: DestinationSpec,
    /// The mail server of the login, if it is not that of the settings.
    pub server: Option<SmtpServer>,
    /// The folder in which its tools run; empty for the current one.
    pub folder: PathBuf,
}

impl RotationPlace {
    /// How a secret is delivered there that replaces the key's others. `leftover` may be there, too:
    /// a secret of an interrupted run that never became valid.
    pub(super) fn target(
        &self,
        before: &Key,
        leftover: Option<&Tail>,
        vault: &Vault,
        context: &Context,
    ) -> Result<Target<'static>, Error> {
        let is_named = match &self.spec {
            DestinationSpec::Env { variables, .. } => variables.secret().is_some(),
            _ => false,
        };
        let of_key = DestinationContext {
            name: &before.name,
            kind: before.kind(),
            format: Format::Text,
            smtp: self.smtp(context),
            folder: &self.folder,
            signals: None,
        };
        let target = Target {
            name: before.name.clone(),
            kind: before.kind(),
            username: before.username().cloned(),
            destination: Destination::of(self.spec.clone(), of_key)?,
            server: self.server.clone(),
            is_masked: false,
            old: tails_of(before)
                .into_iter()
                .chain(leftover.cloned())
                .collect(),
            is_found: false,
            overwriting: OverwritePolicy {
                is_allowed: false,
                except: &[],
                hint: "check what writes there, or rotate the key to another destination with --to",
            },
        };
        target.checked(Some(before), is_named, Some(vault), context)
    }

    fn smtp<'a>(&'a self, context: &'a Context) -> &'a SmtpServer {
        self.server.as_ref().unwrap_or(&context.settings.smtp)
    }

    /// The destination that this text names.
    ///
    /// # Errors
    /// If there is no such destination, or a secret is only passed on there.
    pub(super) fn named(
        text: &str,
        server: Option<SmtpServer>,
        name: &KeyName,
        context: &Context,
    ) -> Result<Self, Error> {
        let named: DestinationText = text.parse()?;
        let spec = named.spec(name, &context.settings.presets, Path::new(""), &[])?;
        let folder = PathBuf::new();
        Ok(Self {
            spec,
            server,
            folder,
        })
    }

    /// Where a key's current secret was delivered, if that can be done again.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn remembered(
        record: &Record,
        vault: &Vault,
        context: &Context,
    ) -> Result<Option<Self>, Error> {
        let last = vault.last_delivery(record.id)?;
        Ok(last.and_then(|last| {
            let server = last.server.and_then(|server| server.parse().ok());
            Self::named(&last.destination, server, &record.key.name, context).ok()
        }))
    }

    /// Where an open rotation has delivered, if that can be named.
    pub(super) fn of(
        rotation: &AutomaticRotation,
        record: &Record,
        vault: &Vault,
        context: &Context,
    ) -> Option<Self> {
        let text = rotation.destination.as_deref()?;
        let last = vault.last_delivery(record.id).ok().flatten();
        let last = last.filter(|last| last.destination == text);
        let server = last.and_then(|last| last.server?.parse().ok());
        Self::named(text, server, &record.key.name, context).ok()
    }

    /// The secret that is there; `None` if there is none, or it cannot be read back.
    ///
    /// # Errors
    /// If reading fails.
    pub(super) fn secret(
        &self,
        record: &Record,
        context: &Context,
    ) -> Result<Option<Secret>, Error> {
        Ok(self.contents(record, context)?.flatten())
    }

    /// The secret that is there, if anything there is one; `None` if it cannot be read back at all.
    pub(super) fn contents(
        &self,
        record: &Record,
        context: &Context,
    ) -> Result<Option<Option<Secret>>, Error> {
        let held = held(&self.spec, record, self.smtp(context), &self.folder);
        if DeferredSignals::begin_once().signal().is_some() {
            return Err(interrupted());
        }
        Ok(held?.map(|held| {
            let text = std::str::from_utf8(&held.secret).ok()?;
            Secret::parse(text).ok()
        }))
    }
}

/// Makes sure that the secret with this tail is in the destination, where that can be read back.
///
/// # Errors
/// If something else is, or reading fails.
pub(super) fn expect_there(
    place: Option<&RotationPlace>,
    tail: &Tail,
    record: &Record,
    context: &Context,
) -> Result<(), Error> {
    let contents = place.map(|place| place.contents(record, context));
    match contents.transpose()?.flatten() {
        Some(held) if held.as_ref().map(Secret::tail).as_ref() != Some(tail) => {
            let message = "the destination holds another value than the secret that is to remain";
            Err(Error::new(ExitStatus::No, message)
                .with_hint("deliver that secret there, or end the rotation by hand"))
        }
        _ => Ok(()),
    }
}

/// A signal has arrived, and ends the run.
pub(super) fn interrupted() -> Error {
    Error::new(ExitStatus::No, "interrupted").with_hint("the next run continues the rotation")
}

/// Whether a secret is the one of the key with this tail, and not only looks like it.
pub(super) fn is_of_key(
    secret: &Secret,
    tail: &Tail,
    record: &Record,
    vault: &Vault,
) -> Result<bool, vault::Error> {
    let look_up = |tail: &_| vault.stored(tail);
    let found = match_secret(secret.expose(), look_up, &mut HashMemory::default())?;
    Ok(match found {
        SecretMatch::Secret(found) => found.record.id == record.id && found.tail == *tail,
        _ => false,
    })
}
