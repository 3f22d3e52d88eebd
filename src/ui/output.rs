//! Standard output, with errors for every failed write.

use std::io::{self, Write};

use nix::unistd;

use super::{Format, Ui};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::process::{self, Pager};

/// Standard output.
///
/// Not `io::Stdout`, which treats writes to a closed or read-only descriptor as successful.
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
        ignore_closed_pipe(expect_open())
    }

    /// Writes text to standard output as it is.
    ///
    /// # Errors
    /// If it cannot be written; a closed pipe is not an error.
    pub fn print(&self, text: &str) -> Result<(), Error> {
        ignore_closed_pipe(Output.write_all(text.as_bytes()))
    }

    /// Writes help styled by clap to standard output.
    pub fn print_help(&self, text: &clap::builder::StyledStr) -> Result<(), Error> {
        let text = match self.has_color() {
            true => text.ansi().to_string(),
            false => text.to_string(),
        };
        let _pager = self.page();
        self.print(&text)
    }

    /// Starts the pager for further output, if that is for people.
    pub fn page(&self) -> Option<Pager> {
        let is_for_people = self.format == Format::Text;
        is_for_people.then(Pager::start)?
    }

    /// Writes text styled by clap to standard error; ignores failures.
    pub fn say_styled(&self, text: &clap::builder::StyledStr) {
        let styled = text.ansi().to_string();
        let mut stderr = anstream::AutoStream::new(io::stderr(), self.choice(&io::stderr()));
        let _ = stderr.write_all(styled.as_bytes());
    }
}

/// A reader that closed the pipe has seen enough; anything else is an error.
///
/// # Errors
/// With the status `trouble` if standard output could not be written.
pub fn ignore_closed_pipe(result: io::Result<()>) -> Result<(), Error> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::new(
            ExitStatus::Trouble,
            format!("cannot write to standard output: {error}"),
        )),
        _ => Ok(()),
    }
}
