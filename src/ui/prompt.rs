//! Asking people: only on a terminal, and never in the way of a script.

use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal, Write};

use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{FuzzySelect, Select};
use zeroize::Zeroizing;

use super::Ui;
use super::terminal::Guard;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::escaped;

/// Room for what a terminal's line holds (Linux, N_TTY), so that no copy of a secret stays
/// behind where a buffer grew.
const LONGEST_ANSWER: usize = 4096;

impl Ui {
    /// Makes sure that somebody can be asked.
    ///
    /// # Errors
    /// A usage error that names what would have answered, if there is no terminal or
    /// `--no-input` was given.
    pub fn expect_person(&self, question: &str, answer: &str) -> Result<(), Error> {
        let is_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        if self.may_ask && is_terminal {
            return Ok(());
        }
        let why = if is_terminal {
            "--no-input was given"
        } else {
            "there is no terminal"
        };
        Err(Error::usage(format!("{question}, but {why} to ask on")).hint(answer))
    }

    /// Asks yes or no; no, an empty line, and the end of input are all no.
    ///
    /// # Errors
    /// If the terminal cannot be read.
    pub fn confirm(&self, question: &str) -> Result<bool, Error> {
        let answer = self.line(&format!("{question} [y/N]"))?;
        Ok(answer.is_some_and(|answer| matches!(answer.to_lowercase().as_str(), "y" | "yes")))
    }

    /// Asks for a line; `None` is the end of input.
    ///
    /// The terminal's own line editing does the work, so there is no state to bring back.
    ///
    /// # Errors
    /// If the terminal cannot be read.
    pub fn line(&self, question: &str) -> Result<Option<String>, Error> {
        let answer = self.ask(question)?;
        Ok(answer.map(|answer| answer.trim().to_owned()))
    }

    fn ask(&self, question: &str) -> Result<Option<Zeroizing<String>>, Error> {
        let mut prompt = String::new();
        let _ = self
            .theme()
            .format_input_prompt(&mut prompt, &escaped(question), None);
        let mut answer = Zeroizing::new(String::with_capacity(LONGEST_ANSWER));
        let read = io::stderr()
            .write_all(prompt.as_bytes())
            .and_then(|()| io::stdin().lock().read_line(&mut answer));
        match read {
            Ok(0) => {
                let _ = io::stderr().write_all(b"\n");
                Ok(None)
            }
            Ok(_) => {
                let length = answer.trim_end_matches(['\r', '\n']).len();
                answer.truncate(length);
                Ok(Some(answer))
            }
            Err(error) => Err(unreadable(&error)),
        }
    }

    /// Asks for something that must not be shown; `None` is an empty line or the end of input.
    ///
    /// # Errors
    /// If the terminal cannot be read.
    pub fn hidden(&self, question: &str) -> Result<Option<Zeroizing<String>>, Error> {
        let _guard = Guard::unechoed().map_err(|error| unreadable(&error))?;
        let answer = self.ask(question)?;
        if answer.is_some() {
            // Enter was not echoed either.
            let _ = io::stderr().write_all(b"\n");
        }
        Ok(answer.filter(|answer| !answer.is_empty()))
    }

    /// Lets one of a few things be chosen; `None` is Escape.
    ///
    /// # Errors
    /// If the terminal cannot be read.
    pub fn choose(&self, question: &str, items: &[&str]) -> Result<Option<usize>, Error> {
        let _guard = Guard::new();
        let theme = self.theme();
        let select = Select::with_theme(&*theme)
            .with_prompt(question)
            .items(items)
            .default(0);
        select.interact_opt().map_err(from_dialoguer)
    }

    /// Lets one of many things be chosen by typing a part of it; `None` is Escape.
    ///
    /// # Errors
    /// If the terminal cannot be read.
    pub fn search(&self, question: &str, items: &[impl Display]) -> Result<Option<usize>, Error> {
        let _guard = Guard::new();
        let theme = self.theme();
        let select = FuzzySelect::with_theme(&*theme)
            .with_prompt(question)
            .items(items)
            .default(0);
        select.max_length(10).interact_opt().map_err(from_dialoguer)
    }

    fn theme(&self) -> Box<dyn Theme> {
        match self.choice(&io::stderr()) {
            anstream::ColorChoice::Never => Box::new(SimpleTheme),
            _ => Box::new(ColorfulTheme::default()),
        }
    }
}

fn from_dialoguer(error: dialoguer::Error) -> Error {
    let dialoguer::Error::IO(error) = error;
    unreadable(&error)
}

fn unreadable(error: &io::Error) -> Error {
    Error::new(ExitStatus::No, format!("nothing was answered: {error}"))
}
