//! The flags for a secret's destination: standard output, a file, a secret manager, a command, or
//! later steps of a CI job.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;

use crate::arguments;
use crate::arguments::DashMeaning;
use crate::context::Context;
use crate::delivery::destination::{Destination, DestinationContext};
use crate::delivery::github::Github;
use crate::delivery::loss::tails_of;
use crate::delivery::target::{OverwritePolicy, Target};
use crate::destination::{CommandWord, DestinationSpec, DestinationText, SecretVariables};
use crate::error::Error;
use crate::files::shell_word;
use crate::key::{Key, KeyName, KeyVariables, Kind, Username, Variable, quoted};
use crate::ui::{Format, replacement_hint};
use crate::vault::Vault;

/// Where the flags are in the help.
pub const HEADING: &str = "Delivery of the secret";

/// The flag that allows overwriting another key's secret.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Overwrite {
    /// With --save or --to: replaces the secret of another key, or another vault, in the file;
    /// nobody can show it again
    #[arg(long, help_heading = HEADING, requires = "named-destination")]
    replace: bool,
}

/// The key whose secret is delivered.
pub struct DeliveredKey<'a> {
    /// Its name.
    pub name: &'a KeyName,
    /// Its kind.
    pub kind: Kind,
    /// Its username; `None` if it has none, or it is not generated yet.
    pub username: Option<&'a Username>,
    /// The key, if its secret is replaced.
    pub before: Option<&'a Key>,
    /// `None` if the command does not have the flag.
    pub overwrite: Option<Overwrite>,
}

/// The secret's destination, if it is not standard output.
#[derive(Args, Debug, Default)]
pub struct DeliveryOptions {
    /// Where the secret goes instead of standard output: file:PATH, dir:PATH (a file per key),
    /// env:PATH#VAR, github-env:VAR, github-output:VAR, a secret manager as in
    /// vault:secret/app#key, or command: with the command after --; `postkey help ci` lists all;
    /// {name} stands for the key's name
    #[arg(long, help_heading = HEADING, value_name = "DESTINATION", group = "named-destination")]
    #[arg(conflicts_with = "env_name")]
    pub(super) to: Option<DestinationText>,
    /// With --to command: the command, which reads the secret from its standard input
    #[arg(last = true, value_name = "COMMAND", requires = "to")]
    pub(super) command: Vec<CommandWord>,
    /// Write the secret to a file, mode 0600, and nothing to standard output; with --format env
    /// only its variables are set in the file
    #[arg(long, help_heading = HEADING, value_name = "FILE", group = "named-destination")]
    #[arg(value_parser = arguments::parser("a file to save to", NOT_A_FILE))]
    pub(super) save: Option<PathBuf>,
    /// The secret's variable; implies --format env
    #[arg(long, help_heading = HEADING, value_name = "VAR")]
    pub(super) env_name: Option<Variable>,
    /// SMTP: the username's variable; by default named after the secret's
    #[arg(long, help_heading = HEADING, value_name = "VAR", requires = "env_name")]
    pub(super) env_username: Option<Variable>,
    /// In GitHub Actions: mask the secret in the job's log, and set its variables for the job's
    /// later steps (env) or as outputs of this one (output); mask only masks, beside --save
    #[arg(long, help_heading = HEADING, value_name = "FOR")]
    #[arg(value_parser = arguments::one_of::<Github>())]
    pub(super) github: Option<Github>,
    /// Print the secret even if standard output is the log of a CI job
    #[arg(long, help_heading = HEADING, conflicts_with_all = ["to", "save", "github"])]
    pub(super) print_secret: bool,
}

/// Why the secret cannot be saved to `-`.
const NOT_A_FILE: DashMeaning =
    DashMeaning::Nothing("without --save the secret goes to standard output");

/// Makes sure that a key of this kind can be in these variables of --env-name and --env-username.
pub fn expect_variables(
    kind: Kind,
    secret: Option<&Variable>,
    username: Option<&Variable>,
) -> Result<(), Error> {
    if kind == Kind::Api && username.is_some() {
        return Err(Error::usage("an API key has no --env-username")
            .with_hint("only SMTP keys have usernames"));
    }
    if secret.is_some() && secret == username {
        return Err(
            Error::usage("--env-name and --env-username name the same variable")
                .with_hint("name another for the username"),
        );
    }
    Ok(())
}

