//! Passes new findings to a command.

use std::path::PathBuf;

use super::output::{KeyFinding, write};
use super::told::ToldFindings;
use crate::context::Context;
use crate::delivery::ChildCommand;
use crate::destination::CommandWord;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::quoted;
use crate::process::{DeferredSignals, kill_by_signal};
use crate::settings::Timeout;
use crate::ui::counted;
use crate::vault::Vault;

/// A command that gets the findings it was not told of.
pub(super) struct FindingsCommand {
    command: ChildCommand,
    told: ToldFindings,
}

impl FindingsCommand {
    /// The command, if one was given, after other processes that run the same.
    ///
    /// # Errors
    /// If its program is not found, or another process runs it for too long.
    pub(super) fn new(
        words: &[CommandWord],
        job: &str,
        vault: &Vault,
        context: &Context,
    ) -> Result<Self, Error> {
        let command = ChildCommand {
            words: words.iter().map(|CommandWord(word)| word.clone()).collect(),
            folder: PathBuf::new(),
            timeout: Timeout::default().0,
            signals: None,
        };
        command.program()?;
        let told = ToldFindings::wait(vault, job, context.settings.wait)?;
        Ok(Self { command, told })
    }

    /// Runs the command with the findings that are new to it, if there are any; `status` is that of
    /// the check of `keys` keys. What it could not take is new again next time.
    ///
    /// # Errors
    /// If the command fails, or what it was told cannot be remembered.
    pub(super) fn pass(
        &self,
        found: Vec<KeyFinding>,
        keys: usize,
        status: ExitStatus,
        context: &Context,
    ) -> Result<ExitStatus, Error> {
        let is_whole = status <= ExitStatus::No;
        let (old, new): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|found| self.told.has(found));
        let passed = self.run(new.clone(), context);
        let taken = new.iter().filter(|_| passed.is_ok());
        let remembered = self.told.remember(old.iter().chain(taken), is_whole);
        if let Err(error) = passed {
            // A signal that stopped the command ends this, too.
            let signal = DeferredSignals::begin_once().signal();
            signal.into_iter().for_each(kill_by_signal);
            return Err(error);
        }
        remembered?;
        let (new, old) = (new.len() as i128, old.len());
        let keys = counted(keys as i128, "key", "keys");
        let shown = quoted(&self.command.words.join(" "));
        let new = match new {
            0 => "no new findings".to_owned(),
            new => format!(
                "passed {} to {shown}",
                counted(new, "new finding", "new findings")
            ),
        };
        context
            .ui
            .note(format!("{new}; {old} known, {keys} checked"));
        Ok(match is_whole {
            true => ExitStatus::Done,
            false => status,
        })
    }

    fn run(&self, new: Vec<KeyFinding>, context: &Context) -> Result<(), Error> {
        if new.is_empty() {
            return Ok(());
        }
        let display = context.display().piped();
        let mut text = Vec::new();
        write(new, context.ui.listing_into(&display, &mut text), &display)?;
        let report = |line: &str| context.ui.note(line);
        let command = ChildCommand {
            signals: Some(DeferredSignals::begin_once()),
            ..self.command.clone()
        };
        command.pass(&text, report).map_err(|error| {
            error.with_hint("fix this: the same findings are passed on again next time")
        })
    }
}
