//! Runs the command-line tool of a secret manager, which stores a secret or reads it back.
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

/// What a place in a secret manager holds.
pub(super) enum PlaceContents {
    /// Its tool cannot tell.
    Unknown,
    /// Nothing.
    Nothing,
    /// What its tool prints.
    Text(Zeroizing<Vec<u8>>),
}

/// How the tool failed.
pub(super) struct ToolFailure {
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

    /// Whether the tool finds out by its folder which project is meant.
    pub(super) fn is_of_current_project(&self) -> bool {
        let project = self.address.preset.project.as_ref();
        project.is_some_and(|project| !self.address.parts.contains_key(project))
    }

    /// The kind of destination and the path of its file, if the address names that from the folder in
    /// which the tool runs.
    pub(super) fn relative_path(&self) -> Option<(&str, PathBuf)> {
        let (kind, address) = self.address.text.split_once(':')?;
        let is_relative = address.contains('/') && !address.starts_with('/');
        let is_relative = is_relative && self.address.preset.is_path;
        is_relative.then(|| (kind, self.folder.join(address)))
    }

    /// The secret that is stored; `None` if the tool cannot read it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn stored(&self) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let found = self.read().map_err(|failure| self.error(&failure))?;
        Ok(self.value(&found))
    }

    /// The secret in what a place holds, empty if there is none; `None` if that is unknown.
    pub(super) fn value(&self, contents: &PlaceContents) -> Option<Zeroizing<Vec<u8>>> {
        match contents {
            PlaceContents::Unknown => None,
            PlaceContents::Nothing => Some(Zeroizing::default()),
            PlaceContents::Text(text) => {
                let decode = self.address.preset.decode;
                Some(stored_text::secret(text, self.field(), decode))
            }
        }
    }

    /// Makes sure that what is stored is the secret.
    ///
    /// # Errors
    /// If something else is, or it cannot be read.
    pub(super) fn expect_stored(&self, secret: &str) -> Result<(), Error> {
        let end = Instant::now() + self.address.preset.lag;
        let shown = quoted(&self.address.text);
        loop {
            let why = match self.stored() {
                Ok(None) => return Ok(()),
                Ok(Some(stored)) if *stored == secret.as_bytes() => return Ok(()),
                Ok(Some(_)) => "was written, but reading it back shows another value".to_owned(),
                Err(error) => format!("was written, but cannot be read back: {error}"),
            };
            let signals = self.signals.as_ref();
            let is_stopped = signals.is_some_and(|signals| signals.signal().is_some());
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
    pub(super) fn field(&self) -> Option<&str> {
        let part = self.address.preset.field.as_ref()?;
        self.address.parts.get(part).map(String::as_str)
    }

    /// What is stored, as the tool prints it.
    ///
    /// # Errors
    /// If the tool fails for another reason than that nothing is there.
    pub(super) fn read(&self) -> Result<PlaceContents, ToolFailure> {
        let preset = &self.address.preset;
        let Some(words) = &preset.read else {
            return Ok(PlaceContents::Unknown);
        };
        // One byte more shows that there is more.
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_TEXT + 1));
        match self.run(words, None, Some(&mut text)) {
            Err(failure) if self.is_missing(&failure) => return Ok(PlaceContents::Nothing),
            outcome => outcome?,
        }
        let is_empty = stored_text::secret(&text, None, preset.decode).is_empty();
        Ok(match is_empty {
            true => PlaceContents::Nothing,
            false => PlaceContents::Text(text),
        })
    }

    /// Stores a text.
    ///
    /// # Errors
    /// If the tool fails; it may have stored it nevertheless.
    pub(super) fn write(&self, text: &[u8]) -> Result<(), ToolFailure> {
        let preset = &self.address.preset;
        let create = preset.create.as_ref();
        if let Some(words) = &preset.update {
            match self.run(words, Some(text), None) {
                Err(failure) if create.is_some() && self.is_missing(&failure) => {}
                outcome => return outcome,
            }
        }
        self.run(create.map_or(&[], Vec::as_slice), Some(text), None)
    }

    fn is_missing(&self, failure: &ToolFailure) -> bool {
        let marks = &self.address.preset.missing;
        let mut lines = failure.lines.iter();
        lines.any(|line| marks.iter().any(|mark| line.contains(mark)))
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
            signals: self.signals.clone(),
        }
    }

    /// The error that the tool failed.
    pub(super) fn error(&self, failure: &ToolFailure) -> Error {
        let message = format!("{} {}", quoted(&failure.command), failure.why);
        let error = Error::new(ExitStatus::Undelivered, message);
        match &self.address.preset.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

impl ToolFailure {
    /// The lines that are not part of the message, which has the last one.
    pub(super) fn earlier_lines(&self) -> &[String] {
        &self.lines[..self.lines.len().saturating_sub(1)]
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
