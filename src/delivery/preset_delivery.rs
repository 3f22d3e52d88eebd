//! Runs the command-line tool of a secret manager, which stores a secret or reads it back.
//!
//! The secret goes to the tool's standard input, or to a file in memory that only the tool inherits
//! (memfd_create(2)): nothing is left on a disk, however this process ends.

use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use strum::VariantArray;
use zeroize::Zeroizing;

use crate::delivery::child::{ChildCommand, ChildInput, ChildTask, MAX_TEXT, private_file};
use crate::delivery::login::{ServerLogin, secret_in_url};
use crate::delivery::stored_text::{self, PlaceValue};
use crate::destination::{LoginField, PresetAddress, StoredParts};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::quoted;
use crate::process::DeferredSignals;
use crate::settings::{AddressParts, FILE_PART, PartTemplate, SmtpServer};

/// How long to wait before reading again what may lag behind.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// A place in a secret manager, and how its tool is run.
#[derive(Clone, Debug)]
pub struct PresetDelivery {
    /// The place.
    pub address: PresetAddress,
    /// The mail server of the login, where more than the secret is stored.
    pub server: SmtpServer,
    /// The working directory of the tool; empty for the current one.
    pub folder: PathBuf,
    /// The signals that stop the tool.
    pub signals: Option<DeferredSignals>,
}

/// What a place in a secret manager holds.
pub(super) enum PlaceContents {
    /// Its tool cannot tell.
    Unknown,
    /// What its tool prints.
    Known {
        /// The document with all fields, if it is stored as one.
        document: Option<Zeroizing<Vec<u8>>>,
        /// The values.
        values: Vec<PlaceValue>,
    },
}

impl PlaceContents {
    /// The values, if they are known.
    pub(super) fn values(&self) -> Option<&[PlaceValue]> {
        match self {
            Self::Unknown => None,
            Self::Known { values, .. } => Some(values),
        }
    }

