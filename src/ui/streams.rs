//! The output streams, and messages on standard error.

use std::io::{self, IsTerminal, Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use indicatif::ProgressBar;
use serde::Serialize;

use super::wrapping::fitted;
use super::{Format, json};
use crate::error::Error;
use crate::key::{escape_controls, redact_secrets};
use crate::settings::Color;

/// The two streams, and what is printed on them.
#[derive(Clone, Debug)]
pub struct Ui {
    /// The format of results and errors.
    pub format: Format,
    /// Whether only errors are printed.
    pub is_quiet: bool,
    /// Whether prompts are allowed, if there is a terminal.
    pub may_ask: bool,
    /// When to use color.
    pub color: Color,
    /// The flags that suggested commands need to use the same vault.
    pub globals: String,
    /// The progress bar, above which messages are printed. `None` unless one is shown: it hashes,
    /// and errors must be reported even without random bytes for that.
    pub(super) bar: Option<ProgressBar>,
}

impl Ui {
    /// The streams before flags and settings are known.
    pub fn before_settings(format: Format) -> Self {
        Self {
            format,
            is_quiet: false,
            may_ask: false,
            color: Color::Auto,
            globals: String::new(),
            bar: None,
        }
    }

    /// Prints what was done, on standard error; programs read it from the result.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.is_quiet && !self.format.is_for_machines() {
            self.write_message(None, text.as_ref());
        }
    }

    /// Prints a message on standard error that nothing else conveys, even with `--quiet`.
    pub fn print_always(&self, text: impl AsRef<str>) {
        self.write_message(None, text.as_ref());
    }

    /// Prints a warning on standard error.
    pub fn warn(&self, text: impl AsRef<str>) {
        if self.is_quiet {
            return;
        }
        if self.format.is_for_machines() {
            return write_json_message(&ProgramMessage::Warning {
                message: &redact_secrets(&self.with_globals(text.as_ref())),
            });
        }
        self.write_message(Some(("warning", AnsiColor::Yellow)), text.as_ref());
    }

    /// Prints an error and its hint on standard error: as JSON with a machine format.
    pub fn error(&self, error: &Error) {
        let message = error.to_string();
        if self.format.is_for_machines() {
            let message = redact_secrets(&self.with_globals(&message)).into_owned();
            let hint = error.hint().map(|hint| self.with_globals(hint));
            let hint = hint.as_deref().map(redact_secrets);
            return write_json_message(&ProgramMessage::Error {
                code: error.exit_status().into(),
                message: &message,
                hint: hint.as_deref(),
            });
        }
        self.write_message(Some(("error", AnsiColor::Red)), &message);
        if let Some(hint) = error.hint() {
            self.write_message(Some(("hint", AnsiColor::Cyan)), hint);
        }
    }

    /// A sentence on standard error, wrapped to fit the terminal.
    fn write_message(&self, label: Option<(&str, AnsiColor)>, text: &str) {
        let text = self.with_globals(text);
        let text = displayed(&text);
        let Some((label, color)) = label else {
            return self.write_error_line(&fitted(&text));
        };
        let style = Style::new().bold().fg_color(Some(color.into()));
        let text = fitted(&format!("{label}: {text}"));
        let (label, text) = text.split_at(label.len() + 1);
        self.write_error_line(&format!("{style}{label}{style:#}{text}"));
    }

    /// A line on standard error that is already wrapped.
    pub(super) fn say_row(&self, row: &str) {
        self.write_error_line(&displayed(row));
    }

    /// A closed standard error is not a failure.
    fn write_error_line(&self, text: &str) {
        let write = || {
            let mut stderr = AutoStream::new(io::stderr().lock(), self.choice(&io::stderr()));
            let _ = writeln!(stderr, "{text}");
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    pub(super) fn choice(
        &self,
        stream: &impl anstream::stream::RawStream,
    ) -> anstream::ColorChoice {
        match self.color {
            Color::Auto => AutoStream::choice(stream),
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        }
    }

    /// Whether standard output is colored.
    pub(super) fn has_color(&self) -> bool {
        let choice = self.choice(&io::stdout());
        !matches!(choice, anstream::ColorChoice::Never)
    }

    /// Whether standard output is a terminal.
    pub fn is_on_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }
}

/// Text made safe for standard error: one line, without secrets and control characters.
fn displayed(text: &str) -> String {
    redact_secrets(&escape_controls(text)).into_owned()
}

/// A message for programs on standard error.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum ProgramMessage<'a> {
    Error {
        code: &'a str,
        message: &'a str,
        hint: Option<&'a str>,
    },
    Warning {
        message: &'a str,
    },
}

fn write_json_message(talk: &ProgramMessage<'_>) {
    let _ = io::stderr().lock().write_all(json::line(talk).as_bytes());
}
