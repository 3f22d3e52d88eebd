//! Asking people: only on a terminal, and never in the way of a script.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;

use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{FuzzySelect, Select};
use zeroize::Zeroizing;

use super::Ui;
use super::terminal::Guard;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::escape_controls;
use crate::process::{self, job};

/// Room for what a terminal's line holds (Linux, N_TTY), so that no copy of a secret stays
/// behind where a buffer grew.
const LONGEST_ANSWER: usize = 4096;

/// Room for a pasted text of several lines, in bytes.
const LONGEST_TEXT: usize = 64 << 10;

/// How many items are listed above a question that is answered by a line.
const LISTED: usize = 50;

impl Ui {
    /// Makes sure that somebody can be asked.
    ///
    /// # Errors
    /// A usage error that names what would have answered, if there is no terminal or
    /// `--no-input` was given.
    pub fn expect_person(&self, question: &str, answer: &str) -> Result<(), Error> {
        match self.why_nobody_is_asked() {
            None => Ok(()),
            Some(why) => Err(Error::usage(format!("{question}, but {why}")).with_hint(answer)),
        }
    }

    /// Whether somebody can be asked.
    pub fn has_person(&self) -> bool {
        self.why_nobody_is_asked().is_none()
    }

    fn why_nobody_is_asked(&self) -> Option<String> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Some("there is no terminal to prompt on".to_owned());
        }
        if !self.may_ask {
            return Some("--no-input disables prompts".to_owned());
        }
        let mark = job::unattended()?;
        Some(format!("`{mark}` is set, and nobody answers in a CI job"))
    }

    /// Makes sure that standard input, if it is a terminal, has somebody who types.
    ///
    /// # Errors
    /// A usage error if nobody does, as in a CI job.
    pub fn expect_typist(&self) -> Result<(), Error> {
        match job::unattended().filter(|_| io::stdin().is_terminal()) {
            None => Ok(()),
            Some(mark) => Err(Error::usage(format!(
                "standard input is a terminal, but `{mark}` is set, and nobody types in a CI job"
            ))
            .with_hint("redirect standard input, as in `<FILE`")),
        }
    }

    /// Asks yes or no; no, an empty line, and the end of input are all no.
    pub fn confirm(&self, question: &str) -> Result<bool, Error> {
        let answer = self.line(&format!("{question} [y/N]"))?;
        Ok(answer.is_some_and(|answer| matches!(answer.to_lowercase().as_str(), "y" | "yes")))
    }

    /// Asks for a line; `None` is the end of input.
    ///
    /// The terminal's own line editing does the work, so there is no state to bring back.
    pub fn line(&self, question: &str) -> Result<Option<String>, Error> {
        let answer = self.ask(question)?;
        Ok(answer.map(|answer| answer.trim().to_owned()))
    }

    /// Writes a question.
    fn put(&self, question: &str) {
        let mut prompt = String::new();
        let theme = self.theme();
        let _ = theme.format_input_prompt(&mut prompt, &escape_controls(question), None);
        let _ = io::stderr().write_all(prompt.as_bytes());
    }

    fn ask(&self, question: &str) -> Result<Option<Zeroizing<String>>, Error> {
        self.put(question);
        let line = read_line().map_err(|error| unreadable(&error))?;
        if line.is_empty() {
            let _ = io::stderr().write_all(b"\n");
            return Ok(None);
        }
        let text =
            std::str::from_utf8(&line).map_err(|_| Error::usage("the answer is not UTF-8 text"))?;
        Ok(Some(Zeroizing::new(
            text.trim_end_matches(['\r', '\n']).to_owned(),
        )))
    }

    /// Asks for something that must not be shown; `None` is an empty line or the end of input.
    pub fn hidden(&self, question: &str) -> Result<Option<Zeroizing<String>>, Error> {
        let _guard = Guard::unechoed().map_err(|error| unreadable(&error))?;
        let answer = self.ask(question)?;
        if answer.is_some() {
            // Enter was not echoed either.
            let _ = io::stderr().write_all(b"\n");
        }
        Ok(answer.filter(|answer| !answer.is_empty()))
    }

    /// Asks for lines that must not be shown, up to the end of input.
    pub fn hidden_text(&self, question: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let _guard = Guard::unechoed().map_err(|error| unreadable(&error))?;
        self.put(question);
        let mut text = Zeroizing::new(Vec::with_capacity(LONGEST_TEXT));
        loop {
            let line = read_line().map_err(|error| unreadable(&error))?;
            if line.is_empty() {
                break;
            }
            if text.len() + line.len() > LONGEST_TEXT {
                return Err(
                    Error::usage("more than 64 KiB were pasted").with_hint("give it in a file")
                );
            }
            text.extend_from_slice(&line);
        }
        let _ = io::stderr().write_all(b"\n");
        Ok(text)
    }

    /// Lets one of a few things be chosen; `None` is Escape.
    pub fn choose(&self, question: &str, items: &[impl Display]) -> Result<Option<usize>, Error> {
        if process::is_dumb_terminal() {
            return self.choose_by_line(question, items);
        }
        let _guard = Guard::new().map_err(|error| unreadable(&error))?;
        let theme = self.theme();
        let select = Select::with_theme(&*theme)
            .with_prompt(question)
            .items(items)
            .default(0);
        select.interact_opt().map_err(from_dialoguer)
    }

    /// Lets one of many things be chosen by typing a part of it; `None` is Escape.
    pub fn search(&self, question: &str, items: &[impl Display]) -> Result<Option<usize>, Error> {
        if process::is_dumb_terminal() {
            return self.choose_by_line(question, items);
        }
        let _guard = Guard::new().map_err(|error| unreadable(&error))?;
        let theme = self.theme();
        let select = FuzzySelect::with_theme(&*theme)
            .with_prompt(question)
            .items(items)
            .default(0);
        select.max_length(10).interact_opt().map_err(from_dialoguer)
    }

    /// The same where the terminal has no cursor to move: the items are numbered, and a number or
    /// an item's text is typed; an empty line and the end of input are `None`.
    fn choose_by_line(
        &self,
        question: &str,
        items: &[impl Display],
    ) -> Result<Option<usize>, Error> {
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        for (at, item) in items.iter().enumerate().take(LISTED) {
            self.say(None, &format!("{:>3}  {item}", at + 1));
        }
        loop {
            let answer = self.line(question)?;
            let Some(answer) = answer.filter(|answer| !answer.is_empty()) else {
                return Ok(None);
            };
            let is_it = |item: &String| item.eq_ignore_ascii_case(&answer);
            let number = || {
                answer
                    .parse()
                    .ok()
                    .filter(|at| (1..=items.len()).contains(at))
            };
            match items.iter().position(is_it).or_else(|| Some(number()? - 1)) {
                Some(chosen) => return Ok(Some(chosen)),
                None => self.error(
                    &Error::usage("no such choice")
                        .with_hint("type a number or a name; leave empty to cancel"),
                ),
            }
        }
    }

    fn theme(&self) -> Box<dyn Theme> {
        match self.choice(&io::stderr()) {
            anstream::ColorChoice::Never => Box::new(SimpleTheme),
            _ => Box::new(ColorfulTheme::default()),
        }
    }
}

/// One line of the terminal; not through std's buffer, in which a copy would stay. A terminal
/// hands out a line at a time, and half a line at the end of input.
fn read_line() -> io::Result<Zeroizing<Vec<u8>>> {
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut line = Zeroizing::new(vec![0; LONGEST_ANSWER]);
    let mut length = 0;
    while length < line.len() {
        match input.read(&mut line[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if line[..length].ends_with(b"\n") {
            break;
        }
    }
    line.truncate(length);
    Ok(line)
}

fn from_dialoguer(error: dialoguer::Error) -> Error {
    let dialoguer::Error::IO(error) = error;
    unreadable(&error)
}

fn unreadable(error: &io::Error) -> Error {
    Error::new(ExitStatus::No, format!("cannot read the answer: {error}"))
}
