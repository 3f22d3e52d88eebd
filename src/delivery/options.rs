//! Where a secret goes: to standard output, to a file, or to the later steps of a CI job.

pub mod loss;
mod several;
pub mod target;

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::arguments;
use crate::arguments::DashMeaning;
use crate::context::Context;
pub use crate::delivery::options::loss::Loss;
pub use crate::delivery::options::target::{DeliveredKey, Overwrite, Target};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::shell_word;
use crate::files::{self, whole};
use crate::key::{Key, KeyName, KeyVariables, Kind, Variable};
use crate::process::job;
use crate::ui::{Format, another_secret};

/// Where the secret goes, if not to standard output.
#[derive(Args, Debug, Default)]
pub struct DeliveryOptions {
    /// Write the secret to a file, mode 0600, and nothing to standard output; with --format env
    /// only its variables are set in the file
    #[arg(long, value_name = "FILE")]
    #[arg(value_parser = arguments::parser("a file to save to", NOT_A_FILE))]
    save: Option<PathBuf>,
    /// The secret's variable; implies --format env
    #[arg(long, value_name = "VAR")]
    env_name: Option<Variable>,
    /// SMTP: the username's variable; by default named after the secret's
    #[arg(long, value_name = "VAR", requires = "env_name")]
    env_username: Option<Variable>,
    /// In GitHub Actions: mask the secret in the job's log, and set its variables for the job's
    /// later steps (env) or as outputs of this one (output); mask only masks, beside --save
    #[arg(long, value_name = "FOR")]
    #[arg(value_parser = arguments::one_of(Github::ALL, Github::word))]
    github: Option<Github>,
    /// Print the secret even if standard output is the log of a CI job
    #[arg(long, conflicts_with_all = ["save", "github"])]
    print_secret: bool,
}

/// What GitHub Actions is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Github {
    /// Variables of the job's later steps.
    Env,
    /// Outputs of this step.
    Output,
    /// The secret's mask only.
    Mask,
}

impl Github {
    const ALL: [Self; 3] = [Self::Env, Self::Output, Self::Mask];

    fn word(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::Output => "output",
            Self::Mask => "mask",
        }
    }

    /// The variable that names the runner's file.
    fn variable(self) -> Option<&'static str> {
        match self {
            Self::Env => Some("GITHUB_ENV"),
            Self::Output => Some("GITHUB_OUTPUT"),
            Self::Mask => None,
        }
    }

    /// The file that the runner reads when the step has ended.
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

/// Why `-` is no file to save to.
const NOT_A_FILE: DashMeaning =
    DashMeaning::Nothing("without --save the secret goes to standard output");

impl DeliveryOptions {
    /// Whether any of the flags was given.
    pub fn is_given(&self) -> bool {
        self.save.is_some() || self.env_name.is_some() || self.github.is_some()
    }

    /// The first flag that says where a secret goes.
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

    /// Makes sure, before anything is done, that there is somebody to take a secret.
    pub fn expect(&self, context: &Context) -> Result<(), Error> {
        self.format(context)?;
        self.expect_file()?;
        match self.github {
            None if self.print_secret => context.ui.expect_reader(),
            None if self.save.is_none() => context.ui.expect_receiver(),
            None => Ok(()),
            Some(github) => {
                self.expect_github(github)?;
                context.ui.expect_runner()
            }
        }
    }

    /// Makes sure that a path which says that it is a folder's does not become a file's.
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
        let word = github.word();
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

    /// Warns if the file is missing that has the secret of a key which is there.
    pub fn warn_if_lost(&self, key: &Key, now: Timestamp, context: &Context) {
        if let Some(path) = self.save.as_ref().filter(|path| !path.exists()) {
            let flags = format!("--save {}{}", shell_word(path), self.form(context));
            context.ui.warn(format!(
                "`{}` not found: if the secret of `{}` is lost, {}",
                path.display(),
                key.name,
                another_secret(key, &flags, now)
            ));
        }
    }

    /// The flags that say in which form a secret is saved.
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

    /// The format that the secret takes: that of variables, if they are named.
    fn format(&self, context: &Context) -> Result<Format, Error> {
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

/// The secret could not be put in its place.
fn unsaved(error: impl Into<Error>) -> Error {
    let error: Error = error.into();
    let hint = error.hint().unwrap_or("name a file that can be written");
    let hint = format!("{hint}; no key was created or changed");
    Error::new(
        ExitStatus::Undelivered,
        format!("cannot save the secret: {error}"),
    )
    .with_hint(hint)
}

/// What a result in this form looks like.
pub fn shape(format: Format, kind: Kind) -> whole::Shape {
    let (start, marks, lines): (_, &[&str], _) = match format {
        Format::Json | Format::Jsonl => {
            const FIELDS: [&str; 3] = [",\"kind\":\"", ",\"tail\":\"", ",\"secret\":\"x"];
            ("{\"name\":", &FIELDS, 1)
        }
        Format::Csv => ("name,kind,username,tail,status,", &[], 2),
        Format::Text | Format::Env | Format::Ics => (kind.prefix(), &[], 1),
    };
    whole::Shape {
        start,
        marks,
        lines,
    }
}