impl DeliveryOptions {
    /// The destination of a key's secret; checks in advance, as far as possible, that it can be
    /// written.
    pub fn target(
        &self,
        key: &DeliveredKey<'_>,
        vault: Option<&Vault>,
        context: &Context,
    ) -> Result<Target<'static>, Error> {
        let spec = self.spec(key.name, key.kind, context)?;
        let is_named = match &spec {
            Some(DestinationSpec::Env { variables, .. }) => variables.secret().is_some(),
            _ => false,
        };
        let is_masked = self.github.is_some() || matches!(spec, Some(DestinationSpec::Job { .. }));
        let destination = self.destination(spec, key, context)?;
        let target = Target {
            name: key.name.clone(),
            kind: key.kind,
            username: key.username.cloned(),
            old: key.before.map(tails_of).unwrap_or_default(),
            is_masked,
            is_found: false,
            destination,
            server: None,
            overwriting: OverwritePolicy {
                is_allowed: key.overwrite.is_some_and(|overwrite| overwrite.replace),
                except: &[],
                hint: match key.overwrite {
                    Some(_) => "name another file or variable; or pass --replace if it is obsolete",
                    None => "name another file or variable",
                },
            },
        };
        target.checked(key.before, is_named, vault, context)
    }

    /// The folder that `--to` names for one file per key.
    pub fn folder(&self) -> Result<Option<PathBuf>, Error> {
        let folder = self.to.as_ref().and_then(DestinationText::folder);
        Ok(folder.transpose()?)
    }

    /// The text of `--to`, for messages.
    pub fn place(&self) -> Option<String> {
        self.to.as_ref().map(|to| quoted(&to.to_string()))
    }

    /// The named destination; `None` is standard output.
    fn spec(
        &self,
        name: &KeyName,
        kind: Kind,
        context: &Context,
    ) -> Result<Option<DestinationSpec>, Error> {
        let format = self.format(context)?;
        let variables = self.variables(kind)?;
        if let Some(to) = &self.to {
            let spec = to.spec(
                name,
                &context.settings.presets,
                Path::new(""),
                &self.command,
            )?;
            return Ok(Some(spec));
        }
        if let Some(is_output) = self.github.and_then(Github::is_output) {
            return Ok(Some(DestinationSpec::Job {
                variables,
                is_output,
            }));
        }
        Ok(self.save.clone().map(|file| match format {
            Format::Env => DestinationSpec::Env { file, variables },
            _ => DestinationSpec::File(file),
        }))
    }

    fn destination(
        &self,
        spec: Option<DestinationSpec>,
        key: &DeliveredKey<'_>,
        context: &Context,
    ) -> Result<Destination, Error> {
        let format = self.format(context)?;
        let Some(spec) = spec else {
            return Ok(Destination::Output {
                format,
                variables: self.variables(key.kind)?.of(key.name, key.kind),
            });
        };
        let of_key = DestinationContext {
            name: key.name,
            kind: key.kind,
            format,
            smtp: &context.settings.smtp,
            folder: Path::new(""),
            signals: None,
        };
        let destination = Destination::of(spec, of_key)?;
        destination.expect_settable()?;
        Ok(destination)
    }

    /// Whether any of these flags was given.
    pub fn is_given(&self) -> bool {
        self.given().is_some_and(|flag| flag != "--print-secret")
    }

    /// The first given flag for a destination.
    pub fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--to", self.to.is_some()),
            ("--save", self.save.is_some()),
            ("--env-name", self.env_name.is_some()),
            ("--github", self.github.is_some()),
            ("--print-secret", self.print_secret),
        ];
        let given = flags.into_iter().find(|(_, is_given)| *is_given);
        given.map(|(flag, _)| flag)
    }

    /// Warns if the file with an existing key's secret is missing.
    pub fn warn_if_lost(&self, key: &Key, now: Timestamp, context: &Context) {
        if let Some(path) = self.save.as_ref().filter(|path| !path.exists()) {
            let flags = format!("--save {}{}", shell_word(path), self.form(context));
            context.ui.warn(format!(
                "`{}` not found: if the secret of `{}` is lost, {}",
                path.display(),
                key.name,
                replacement_hint(key, &flags, now)
            ));
        }
    }

    /// The flags for the format of a saved secret.
    fn form(&self, context: &Context) -> String {
        let flag = |flag: &str, variable: &Option<Variable>| {
            let variable = variable.as_ref();
            variable.map_or_else(String::new, |variable| format!(" {flag} {variable}"))
        };
        match self.format(context) {
            Ok(Format::Env) if self.env_name.is_none() => " --format env".to_owned(),
            _ => flag("--env-name", &self.env_name) + &flag("--env-username", &self.env_username),
        }
    }

    /// The variables that the flags name.
    fn variables(&self, kind: Kind) -> Result<SecretVariables, Error> {
        expect_variables(kind, self.env_name.as_ref(), self.env_username.as_ref())?;
        Ok(match (self.env_name.clone(), self.env_username.clone()) {
            (None, _) => SecretVariables::OfKey,
            (Some(secret), None) => SecretVariables::Named(secret),
            (Some(secret), username) => SecretVariables::Exactly(KeyVariables { username, secret }),
        })
    }
}