    /// The first value that differs from one of these, if they are known.
    pub(super) fn differing<'a>(&self, others: &'a [PlaceValue]) -> Option<&'a PlaceValue> {
        let values = self.values()?;
        others.iter().find(|other| !values.contains(other))
    }
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

    /// How long each of its commands may take.
    pub(super) fn timeout(&self) -> Duration {
        self.address.preset.timeout
    }

    /// Whether the tool finds out by its folder which project is meant.
    pub(super) fn is_of_current_project(&self) -> bool {
        let project = self.address.preset.project.as_ref();
        project.is_some_and(|project| !self.address.parts.contains_key(project))
    }

    /// The destination as it is named from any folder; `None` if that is no text.
    pub(super) fn text(&self) -> Option<String> {
        let (text, (_, place)) = (&self.address.text, self.address.kind_and_place());
        let Some(path) = self.address.path(&self.folder) else {
            return Some(text.clone());
        };
        let start = &text[..text.len() - place.len()];
        Some(format!("{start}{}", path.to_str()?))
    }

    /// What is stored there for a key: the secret, the URL, or each field of the login, which is
    /// empty if the mail server is not known.
    pub(super) fn values(&self, username: &str, secret: &str) -> Vec<PlaceValue> {
        let login = ServerLogin {
            username,
            secret,
            server: &self.server,
        };
        let value = |(field, name)| {
            let value = login.value(field).unwrap_or_default();
            PlaceValue::new(name, &value)
        };
        self.fields().map(value).collect()
    }

    /// Where a key's values are, all of them empty.
    pub(super) fn places(&self) -> Vec<PlaceValue> {
        let place = |(_, name)| PlaceValue::new(name, "");
        self.fields().map(place).collect()
    }

    /// The fields of a login that are stored, and the names of those in the place.
    fn fields(&self) -> impl Iterator<Item = (LoginField, Option<String>)> {
        let of_login: &[LoginField] = match self.address.stored {
            StoredParts::Secret => &[LoginField::Password],
            StoredParts::Url => &[LoginField::Url],
            StoredParts::Login => LoginField::VARIANTS,
        };
        of_login.iter().copied().zip(self.address.fields())
    }

    /// The secret in what is stored.
    pub(super) fn secret_in(&self, values: &[PlaceValue]) -> Zeroizing<Vec<u8>> {
        let field = match self.address.stored {
            StoredParts::Login => self.address.field_of(LoginField::Password),
            StoredParts::Secret | StoredParts::Url => self.field(),
        };
        let mut all = values.iter();
        let value = all.find(|value| value.field == field);
        let value = value.map(|value| value.value.clone()).unwrap_or_default();
        let url = std::str::from_utf8(&value)
            .ok()
            .filter(|_| self.address.stored == StoredParts::Url);
        match url.and_then(secret_in_url) {
            Some(secret) => Zeroizing::new(secret.as_bytes().to_vec()),
            None => value,
        }
    }

    /// Makes sure that what is stored are these values.
    ///
    /// # Errors
    /// If something else is, or it cannot be read.
    pub(super) fn expect_stored(&self, values: &[PlaceValue]) -> Result<(), Error> {
        let end = Instant::now() + self.address.preset.lag;
        let shown = quoted(&self.address.text);
        loop {
            let why = match self.read(values) {
                Ok(found) => match found.differing(values) {
                    None => return Ok(()),
                    Some(PlaceValue {
                        field: Some(field), ..
                    }) if values.len() > 1 => {
                        let field = quoted(field);
                        format!("was written, but reading {field} back shows another value")
                    }
                    Some(_) => "was written, but reading it back shows another value".to_owned(),
                },
                Err(failure) => {
                    let error = self.error(&failure);
                    format!("was written, but cannot be read back: {error}")
                }
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

    fn field(&self) -> Option<String> {
        self.address.field().map(str::to_owned)
    }

    /// What is stored where these values go.
    ///
    /// # Errors
    /// If the tool fails for another reason than that nothing is there.
    pub(super) fn read(&self, values: &[PlaceValue]) -> Result<PlaceContents, ToolFailure> {
        let preset = &self.address.preset;
        if preset.read.is_none() {
            return Ok(PlaceContents::Unknown);
        }
        let is_document = preset.is_document() && self.address.field().is_some();
        let document = is_document.then(|| self.printed(None)).transpose()?;
        let document = document.map(|text| self.fields_in(text)).transpose()?;
        let mut found = Vec::new();
        for PlaceValue { field, .. } in values {
            let value = match &document {
                Some(text) => stored_text::value(text, field.as_deref(), preset.decode),
                None => {
                    let text = self.printed(field.as_deref())?;
                    stored_text::value(&text, None, preset.decode)
                }
            };
            found.push(PlaceValue {
                field: field.clone(),
                value,
            });
        }
        let document = document.filter(|text| !text.trim_ascii().is_empty());
        Ok(PlaceContents::Known {
            document,
            values: found,
        })
    }

    /// The object with the fields in what the tool printed.
    fn fields_in(&self, text: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, ToolFailure> {
        let preset = &self.address.preset;
        stored_text::part_at(text, &preset.fields_at).ok_or_else(|| ToolFailure {
            why: "printed no JSON".to_owned(),
            command: preset.programs[0].clone(),
            lines: Vec::new(),
        })
    }

    /// What the tool prints, of a field if it reads one at a time; empty if nothing is there.
    fn printed(&self, field: Option<&str>) -> Result<Zeroizing<Vec<u8>>, ToolFailure> {
        let preset = &self.address.preset;
        let mut parts = self.address.parts.clone();
        if let Some((part, field)) = preset.field.as_ref().zip(field) {
            parts.insert(part.clone(), field.to_owned());
        }
        // One byte more shows that there is more.
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_TEXT + 1));
        let words = preset.read.as_deref().unwrap_or_default();
        match self.run(words, parts, None, Some(&mut text)) {
            Err(failure) if self.is_missing(&failure) => Ok(Zeroizing::default()),
            Err(failure) => Err(failure),
            Ok(()) => Ok(text),
        }
    }

    /// Stores a text.
    ///
    /// # Errors
    /// If the tool fails; it may have stored it nevertheless.
    pub(super) fn write(&self, text: &[u8]) -> Result<(), ToolFailure> {
        let preset = &self.address.preset;
        let create = preset.create.as_ref();
        let parts = &self.address.parts;
        if let Some(words) = &preset.update {
            match self.run(words, parts.clone(), Some(text), None) {
                Err(failure) if create.is_some() && self.is_missing(&failure) => {}
                outcome => return outcome,
            }
        }
        let words = create.map_or(&[][..], Vec::as_slice);
        self.run(words, parts.clone(), Some(text), None)
    }

    fn is_missing(&self, failure: &ToolFailure) -> bool {
        let marks = &self.address.preset.missing;
        let mut lines = failure.lines.iter();
        lines.any(|line| marks.iter().any(|mark| line.contains(mark)))
    }

    /// Runs the tool with these arguments, and the parts of the address in them.
    fn run(
        &self,
        words: &[PartTemplate],
        mut parts: AddressParts,
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
            input: match input {
                Some(text) if !has_file => ChildInput::Text(text),
                _ => ChildInput::Empty,
            },
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
            timeout: self.timeout(),
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
