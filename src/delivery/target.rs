//! The destination of one key's secret, and what must not be overwritten there.

use std::path::Path;

use zeroize::Zeroizing;

use crate::context::Context;
use crate::delivery::destination::{Destination, mask};
use crate::delivery::last_server::last_server;
use crate::delivery::loss::{Loss, expect_none_left};
use crate::delivery::outcome::{Delivery, Saved};
use crate::delivery::work_tree::expect_untracked;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{self, FileRole, Synced, env};
use crate::key::{Key, KeyName, KeyVariables, Kind, Tail, Username, quoted};
use crate::settings::SmtpServer;
use crate::ui::Issued;
use crate::vault::Vault;

/// The destination of a key's secret.
#[derive(Debug)]
pub struct Target<'a> {
    /// The key's name.
    pub name: KeyName,
    /// Its kind.
    pub kind: Kind,
    /// Its username; `None` if it has none, or it is not generated yet.
    pub username: Option<Username>,
    /// The destination.
    pub destination: Destination,
    /// The mail server of the login, if it is not that of the settings.
    pub server: Option<SmtpServer>,
    /// Whether GitHub's runner is told to mask the secret.
    pub is_masked: bool,
    /// The key's secrets that are replaced.
    pub old: Vec<Tail>,
    /// Whether its variable was not given, but found by the old secret.
    pub is_found: bool,
    /// Whether other keys' secrets may be overwritten.
    pub overwriting: OverwritePolicy<'a>,
}

/// Whether secrets of other keys and vaults, and usernames of others, may be overwritten in a file.
#[derive(Clone, Copy, Debug)]
pub struct OverwritePolicy<'a> {
    /// Whether all of them may.
    pub is_allowed: bool,
    /// Keys whose secrets may be overwritten anyway, since they will be deleted.
    pub except: &'a [KeyName],
    /// How to avoid that.
    pub hint: &'static str,
}

impl<'a> Target<'a> {
    /// The destination for a key that is created from a list or a manifest.
    pub fn of_new_key(
        name: KeyName,
        kind: Kind,
        username: Option<Username>,
        destination: Destination,
        overwriting: OverwritePolicy<'a>,
    ) -> Self {
        Self {
            name,
            kind,
            username,
            destination,
            server: None,
            is_masked: false,
            old: Vec::new(),
            is_found: false,
            overwriting,
        }
    }

    /// The same, with the variables that hold the key's secret so far and the mail server of its
    /// login there; checks in advance, as far as possible, that the new one can be delivered.
    ///
    /// # Errors
    /// If it cannot.
    pub(super) fn checked(
        mut self,
        before: Option<&Key>,
        is_named: bool,
        vault: Option<&Vault>,
        context: &Context,
    ) -> Result<Self, Error> {
        if let Some(path) = self.destination.file() {
            files::expect_writable(path, FileRole::Secret).map_err(save_error)?;
        }
        if let Some(before) = before {
            self.choose_variables(before, is_named)
                .map_err(save_error)?;
        }
        if let (None, Some(before), Some(vault)) = (&self.server, before, vault) {
            // The place keeps its mail server, which may be a manifest's.
            let last = last_server(&before.name, vault)?;
            let same = last.filter(|(place, _)| self.destination.text().as_ref() == Some(place));
            self.server = same.map(|(_, server)| server);
        }
        let server = self.server.as_ref().unwrap_or(&context.settings.smtp);
        self.destination.set_server(self.kind, server);
        self.destination.expect_login(self.kind)?;
        let accepted = self.expect_accepts(vault);
        accepted.map_err(|error| self.undelivered(error))?;
        if let Some(path) = self.destination.file() {
            expect_untracked(path, context).map_err(save_error)?;
        }
        Ok(self)
    }

    /// Checks in advance, as far as possible, that the secret can be delivered.
    ///
    /// # Errors
    /// If it cannot.
    pub fn expect_accepts(&self, vault: Option<&Vault>) -> Result<(), Error> {
        let allow = |before: &[u8], after: &[u8]| self.expect_no_overwrite(before, after, vault);
        self.destination
            .expect_accepts(self.kind, self.username.as_ref(), allow)?;
        match &self.destination {
            Destination::Job {
                path, variables, ..
            } => self.expect_unset(path, variables, vault),
            _ => Ok(()),
        }
    }

    /// Delivers a secret; a saved file must be synced afterwards.
    ///
    /// # Errors
    /// If it cannot be delivered.
    pub fn deliver(
        &self,
        issued: Issued<'_>,
        vault: &Vault,
        context: &Context,
    ) -> Result<Delivery, Error> {
        if self.is_masked {
            context.ui.deliver(&mask(&issued))?;
        }
        // The file may have changed since it was checked.
        let allow =
            |before: &[u8], after: &[u8]| self.expect_no_overwrite(before, after, Some(vault));
        self.destination
            .deliver(issued, allow, vault.path(), context)
    }

    /// Delivers the key's existing secret again.
    ///
    /// # Errors
    /// If it cannot be delivered.
    pub fn deliver_again(
        &self,
        issued: Issued<'_>,
        vault: &Vault,
        context: &Context,
    ) -> Result<(), Error> {
        let delivered = self.deliver(issued, vault, context);
        let settled = delivered.and_then(|delivery| delivery.sync(&mut Synced::default()));
        let delivery = settled.map_err(|error| self.undelivered(error))?;
        if let Some(saved) = delivery.saved() {
            note_new_variables(&saved, context);
        }
        Ok(())
    }

