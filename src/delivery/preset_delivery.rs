//! Delivers a secret to a secret manager by its own command-line tool, and reads it back.
//!
//! The secret goes to the tool's standard input, or to a file in memory that only the tool inherits
//! (memfd_create(2)): nothing is left on a disk, however this process ends.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, Mode, fchmod, memfd_create};
use zeroize::Zeroizing;

use crate::delivery::child::{ChildCommand, ChildTask, MAX_TEXT};
use crate::delivery::stored_text;
use crate::destination::PresetAddress;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::quoted;
use crate::process::DeferredSignals;
use crate::settings::{FILE_PART, PartTemplate};

/// How long to wait before reading again what may lag behind.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// A place in a secret manager, and how its tool is run.
#[derive(Clone, Debug)]
pub struct PresetDelivery {
    /// The place.
    pub address: PresetAddress,
    /// The working directory of the tool; empty for the current one.
    pub folder: PathBuf,
    /// The signals that stop the tool.
    pub signals: Option<DeferredSignals>,
}

/// A secret that was stored in a secret manager.
pub struct StoredDelivery {
    delivery: PresetDelivery,
    /// What was stored there before, if that could be read.
    before: Option<Zeroizing<Vec<u8>>>,
}

/// How the tool failed.
struct ToolFailure {
    /// The end of a sentence that begins with the command.
    why: String,
    command: String,
    /// Its output, without secrets.
    lines: Vec<String>,
}

impl PresetDelivery {
    /// The name of the tool: the first that is installed.
    ///
    /// # Errors
    /// If none is.
    pub(super) fn tool(&self) -> Result<(String, PathBuf), Error> {
        let mut missing = None;
        for name in &self.address.preset.programs {
            match self.command(vec![name.clone()]).program() {
                Ok(path) => return Ok((name.clone(), path)),
                Err(error) => missing = missing.or(Some(error)),
            }
        }
        Err(missing.expect("a preset names a program"))
    }

    /// Stores a secret and reads it back, where that is possible.
    ///
    /// # Errors
    /// If it could not be stored, or something else is stored there. What was there before is
    /// restored then, if it could be read.
    pub(super) fn store(
        &self,
        secret: &str,
        mut report: impl FnMut(&str),
    ) -> Result<StoredDelivery, Error> {
        let mut failed = |failure: ToolFailure| {
            // The last line is part of the message.
            let earlier = failure.lines.len().saturating_sub(1);
            failure.lines[..earlier]
                .iter()
                .for_each(|line| report(line));
            self.error(&failure)
        };
        let (before, is_missing) = match self.read() {
            Ok(before) => (before, false),
            Err(failure) if self.is_missing(&failure) => (None, true),
            Err(failure) if self.field().is_some() => return Err(failed(failure)),
            Err(_) => (None, false),
        };
        let text = match self.field() {
            Some(field) => {
                let stored = before.as_deref().map(Vec::as_slice);
                stored_text::with_field(stored, field, secret).ok_or_else(|| self.no_document())?
            }
            None => stored_text::input(&self.address, secret),
        };
        self.write(&text, is_missing).map_err(failed)?;
        let stored = StoredDelivery {
            delivery: self.clone(),
            before,
        };
        match self.expect_stored(secret) {
            Ok(()) => Ok(stored),
            Err(error) => Err(match stored.undo() {
                true => error.with_hint("what was there before was restored"),
                false => error,
            }),
        }
    }

