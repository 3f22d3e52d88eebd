//! The destination of an automatic rotation.

use std::path::PathBuf;

use crate::context::Context;
use crate::delivery::destination::{Destination, DestinationContext};
use crate::delivery::loss::tails_of;
use crate::delivery::read_back::held;
use crate::delivery::target::{OverwritePolicy, Target};
use crate::destination::DestinationSpec;
use crate::error::Error;
use crate::key::{HashMemory, Key, Secret, Tail};
use crate::settings::SmtpServer;
use crate::ui::Format;
use crate::vault::{self, Record, Vault};
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
                is_allowed: leftover.is_some(),
                except: &[],
                hint: "check what writes there, or rotate the key to another destination with --to",
            },
        };
        target.checked(Some(before), is_named, Some(vault), context)
    }

    fn smtp<'a>(&'a self, context: &'a Context) -> &'a SmtpServer {
        self.server.as_ref().unwrap_or(&context.settings.smtp)
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
        let held = held(&self.spec, record, self.smtp(context), &self.folder)?;
        let text = held
            .as_ref()
            .and_then(|held| std::str::from_utf8(&held.secret).ok());
        Ok(text.and_then(|text| Secret::parse(text).ok()))
    }
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