    /// The error that a secret could not be delivered, if that was the command's only task.
    pub fn undelivered(&self, error: Error) -> Error {
        match self.destination {
            Destination::Output { .. } => error,
            Destination::Command(_) | Destination::Preset(_) => deliver_error(error),
            _ => save_error(error),
        }
    }

    /// Makes sure that no other key's secret is overwritten unless allowed, since it cannot be
    /// shown again, and that the replaced secret does not stay.
    fn expect_no_overwrite(
        &self,
        before: &[u8],
        after: &[u8],
        vault: Option<&Vault>,
    ) -> Result<(), Error> {
        let Some(path) = self.destination.file() else {
            return Ok(());
        };
        if let Destination::EnvFile { server, .. } = &self.destination {
            let set = server.iter().flat_map(|server| server.names());
            let set: Vec<_> = set.collect();
            expect_none_left(path, before, after, &self.old, &set)?;
        }
        let overwriting = self.overwriting;
        if overwriting.is_allowed {
            return Ok(());
        }
        let is_excepted = |owner| overwriting.except.contains(owner);
        match Loss::find(before, after, &self.name, &self.old, vault)? {
            Some(loss) if !loss.owner().is_some_and(is_excepted) => {
                Err(loss.refused(path, overwriting.hint))
            }
            _ => Ok(()),
        }
    }

    /// Where a new secret, called `what`, is now; or that it was shown only once.
    pub fn describe(&self, what: &str, is_sealed: bool) -> Option<String> {
        match self.destination() {
            Some(destination) if matches!(self.destination, Destination::Command(_)) => {
                Some(format!("{what} was {destination}"))
            }
            Some(destination) => Some(format!("{what} is {destination}")),
            None if is_sealed => None,
            None => Some(format!("{what} is shown only once: save it now")),
        }
    }

    /// Reports where a new secret, called `what`, is now, and what else changed there.
    pub fn report(&self, what: &str, is_sealed: bool, context: &Context) {
        if let Some(describe) = self.describe(what, is_sealed) {
            context.ui.note(describe);
        }
        let Destination::EnvFile {
            path,
            variables,
            also,
            ..
        } = &self.destination
        else {
            return;
        };
        let path = path.display();
        for variable in also {
            context.ui.note(format!(
                "`{variable}` in `{path}` held the old secret: it has the new one too"
            ));
        }
        if self.is_found {
            let own = KeyVariables::of(&self.name, self.kind).secret;
            let secret = &variables.secret;
            context.ui.note(format!(
                "`{path}` held the old secret as `{secret}`, and has no `{own}`"
            ));
        }
    }

    /// Where the secret is, if not on standard output.
    pub fn destination(&self) -> Option<String> {
        match &self.destination {
            Destination::Output { .. } => None,
            Destination::Command(command) => {
                Some(format!("delivered to {}", quoted(&command.words.join(" "))))
            }
            Destination::Preset(preset) => Some(format!("in {}", quoted(&preset.address.text))),
            Destination::File { path, .. } => Some(format!("in `{}`", path.display())),
            Destination::EnvFile {
                path, variables, ..
            } => {
                let (secret, path) = (&variables.secret, path.display());
                Some(format!("`{secret}` in `{path}`{}", username_in(variables)))
            }
            Destination::Job {
                variables,
                is_output,
                ..
            } => Some(match is_output {
                true => format!(
                    "the output `{}` of this step{}",
                    variables.secret,
                    username_in(variables)
                ),
                false => format!(
                    "`{}` in the later steps of this job{}",
                    variables.secret,
                    username_in(variables)
                ),
            }),
        }
    }

    /// Makes sure that the runner's file does not set the variables for another key: the last one
    /// wins.
    fn expect_unset(
        &self,
        file: &Path,
        variables: &KeyVariables,
        vault: Option<&Vault>,
    ) -> Result<(), Error> {
        let KeyVariables { username, secret } = variables;
        for variable in username.iter().chain([secret]) {
            let start = format!("{variable}=");
            let is_username = Some(variable) == username.as_ref();
            let new = self.username.as_ref().filter(|_| is_username);
            let after = format!("{start}{}", new.map_or(env::PLACEHOLDER, Username::as_str));
            for value in files::values_of(file, variable.as_str()) {
                let before = Zeroizing::new([start.as_bytes(), &value].concat());
                let loss = Loss::find(&before, after.as_bytes(), &self.name, &self.old, vault)?;
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

fn username_in(variables: &KeyVariables) -> String {
    let username = variables.username.as_ref();
    let username = username.map(|name| format!(", the username `{name}`"));
    username.unwrap_or_default()
}

/// Reports which variables are new in a file that sets others.
pub fn note_new_variables(saved: &Saved, context: &Context) {
    for name in &saved.new_variables {
        let path = saved.path.display();
        context.ui.note(format!("`{name}` is new in `{path}`"));
    }
}

/// The error that the secret could not be saved.
pub fn save_error(error: impl Into<Error>) -> Error {
    failure("save", "name a file that you can write to", error.into())
}

/// The error that the secret could not be delivered to a command.
fn deliver_error(error: Error) -> Error {
    failure("deliver", "fix this, and try again", error)
}

fn failure(what: &str, hint: &str, error: Error) -> Error {
    let hint = error.hint().unwrap_or(hint);
    let hint = format!("{hint}; no key was created or changed");
    Error::new(
        ExitStatus::Undelivered,
        format!("cannot {what} the secret: {error}"),
    )
    .with_hint(hint)
}
