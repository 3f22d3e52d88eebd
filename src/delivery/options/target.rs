//! Where the secret of one key goes: what the flags say, for this key and what its file holds.

use std::path::Path;

use clap::Args;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::delivery::options::loss::{Loss, expect_none_left, is_secret, tails_of};
use crate::delivery::options::{DeliveryOptions, Github, shape, unsaved};
use crate::delivery::outcome::Delivery;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{self, Changed, FileRole, Synced, env, whole};
use crate::key::{Key, KeyName, KeyVariables, Kind, Tail, Username, Variable};
use crate::ui::{Format, Issued};
use crate::vault::Vault;

/// Whether another key's secret may be lost.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Overwrite {
    /// With --save: replaces the secret of another key, or another vault, in the file; nobody can
    /// show it again
    #[arg(long, requires = "save")]
    replace: bool,
}

/// The key whose secret is delivered.
pub struct DeliveredKey<'a> {
    pub name: &'a KeyName,
    pub kind: Kind,
    /// `None` of a key that has none, or gets one that is made up.
    pub username: Option<&'a Username>,
    /// The key, if it is one whose secret is replaced.
    pub before: Option<&'a Key>,
    /// `None` where the command has no flag for it.
    pub overwrite: Option<Overwrite>,
}

/// Where its secret goes.
pub struct Target<'a> {
    delivery: &'a DeliveryOptions,
    format: Format,
    name: KeyName,
    kind: Kind,
    username: Option<&'a Username>,
    /// The secrets that are replaced.
    old: Vec<Tail>,
    overwrite: Option<Overwrite>,
    variables: KeyVariables,
    /// Other variables of the file that have the secret which is replaced.
    also: Vec<Variable>,
}

impl DeliveryOptions {
    /// Finds out where a key's secret goes, and makes sure, as far as that can be told before,
    /// that it can be put there.
    pub fn target<'a>(
        &'a self,
        subject: &DeliveredKey<'a>,
        vault: Option<&Vault>,
        context: &Context,
    ) -> Result<Target<'a>, Error> {
        let &DeliveredKey {
            name,
            kind,
            username,
            before,
            overwrite,
        } = subject;
        let mut target = Target {
            delivery: self,
            format: self.format(context)?,
            name: name.clone(),
            kind,
            username,
            old: before.map(tails_of).unwrap_or_default(),
            overwrite,
            variables: self.variables(name, kind)?,
            also: Vec::new(),
        };
        if let Some(file) = self.github.map_or(Ok(None), Github::file)? {
            target.expect_settable()?;
            files::expect_appendable(&file).map_err(unsaved)?;
            target.expect_unset(&file, vault).map_err(unsaved)?;
        }
        if let Some(path) = &self.save {
            files::expect_writable(path, FileRole::Secret).map_err(unsaved)?;
            target.find_old(path, before)?;
            target.expect_savable(path, vault)?;
        }
        Ok(target)
    }
}

