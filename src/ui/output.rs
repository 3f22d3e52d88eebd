//! Standard output, on which no write is lost without an error.

use std::io::{self, Write};

use nix::unistd;

use super::{Format, Ui};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::process::{self, Pager};

/// Standard output.
///
/// Not `io::Stdout`, which takes a descriptor that is closed, or not open for writing, for a
/// success.
#[derive(Debug)]
pub struct Output;

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        expect_open()?;
        Ok(unistd::write(io::stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn expect_open() -> io::Result<()> {
    match process::is_output_closed() {
        true => Err(io::Error::other("it is closed")),
        false => Ok(()),
    }
}

impl Ui {
    /// Makes sure, before anything is done, that standard output is not closed.
    ///
    /// # Errors
    /// With the status `trouble` if it is.
    pub fn expect_output(&self) -> Result<(), Error> {
        written(expect_open())
    }

    /// Writes text to standard output as it is.
    ///
    /// # Errors
    /// If it cannot be written; a reader who has gone is no error.
    pub fn print(&self, text: &str) -> Result<(), Error> {
        written(Output.write_all(text.as_bytes()))
    }

    /// Writes help that clap has styled to standard output.
    pub fn print_help(&self, text: &clap::builder::StyledStr) -> Result<(), Error> {
        let text = match self.has_color() {
            true => text.ansi().to_string(),
            false => text.to_string(),
        };
        let _pager = self.page();
        self.print(&text)
    }

    /// Lets the pager read what follows on standard output, if it is for people.
    pub fn page(&self) -> Option<Pager> {
        let is_for_people = self.format == Format::Text;
        is_for_people.then(Pager::start)?
    }

    /// Writes text that clap has styled to standard error; that nobody reads it is no failure.
    pub fn say_styled(&self, text: &clap::builder::StyledStr) {
        let styled = text.ansi().to_string();
        let mut stderr = anstream::AutoStream::new(io::stderr(), self.choice(&io::stderr()));
        let _ = stderr.write_all(styled.as_bytes());
    }
}

/// A reader who has seen enough is no error; anything else is.
///
/// # Errors
/// With the status `trouble` if standard output could not be written.
pub fn written(result: io::Result<()>) -> Result<(), Error> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::new(
            ExitStatus::Trouble,
            format!("cannot write to standard output: {error}"),
        )),
        _ => Ok(()),
    }
}
