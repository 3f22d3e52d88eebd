//! Prompts: only on a terminal, and never in scripts.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::str::FromStr;

use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use zeroize::Zeroizing;

use super::Ui;
use super::terminal::Guard;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Invalid, escape_controls};
use crate::process::job;

/// The length of a terminal's line (Linux, N_TTY), so that the buffer does not grow and leave
/// copies of a secret behind.
const MAX_ANSWER: usize = 4096;

/// The maximum size of pasted text, in bytes.
const MAX_TEXT: usize = 64 << 10;

impl Ui {
    /// Makes sure that prompting is possible.
    ///
    /// # Errors
    /// A usage error that names the flag for the answer, if there is no terminal or `--no-input`
    /// was given.
    pub fn expect_interactive(&self, question: &str, answer: &str) -> Result<(), Error> {
        match self.why_not_interactive() {
            None => Ok(()),
            Some(why) => Err(Error::usage(format!("{question}, but {why}")).with_hint(answer)),
        }
    }

    /// Whether prompting is possible.
    pub fn is_interactive(&self) -> bool {
        self.why_not_interactive().is_none()
    }

    fn why_not_interactive(&self) -> Option<String> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Some("there is no terminal to prompt on".to_owned());
        }
        if !self.may_ask {
            return Some("--no-input disables prompts".to_owned());
        }
        let mark = job::ci_variable()?;
        Some(format!("`{mark}` is set, and nobody answers in a CI job"))
    }

    /// Makes sure that, if standard input is a terminal, somebody can type.
    ///
    /// # Errors
    /// A usage error if nobody can, as in a CI job.
    pub fn expect_input(&self) -> Result<(), Error> {
        match job::ci_variable().filter(|_| io::stdin().is_terminal()) {
            None => Ok(()),
            Some(mark) => Err(Error::usage(format!(
                "standard input is a terminal, but `{mark}` is set, and nobody types in a CI job"
            ))
            .with_hint("redirect standard input from a file, as in `<FILE`")),
        }
    }

    /// Asks a yes-or-no question; an empty line and the end of input mean no.
    pub fn confirm(&self, question: &str) -> Result<bool, Error> {
        let answer = self.line(&format!("{question} [y/N]"))?;
        Ok(answer.is_some_and(|answer| matches!(answer.to_lowercase().as_str(), "y" | "yes")))
    }

    /// Prompts for a line; `None` at the end of input.
    ///
    /// The terminal's own line editing is used, so there is no state to restore.
    pub fn line(&self, question: &str) -> Result<Option<String>, Error> {
        let answer = self.ask(question)?;
        Ok(answer.map(|answer| answer.trim().to_owned()))
    }

    /// Prompts for a value until the answer is valid. An empty line is the default, or `None`
    /// without one, as is the end of input.
    pub fn value<T>(
        &self,
        question: &str,
        default: Option<&str>,
        parse: impl Fn(&str) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        loop {
            self.write_question(question, default);
            let Some(answer) = self.answer()? else {
                return Ok(None);
            };
            let value = match (answer.trim(), default) {
                ("", None) => return Ok(None),
                ("", Some(default)) => parse(default),
                (answer, _) => parse(answer),
            };
            match value {
                Ok(value) => return Ok(Some(value)),
                Err(error) => self.error(&error),
            }
        }
    }

    /// The same for a value parsed from text, without a default.
    pub fn parsed<T: FromStr<Err = Invalid>>(&self, question: &str) -> Result<Option<T>, Error> {
        self.value(question, None, |answer| Ok(answer.parse()?))
    }

    /// Writes a prompt.
    fn write_question(&self, question: &str, default: Option<&str>) {
        let mut prompt = String::new();
        let theme = self.theme();
        let _ = theme.format_input_prompt(&mut prompt, &escape_controls(question), default);
        let _ = io::stderr().write_all(prompt.as_bytes());
    }

    fn ask(&self, question: &str) -> Result<Option<Zeroizing<String>>, Error> {
        self.write_question(question, None);
        self.answer()
    }

    /// Reads a line; `None` at the end of input.
    fn answer(&self) -> Result<Option<Zeroizing<String>>, Error> {
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

    /// Prompts for something without echo; `None` for an empty line or the end of input.
    pub fn hidden(&self, question: &str) -> Result<Option<Zeroizing<String>>, Error> {
        let _guard = Guard::without_echo().map_err(|error| unreadable(&error))?;
        let answer = self.ask(question)?;
        if answer.is_some() {
            // Enter was not echoed, either.
            let _ = io::stderr().write_all(b"\n");
        }
        Ok(answer.filter(|answer| !answer.is_empty()))
    }

    /// Prompts for lines without echo, up to the end of input.
    pub fn hidden_text(&self, question: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let _guard = Guard::without_echo().map_err(|error| unreadable(&error))?;
        self.write_question(question, None);
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_TEXT));
        loop {
            let line = read_line().map_err(|error| unreadable(&error))?;
            if line.is_empty() {
                break;
            }
            if text.len() + line.len() > MAX_TEXT {
                return Err(
                    Error::usage("more than 64 KiB were pasted").with_hint("give it in a file")
                );
            }
            text.extend_from_slice(&line);
        }
        let _ = io::stderr().write_all(b"\n");
        Ok(text)
    }

    pub(super) fn theme(&self) -> Box<dyn Theme> {
        match self.choice(&io::stderr()) {
            anstream::ColorChoice::Never => Box::new(SimpleTheme),
            _ => Box::new(ColorfulTheme::default()),
        }
    }
}

/// A line from the terminal, unbuffered, since std's buffer would keep a copy. A terminal returns a
/// line per read, or part of one at the end of input.
fn read_line() -> io::Result<Zeroizing<Vec<u8>>> {
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut line = Zeroizing::new(vec![0; MAX_ANSWER]);
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

pub(super) fn unreadable(error: &io::Error) -> Error {
    Error::new(ExitStatus::No, format!("cannot read the answer: {error}"))
}
