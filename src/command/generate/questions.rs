//! What `generate` prompts for: missing values, and another name instead of an invalid one.

use std::path::Path;

use strum::VariantArray;

use super::flags::Generate;
use super::requested_name::RequestedName;
use crate::context::Context;
use crate::error::Error;
use crate::files::shell_word;
use crate::key::{Description, Invalid, KeyName, Kind};
use crate::vault::{self, Vault};

/// How to pass the values that would be prompted for.
const GIVE_BOTH: &str = "run `postkey generate api NAME` or `postkey generate smtp NAME`";

impl Generate {
    /// Prompts for missing values; `None` if that was cancelled.
    pub(super) fn complete(&mut self, context: &Context) -> Result<Option<(Kind, KeyName)>, Error> {
        let is_asked = self.kind.is_none() || self.name.is_none();
        let Some(kind) = self
            .kind
            .map_or_else(|| ask_kind(context), |kind| Ok(Some(kind)))?
        else {
            return Ok(None);
        };
        let name = match self.name.take() {
            Some(RequestedName::Valid(name)) => Some(name),
            Some(RequestedName::Invalid { text, error }) => {
                self.replace_name(&text, error, kind, context)?
            }
            None => self.ask_name(context)?,
        };
        let Some(name) = name else {
            return Ok(None);
        };
        let is_complete = !is_asked || context.is_yes || self.is_decoy;
        let is_answered = is_complete || self.ask_terms(kind, context)?;
        Ok(is_answered.then_some((kind, name)))
    }

    /// Prompts for a name until a valid one is given; an empty line cancels.
    fn ask_name(&mut self, context: &Context) -> Result<Option<KeyName>, Error> {
        context.ui.expect_interactive("no name given", GIVE_BOTH)?;
        loop {
            let answer = context.ui.line("Key name")?;
            let Some(answer) = answer.filter(|answer| !answer.is_empty()) else {
                return Ok(None);
            };
            let error = match answer.parse() {
                Ok(name) => return Ok(Some(name)),
                Err(error) => error,
            };
            match suggested(&answer, context)? {
                None => context.ui.error(&error.into()),
                Some(name) if self.is_accepted(&name, &answer, &error, context)? => {
                    return Ok(Some(name));
                }
                Some(_) => {}
            }
        }
    }

    /// Offers another name instead of an invalid one, if it can prompt.
    fn replace_name(
        &mut self,
        text: &str,
        error: Invalid,
        kind: Kind,
        context: &Context,
    ) -> Result<Option<KeyName>, Error> {
        let Some(name) = suggested(text, context)? else {
            return Err(error.into());
        };
        if context.is_yes || !context.ui.is_interactive() {
            let description = self.described(text).map(|description| {
                let word = shell_word(Path::new(description.as_str()));
                format!(" --description {word}")
            });
            let description = description.unwrap_or_default();
            return Err(Error::from(error)
                .with_hint(format!("run `postkey generate {kind} {name}{description}`")));
        }
        let is_accepted = self.is_accepted(&name, text, &error, context)?;
        Ok(is_accepted.then_some(name))
    }

    /// Asks whether to use a name instead of an invalid one, which becomes the description.
    fn is_accepted(
        &mut self,
        name: &KeyName,
        text: &str,
        error: &Invalid,
        context: &Context,
    ) -> Result<bool, Error> {
        let description = self.described(text);
        let with = description
            .as_ref()
            .map(|text| format!(" with the description `{text}`"));
        context.ui.warn(error.to_string());
        let question = format!("Create `{name}`{}?", with.unwrap_or_default());
        let is_accepted = context.ui.confirm(&question)?;
        if is_accepted {
            self.description = self.description.take().or(description);
        }
        Ok(is_accepted)
    }

    /// Makes an invalid name the key's description, unless one was given.
    fn described(&self, text: &str) -> Option<Description> {
        match self.description {
            None => text.trim().parse().ok(),
            Some(_) => None,
        }
    }

    /// Prompts for the permission and the expiry unless given; returns whether they were answered.
    fn ask_terms(&mut self, kind: Kind, context: &Context) -> Result<bool, Error> {
        let settings = &context.settings;
        if kind == Kind::Api && self.bounds.permission.is_none() {
            let default = settings.permission.as_str();
            self.bounds.permission = context.ask_permission(Some(default))?;
            if self.bounds.permission.is_none() {
                return Ok(false);
            }
        }
        if self.expires.is_none() {
            self.expires = context.ask_expiry(Some(&settings.expires.to_string()))?;
        }
        Ok(self.expires.is_some())
    }
}

fn ask_kind(context: &Context) -> Result<Option<Kind>, Error> {
    context.ui.expect_interactive("no kind given", GIVE_BOTH)?;
    let item = |kind: &Kind| vec![kind.to_string(), purpose(*kind).to_owned()];
    let kinds: Vec<_> = Kind::VARIANTS.iter().map(item).collect();
    let chosen = context.ui.choose("Kind of key", &kinds)?;
    Ok(chosen.map(|chosen| Kind::VARIANTS[chosen]))
}

fn purpose(kind: Kind) -> &'static str {
    match kind {
        Kind::Smtp => "a username and password for mail",
        Kind::Api => "a key for an HTTP API",
    }
}

/// A valid, free name similar to a text, if there is one.
fn suggested(text: &str, context: &Context) -> Result<Option<KeyName>, Error> {
    let vault = context.open_if_exists()?;
    let is_free =
        |name: &KeyName, vault: &Vault| matches!(vault.find(name), Err(vault::Error::NoSuchKey(_)));
    let is_taken = |name: &KeyName| vault.as_ref().is_some_and(|vault| !is_free(name, vault));
    Ok(KeyName::suggested(text, is_taken))
}
