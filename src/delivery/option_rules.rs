//! Checks the flags for a secret's destination.

use crate::arguments;
use crate::context::Context;
use crate::delivery::github::Github;
use crate::delivery::options::DeliveryOptions;
use crate::destination::DestinationText;
use crate::error::Error;
use crate::files::{self, shell_word};
use crate::process::job;
use crate::ui::Format;

impl DeliveryOptions {
    /// Makes sure, before anything is done, that the secret can be delivered.
    pub fn expect(&self, context: &Context) -> Result<(), Error> {
        self.format(context)?;
        self.expect_file()?;
        match self.github {
            None if self.print_secret => context.ui.expect_output_open(),
            None if self.is_for_job() => {
                let kind = self.to.as_ref().map_or("", DestinationText::kind);
                expect_job(&format!("--to {kind}:"))?;
                context.ui.expect_runner()
            }
            None if self.save.is_none() && self.to.is_none() => context.ui.expect_secret_output(),
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
            "give the name of a file in that folder; for many keys, `--save-dir {word}` writes one file per key"
        )))
    }

    /// Whether `--to` names a file of GitHub's runner.
    fn is_for_job(&self) -> bool {
        let kind = self.to.as_ref().map(DestinationText::kind);
        matches!(kind, Some("github-env" | "github-output"))
    }

    fn expect_github(&self, github: Github) -> Result<(), Error> {
        let word = github.into_str();
        expect_job(&format!("--github {word}"))?;
        let is_named = self.save.is_some() || self.to.is_some();
        match (github, is_named) {
            (Github::Mask, false) => Err(Error::usage(
                "--github mask only masks the secret: it would be lost",
            )
            .with_hint("add --save FILE, or use --github env")),
            (Github::Env | Github::Output, true) => Err(Error::usage(format!(
                "--github {word} conflicts with {}",
                self.given().unwrap_or_default()
            ))
            .with_hint("omit one of them; --github mask works with --save")),
            _ => Ok(()),
        }
    }

    /// The secret's format: `env` if variables are named.
    pub(super) fn format(&self, context: &Context) -> Result<Format, Error> {
        let is_in_variables = match self.github {
            Some(Github::Env | Github::Output) => true,
            Some(Github::Mask) | None => {
                self.env_name.is_some()
                    || self.to.as_ref().is_some_and(DestinationText::has_variables)
            }
        };
        let is_alone = |to: &&DestinationText| !to.has_variables() && !to.is_file();
        if let Some(to) = self.to.as_ref().filter(is_alone) {
            return match context.ui.format {
                Format::Text => Ok(Format::Text),
                format => {
                    let word = arguments::word(format);
                    let message = format!("--to {}: receives the secret alone", to.kind());
                    Err(Error::usage(message).with_hint(format!("omit --format {word}")))
                }
            };
        }
        match context.ui.format {
            Format::Text | Format::Env if is_in_variables => Ok(Format::Env),
            format if is_in_variables => {
                let flag = match (&self.env_name, &self.to) {
                    (Some(_), _) => "--env-name".to_owned(),
                    (None, Some(to)) => format!("--to {}:", to.kind()),
                    (None, None) => "--github".to_owned(),
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
}

fn expect_job(flag: &str) -> Result<(), Error> {
    if job::is_github() {
        return Ok(());
    }
    let message = format!("{flag} only works in a GitHub Actions job");
    Err(Error::usage(message)
        .with_hint("elsewhere, --save FILE --format env sets the variables in a file"))
}