    /// The secret that is stored; `None` if the tool cannot read it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn stored(&self) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let text = match self.read() {
            Err(failure) if self.is_missing(&failure) => Some(Zeroizing::default()),
            outcome => outcome.map_err(|failure| self.error(&failure))?,
        };
        let preset = &self.address.preset;
        let decoded = text.map(|text| stored_text::secret(&text, self.field(), preset.decode));
        Ok(decoded)
    }

    /// Makes sure that what is stored is the secret.
    fn expect_stored(&self, secret: &str) -> Result<(), Error> {
        let end = Instant::now() + self.address.preset.lag;
        let shown = quoted(&self.address.text);
        loop {
            let why = match self.stored() {
                Ok(None) => return Ok(()),
                Ok(Some(stored)) if *stored == secret.as_bytes() => return Ok(()),
                Ok(Some(_)) => "was written, but reading it back shows another value".to_owned(),
                Err(error) => format!("was written, but cannot be read back: {error}"),
            };
            let is_stopped = self.signals().signal().is_some();
            if Instant::now() >= end || is_stopped {
                return Err(
                    Error::new(ExitStatus::Undelivered, format!("{shown} {why}")).with_hint(
                        "the new secret is not valid: check who else writes there, and that it \
                         may be read",
                    ),
                );
            }
            sleep(READ_AGAIN);
        }
    }

    /// The field of the stored document that holds the secret, if the address names one.
    fn field(&self) -> Option<&str> {
        let part = self.address.preset.field.as_ref()?;
        self.address.parts.get(part).map(String::as_str)
    }

    /// What is stored, as the tool prints it; `None` if it cannot.
    fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, ToolFailure> {
        let Some(words) = &self.address.preset.read else {
            return Ok(None);
        };
        // One byte more shows that there is more.
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_TEXT + 1));
        self.run(words, None, Some(&mut text))?;
        Ok(Some(text))
    }

    fn write(&self, text: &[u8], is_missing: bool) -> Result<(), ToolFailure> {
        let preset = &self.address.preset;
        let create = preset.create.as_ref();
        if let Some(words) = preset
            .update
            .as_ref()
            .filter(|_| !is_missing || create.is_none())
        {
            match self.run(words, Some(text), None) {
                Err(failure) if create.is_some() && self.is_missing(&failure) => {}
                outcome => return outcome,
            }
        }
        self.run(create.map_or(&[], Vec::as_slice), Some(text), None)
    }

    fn is_missing(&self, failure: &ToolFailure) -> bool {
        let mark = self.address.preset.missing.as_ref();
        mark.is_some_and(|mark| failure.lines.iter().any(|line| line.contains(mark)))
    }

    /// Runs the tool with these arguments.
    fn run(
        &self,
        words: &[PartTemplate],
        input: Option<&[u8]>,
        output: Option<&mut Zeroizing<Vec<u8>>>,
    ) -> Result<(), ToolFailure> {
        let mut failure = ToolFailure {
            why: String::new(),
            command: self.address.preset.programs[0].clone(),
            lines: Vec::new(),
        };
        let (name, program) = match self.tool() {
            Ok(tool) => tool,
            Err(error) => {
                failure.why = format!("cannot be run: {error}");
                return Err(failure);
            }
        };
        let mut parts = self.address.parts.clone();
        let has_file = words
            .iter()
            .flat_map(PartTemplate::names)
            .any(|part| part == FILE_PART);
        let file = input.filter(|_| has_file).map(private_file).transpose();
        let file = match file {
            Ok(file) => file,
            Err(error) => {
                failure.why = format!("cannot be run: {error}");
                return Err(failure);
            }
        };
        if let Some(file) = &file {
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            parts.insert(FILE_PART.to_owned(), path);
        }
        let arguments = words.iter().filter_map(|word| word.filled(&parts));
        let command = self.command([name].into_iter().chain(arguments).collect());
        failure.command = command.words.join(" ");
        let task = ChildTask {
            input: input.filter(|_| !has_file),
            output,
            report: &mut |line| failure.lines.push(line.to_owned()),
        };
        let ended = command.run(program, &[], task);
        ended.map_err(|why| ToolFailure { why, ..failure })
    }

    fn command(&self, words: Vec<String>) -> ChildCommand {
        ChildCommand {
            words,
            folder: self.folder.clone(),
            timeout: self.address.preset.timeout,
            signals: Some(self.signals()),
        }
    }

    fn signals(&self) -> DeferredSignals {
        let own = self.signals.clone();
        own.unwrap_or_else(DeferredSignals::begin_once)
    }

    fn error(&self, failure: &ToolFailure) -> Error {
        let message = format!("{} {}", quoted(&failure.command), failure.why);
        let error = Error::new(ExitStatus::Undelivered, message);
        match &self.address.preset.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    fn no_document(&self) -> Error {
        let shown = quoted(&self.address.text);
        let message = format!("what is stored in {shown} is not a JSON object: it has no fields");
        Error::new(ExitStatus::Undelivered, message)
            .with_hint("name another secret; or leave out the field to replace it whole")
    }
}

impl StoredDelivery {
    /// Stores what was there before; returns whether that was possible.
    pub(super) fn undo(&self) -> bool {
        let preset = &self.delivery.address.preset;
        let Some(before) = &self.before else {
            return false;
        };
        let text = match self.delivery.field() {
            Some(_) => before.clone(),
            None => {
                let before = stored_text::secret(before, None, preset.decode);
                let Ok(before) = std::str::from_utf8(&before) else {
                    return false;
                };
                stored_text::input(&self.delivery.address, before)
            }
        };
        self.delivery.write(&text, false).is_ok()
    }

    /// The place, for messages.
    pub(super) fn place(&self) -> String {
        quoted(&self.delivery.address.text)
    }
}

/// A file in memory with this text, which child processes inherit.
fn private_file(text: &[u8]) -> io::Result<File> {
    let file = memfd_create("secret", MemfdFlags::empty())?;
    fchmod(&file, Mode::RUSR | Mode::WUSR)?;
    let mut file = File::from(file);
    file.write_all(text)?;
    Ok(file)
}