impl Target<'_> {
    /// Finds the variables of the file that have the secret which is replaced: it would stay there
    /// as a dead one.
    fn find_old(&mut self, path: &Path, before: Option<&Key>) -> Result<(), Error> {
        let Some(key) = before.filter(|_| self.format == Format::Env) else {
            return Ok(());
        };
        let text = env::read(path).map_err(unsaved)?;
        let found = env::EnvVariables::read(path, &text).map_err(unsaved)?;
        let is_old = |value: &str| self.old.iter().any(|tail| is_secret(value, tail));
        let old = found.all().filter(|(_, value)| is_old(value));
        self.also = old.filter_map(|(name, _)| name.parse().ok()).collect();
        let own = &self.variables.secret;
        let is_named = self.delivery.env_name.is_some() || found.has(own.as_str());
        if !is_named && !self.also.is_empty() {
            let username = key.username().map(|username| username.as_str());
            let has_username = found.all().any(|(_, value)| Some(value) == username);
            self.variables = KeyVariables::named(self.kind, self.also[0].clone(), None);
            self.variables.username.take_if(|_| has_username);
        }
        let own = &self.variables.secret;
        self.also.retain(|variable| variable != own);
        self.also.dedup();
        Ok(())
    }

    fn expect_savable(&self, path: &Path, vault: Option<&Vault>) -> Result<(), Error> {
        let allow = |before: &[u8], after: &[u8]| self.expect_no_loss(path, before, after, vault);
        let expected = match self.format {
            Format::Env => {
                let username = self.username.map_or(env::ANY, Username::as_str);
                let username = self.variables.username.iter().map(|name| (name, username));
                let secrets = [&self.variables.secret].into_iter().chain(&self.also);
                let all = username.chain(secrets.map(|name| (name, env::ANY)));
                let all: Vec<_> = all.map(|(name, value)| (name.as_str(), value)).collect();
                env::expect_savable(path, &all, allow)
            }
            format => whole::expect_savable(path, shape(format, self.kind), allow),
        };
        expected.map_err(unsaved)
    }

    /// Makes sure that no other key's secret is lost unasked, since it is shown only once, and that
    /// the secret which is replaced does not stay.
    fn expect_no_loss(
        &self,
        path: &Path,
        before: &[u8],
        after: &[u8],
        vault: Option<&Vault>,
    ) -> Result<(), Error> {
        let is_wanted = self.overwrite.is_some_and(|overwrite| overwrite.replace);
        if self.format == Format::Env {
            expect_none_left(path, before, after, &self.old)?;
        }
        if is_wanted {
            return Ok(());
        }
        let Some(loss) = Loss::find(before, after, &self.name, vault)? else {
            return Ok(());
        };
        Err(loss.refused(
            path,
            match self.overwrite {
                Some(_) => "name another file or variable; or pass --replace if it is obsolete",
                None => "name another file or variable",
            },
        ))
    }

    /// Delivers a secret.
    pub fn take(
        &self,
        issued: Issued<'_>,
        vault: &Vault,
        context: &Context,
    ) -> Result<Delivery, Error> {
        let delivery = self.delivery;
        let issued = issued.in_variables(self.variables.clone());
        if delivery.github.is_some() {
            context.ui.deliver(&mask(&issued))?;
        }
        let text = issued.bytes(self.format);
        if let Some(path) = delivery.github.map_or(Ok(None), Github::file)? {
            let appended = files::append(&path, &text).map_err(unsaved)?;
            return Ok(Delivery::Appended(appended));
        }
        let Some(path) = &delivery.save else {
            context.ui.deliver(&text)?;
            return Ok(Delivery::Printed);
        };
        let changed = self.save(&issued, path, &text, vault).map_err(unsaved)?;
        let changed = changed.settle(&mut Synced::default()).map_err(unsaved)?;
        if self.format == Format::Env {
            note_new_variable(&changed, &issued, path, context);
        }
        Ok(Delivery::Saved(changed, path.clone()))
    }

    fn save(
        &self,
        issued: &Issued<'_>,
        path: &Path,
        text: &[u8],
        vault: &Vault,
    ) -> Result<Changed, Error> {
        let allow =
            |before: &[u8], after: &[u8]| self.expect_no_loss(path, before, after, Some(vault));
        if self.format != Format::Env {
            return whole::save(path, shape(self.format, self.kind), text, allow);
        }
        let secret = issued.secret().expose();
        let mut assignments = issued.assignments();
        assignments.extend(self.also.iter().map(|variable| (variable.as_str(), secret)));
        env::save(path, &assignments, allow)
    }

    /// Says where a new secret, called `what`, is now; that it was shown only if it is not again.
    pub fn tell(&self, what: &str, is_sealed: bool, context: &Context) {
        match self.place() {
            Some(place) => context.ui.note(format!("{what} is {place}")),
            None if is_sealed => {}
            None => context
                .ui
                .note(format!("{what} is shown only once: save it now")),
        }
        let Some(path) = self.delivery.save.as_ref().map(|path| path.display()) else {
            return;
        };
        for variable in &self.also {
            context.ui.note(format!(
                "`{variable}` in `{path}` held the old secret: it has the new one too"
            ));
        }
        let own = KeyVariables::of(&self.name, self.kind).secret;
        if self.delivery.env_name.is_none() && self.variables.secret != own {
            let secret = &self.variables.secret;
            context.ui.note(format!(
                "`{path}` held the old secret as `{secret}`, and has no `{own}`"
            ));
        }
    }

    /// Where the secret is, if not on standard output.
    pub fn place(&self) -> Option<String> {
        let KeyVariables { username, secret } = &self.variables;
        let username = username.as_ref();
        let username = username.map(|name| format!(", the username `{name}`"));
        let username = username.unwrap_or_default();
        let file = self.delivery.save.as_ref().map(|path| path.display());
        match (self.delivery.github, file) {
            (Some(Github::Env), _) => Some(format!(
                "`{secret}` in the later steps of this job{username}"
            )),
            (Some(Github::Output), _) => {
                Some(format!("the output `{secret}` of this step{username}"))
            }
            (_, None) => None,
            (_, Some(path)) if self.format == Format::Env => {
                Some(format!("`{secret}` in `{path}`{username}"))
            }
            (_, Some(path)) => Some(format!("in `{path}`")),
        }
    }

    /// Whether a flag says where the secret goes.
    pub fn is_given(&self) -> bool {
        self.delivery.is_given()
    }

    /// Whether the username goes there, too.
    pub fn has_username(&self) -> bool {
        self.format != Format::Text
    }

    /// Makes sure that GitHub's runner takes the variables.
    fn expect_settable(&self) -> Result<(), Error> {
        if self.delivery.github != Some(Github::Env) {
            return Ok(());
        }
        let names = self
            .variables
            .username
            .iter()
            .chain([&self.variables.secret]);
        match names.into_iter().find(|name| name.is_of_runner()) {
            None => Ok(()),
            Some(name) => Err(Error::usage(format!(
                "GitHub's runner does not take `{name}`: it sets GITHUB_* and RUNNER_* itself"
            ))
            .with_hint("name another variable, as in --env-name API_KEY")),
        }
    }

    /// Makes sure that the runner's file does not set the variables for another key: the last one
    /// wins.
    fn expect_unset(&self, file: &Path, vault: Option<&Vault>) -> Result<(), Error> {
        let KeyVariables { username, secret } = &self.variables;
        for variable in username.iter().chain([secret]) {
            let start = format!("{variable}=");
            let is_username = Some(variable) == username.as_ref();
            let new = self.username.filter(|_| is_username);
            let after = format!("{start}{}", new.map_or(env::ANY, Username::as_str));
            for value in files::values_of(file, variable.as_str()) {
                let before = Zeroizing::new([start.as_bytes(), &value].concat());
                let loss = Loss::find(&before, after.as_bytes(), &self.name, vault)?;
                let Some(loss) = loss else {
                    continue;
                };
                let what = match &loss {
                    Loss::SecretOf(owner) => format!("the secret of `{owner}`"),
                    Loss::UsernameOf(owner, _) => format!("the username of `{owner}`"),
                    Loss::Foreign => "a secret that was not created in this vault".to_owned(),
                };
                let message = format!("a step has set `{variable}` to {what}");
                return Err(Error::new(ExitStatus::Trouble, message)
                    .with_hint("name another variable with --env-name"));
            }
        }
        Ok(())
    }
}

/// Says so if the variable was not there before, in a file that was: it may be misspelt.
fn note_new_variable(changed: &Changed, issued: &Issued<'_>, path: &Path, context: &Context) {
    let before = changed.before().unwrap_or_default();
    let Ok(variables) = env::EnvVariables::read(path, before) else {
        return;
    };
    for (name, _) in issued.assignments() {
        if !before.trim_ascii().is_empty() && !variables.has(name) {
            let path = path.display();
            context.ui.note(format!("`{name}` is new in `{path}`"));
        }
    }
}

/// The line by which GitHub's runner learns what it is to mask.
fn mask(issued: &Issued<'_>) -> Zeroizing<Vec<u8>> {
    let secret = issued.secret().expose();
    Zeroizing::new([b"::add-mask::", secret.as_bytes(), b"\n"].concat())
}
