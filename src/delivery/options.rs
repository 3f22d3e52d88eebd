//! The flags for a secret's destination: standard output, a file, or later steps of a CI job.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::arguments;
use crate::arguments::DashMeaning;
use crate::context::Context;
use crate::delivery::destination::Destination;
use crate::delivery::loss::{is_secret, tails_of};
use crate::delivery::target::{OverwritePolicy, Target, save_error};
use crate::error::Error;
use crate::files::{self, FileRole, env, shell_word};
use crate::key::{Key, KeyName, KeyVariables, Kind, Username, Variable};
use crate::process::job;
use crate::ui::{Format, replacement_hint};
use crate::vault::Vault;

/// The flag that allows overwriting another key's secret.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Overwrite {
    /// With --save: replaces the secret of another key, or another vault, in the file; nobody can
    /// show it again
    #[arg(long, requires = "save")]
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
    /// Write the secret to a file, mode 0600, and nothing to standard output; with --format env
    /// only its variables are set in the file
    #[arg(long, value_name = "FILE")]
    #[arg(value_parser = arguments::parser("a file to save to", NOT_A_FILE))]
    pub(super) save: Option<PathBuf>,
    /// The secret's variable; implies --format env
    #[arg(long, value_name = "VAR")]
    pub(super) env_name: Option<Variable>,
    /// SMTP: the username's variable; by default named after the secret's
    #[arg(long, value_name = "VAR", requires = "env_name")]
    env_username: Option<Variable>,
    /// In GitHub Actions: mask the secret in the job's log, and set its variables for the job's
    /// later steps (env) or as outputs of this one (output); mask only masks, beside --save
    #[arg(long, value_name = "FOR")]
    #[arg(value_parser = arguments::one_of::<Github>())]
    github: Option<Github>,
    /// Print the secret even if standard output is the log of a CI job
    #[arg(long, conflicts_with_all = ["save", "github"])]
    print_secret: bool,
}

/// What GitHub Actions receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case", const_into_str)]
enum Github {
    /// Variables of the job's later steps.
    Env,
    /// Outputs of this step.
    Output,
    /// The secret's mask only.
    Mask,
}

impl Github {
    /// The environment variable that names the runner's file.
    fn variable(self) -> Option<&'static str> {
        match self {
            Self::Env => Some("GITHUB_ENV"),
            Self::Output => Some("GITHUB_OUTPUT"),
            Self::Mask => None,
        }
    }

    /// The file that the runner reads after the step.
    fn file(self) -> Result<Option<PathBuf>, Error> {
        let Some(variable) = self.variable() else {
            return Ok(None);
        };
        let unset = || {
            Error::usage(format!("`{variable}` is not set"))
                .with_hint("the runner sets it in each step; pass it on to postkey")
        };
        job::file(variable).map(Some).ok_or_else(unset)
    }
}

/// Why the secret cannot be saved to `-`.
const NOT_A_FILE: DashMeaning =
    DashMeaning::Nothing("without --save the secret goes to standard output");

/// The variables for a secret, and whether they were found in an env file.
struct ChosenVariables {
    own: KeyVariables,
    /// Other variables in the file that contain the replaced secret.
    also: Vec<Variable>,
    /// Whether they were chosen because the file contains the secret in them.
    is_found: bool,
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
        let chosen = self.chosen_variables(key, context)?;
        let hint = match key.overwrite {
            Some(_) => "name another file or variable; or pass --replace if it is obsolete",
            None => "name another file or variable",
        };
        let target = Target {
            name: key.name.clone(),
            kind: key.kind,
            username: key.username.cloned(),
            old: key.before.map(tails_of).unwrap_or_default(),
            is_masked: self.github.is_some(),
            is_found: chosen.is_found,
            destination: self.destination(chosen, context)?,
            overwriting: OverwritePolicy {
                is_allowed: key.overwrite.is_some_and(|overwrite| overwrite.replace),
                except: &[],
                hint,
            },
        };
        target.expect_accepts(vault).map_err(save_error)?;
        Ok(target)
    }

    fn destination(
        &self,
        chosen: ChosenVariables,
        context: &Context,
    ) -> Result<Destination, Error> {
        let format = self.format(context)?;
        if let Some(path) = self.github.map_or(Ok(None), Github::file)? {
            self.expect_settable(&chosen.own)?;
            return Ok(Destination::Job {
                path,
                variables: chosen.own,
                is_output: self.github == Some(Github::Output),
            });
        }
        Ok(match self.save.clone() {
            None => Destination::Output {
                format,
                variables: chosen.own,
            },
            Some(path) if format == Format::Env => Destination::EnvFile {
                path,
                variables: chosen.own,
                also: chosen.also,
            },
            Some(path) => Destination::File { path, format },
        })
    }

    /// The given variables, the key's default ones, or those that contain the replaced secret in
    /// the file, which would keep an invalid secret otherwise.
    fn chosen_variables(
        &self,
        key: &DeliveredKey<'_>,
        context: &Context,
    ) -> Result<ChosenVariables, Error> {
        let own = self.variables(key.name, key.kind)?;
        let chosen = ChosenVariables {
            own,
            also: Vec::new(),
            is_found: false,
        };
        let Some(path) = &self.save else {
            return Ok(chosen);
        };
        files::expect_writable(path, FileRole::Secret).map_err(save_error)?;
        match key.before {
            Some(before) if self.format(context)? == Format::Env => {
                self.find_replaced(path, before, chosen).map_err(save_error)
            }
            _ => Ok(chosen),
        }
    }

    fn find_replaced(
        &self,
        path: &Path,
        before: &Key,
        mut chosen: ChosenVariables,
    ) -> Result<ChosenVariables, Error> {
        let text = env::read(path)?;
        let found = env::EnvVariables::read(path, &text)?;
        let old = tails_of(before);
        let is_old = |value: &str| old.iter().any(|tail| is_secret(value, tail));
        let held = found.all().filter(|(_, value)| is_old(value));
        chosen.also = held.filter_map(|(name, _)| name.parse().ok()).collect();
        let is_named = self.env_name.is_some() || found.has(chosen.own.secret.as_str());
        if let Some(first) = chosen.also.first().filter(|_| !is_named) {
            let username = before.username().map(|username| username.as_str());
            let has_username = found.all().any(|(_, value)| Some(value) == username);
            chosen.own = KeyVariables::named(before.kind(), first.clone(), None);
            chosen.own.username.take_if(|_| has_username);
            chosen.is_found = true;
        }
        let own = &chosen.own.secret;
        chosen.also.retain(|variable| variable != own);
        chosen.also.dedup();
        Ok(chosen)
    }

    /// Makes sure that GitHub's runner accepts the variables.
    fn expect_settable(&self, variables: &KeyVariables) -> Result<(), Error> {
        if self.github != Some(Github::Env) {
            return Ok(());
        }
        let mut names = variables.username.iter().chain([&variables.secret]);
        match names.find(|name| name.is_of_runner()) {
            None => Ok(()),
            Some(name) => Err(Error::usage(format!(
                "GitHub's runner does not take `{name}`: it sets GITHUB_* and RUNNER_* itself"
            ))
            .with_hint("name another variable, as in --env-name API_KEY")),
        }
    }

    /// Whether any of these flags was given.
    pub fn is_given(&self) -> bool {
        self.save.is_some() || self.env_name.is_some() || self.github.is_some()
    }

    /// The first given flag for a destination.
    pub fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--save", self.save.is_some()),
            ("--env-name", self.env_name.is_some()),
            ("--github", self.github.is_some()),
            ("--print-secret", self.print_secret),
        ];
        let given = flags.into_iter().find(|(_, is_given)| *is_given);
        given.map(|(flag, _)| flag)
    }

    /// Makes sure, before anything is done, that the secret can be delivered.
    pub fn expect(&self, context: &Context) -> Result<(), Error> {
        self.format(context)?;
        self.expect_file()?;
        match self.github {
            None if self.print_secret => context.ui.expect_output_open(),
            None if self.save.is_none() => context.ui.expect_secret_output(),
            None => Ok(()),
            Some(github) => {
                self.expect_github(github)?;
                context.ui.expect_runner()
            }
        }
    }

    /// Makes sure that a path which ends like a folder's is not used for a file.
    fn expect_file(&self) -> Result<(), Error> {
        let folder = self.save.as_ref().filter(|path| files::is_of_folder(path));
        let Some(folder) = folder else {
            return Ok(());
        };
        let word = shell_word(folder);
        let message = format!(
            "--save takes a file, but `{}` is a folder",
            folder.display()
        );
        Err(Error::usage(message).with_hint(format!(
            "name a file in it; for many keys, `--save-dir {word}` writes one file per key"
        )))
    }

    fn expect_github(&self, github: Github) -> Result<(), Error> {
        let word = github.into_str();
        if !job::is_github() {
            return Err(Error::usage(format!(
                "--github {word} only works in a GitHub Actions job"
            ))
            .with_hint("elsewhere, --save FILE --format env sets the variables in a file"));
        }
        match (github, &self.save) {
            (Github::Mask, None) => Err(Error::usage(
                "--github mask only masks the secret: it would be lost",
            )
            .with_hint("add --save FILE, or use --github env")),
            (Github::Env | Github::Output, Some(_)) => Err(Error::usage(format!(
                "--github {word} conflicts with --save"
            ))
            .with_hint("omit one of them; --github mask works with --save")),
            _ => Ok(()),
        }
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

    /// The secret's format: `env` if variables are named.
    pub(super) fn format(&self, context: &Context) -> Result<Format, Error> {
        let is_in_variables = match self.github {
            Some(Github::Env | Github::Output) => true,
            Some(Github::Mask) | None => self.env_name.is_some(),
        };
        match context.ui.format {
            Format::Text | Format::Env if is_in_variables => Ok(Format::Env),
            format if is_in_variables => {
                let flag = if self.env_name.is_some() {
                    "--env-name"
                } else {
                    "--github"
                };
                let word = arguments::word(format);
                Err(Error::usage(format!(
                    "{flag} sets variables, and --format {word} has none"
                ))
                .with_hint(format!("omit {flag}, or use --format env")))
            }
            format => Ok(format),
        }
    }

    fn variables(&self, name: &KeyName, kind: Kind) -> Result<KeyVariables, Error> {
        if kind == Kind::Api && self.env_username.is_some() {
            return Err(Error::usage("an API key has no --env-username")
                .with_hint("only SMTP keys have usernames"));
        }
        if self.env_name.is_some() && self.env_name == self.env_username {
            return Err(
                Error::usage("--env-name and --env-username name the same variable")
                    .with_hint("name another for the username"),
            );
        }
        Ok(match &self.env_name {
            None => KeyVariables::of(name, kind),
            Some(secret) => KeyVariables::named(kind, secret.clone(), self.env_username.clone()),
        })
    }
}
