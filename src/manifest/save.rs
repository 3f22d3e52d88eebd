//! Reads a manifest's `save`: where a secret goes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::ManifestDestination;
use super::field::{ManifestErrors, ManifestTable, kind_of, mistake, parsed, text};
use crate::error::Error;
use crate::key::{Invalid, Kind, Period, quoted};
use crate::settings::expanded;

const FIELDS: [&str; 5] = ["file", "username", "secret", "command", "timeout"];

/// The default timeout of a command.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The maximum timeout: a pending secret is dropped after an hour.
const MAX_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// What `save` may be.
const EXAMPLES: &str = "write `save = { file = \".env\", secret = \"API_KEY\" }`, \
     `save = { file = \"secret.txt\" }` or `save = { command = [\"store\", \"name\"] }`";

/// Reads the destination of a key's secret, which is required; the key's table begins on `line`.
pub(super) fn destination(
    key: &ManifestTable<'_>,
    line: usize,
    kind: Option<Kind>,
    folder: &Path,
    mistakes: &mut ManifestErrors,
) -> Option<ManifestDestination> {
    let Some(at) = key.line("save", mistakes) else {
        let message = "the key has no `save`: its secret would be lost";
        mistakes.note(line, mistake(message, EXAMPLES));
        return None;
    };
    let destination = match key.table.get("save")?.get_ref() {
        DeValue::Table(table) => table_destination(table, at, kind, folder, mistakes)?,
        other => Err(mistake(
            format!("save: it is {}, but must be a table", kind_of(other)),
            EXAMPLES,
        )),
    };
    let is_made_up = kind == Some(Kind::Smtp) && !key.table.contains_key("username");
    let destination = destination.and_then(|destination| match is_made_up {
        true => expect_fixed_username(destination),
        false => Ok(destination),
    });
    destination.map_err(|fault| mistakes.note(at, fault)).ok()
}

/// The destination, if it can take a username that is not known yet.
fn expect_fixed_username(destination: ManifestDestination) -> Result<ManifestDestination, Error> {
    let hint = match &destination {
        ManifestDestination::Variables { username: None, .. } => {
            "add `username = \"SMTP_USERNAME\"` to `save`, or `username = \"shop_prod\"` to the key"
        }
        ManifestDestination::File(_) => {
            "add `username = \"shop_prod\"` to the key, or save both into variables: \
             `save = { file = \".env\", username = \"SMTP_USERNAME\", secret = \"SMTP_PASSWORD\" }`"
        }
        ManifestDestination::Variables { .. } | ManifestDestination::Command { .. } => {
            return Ok(destination);
        }
    };
    let message = "save: the key has no `username`, and the generated one is not saved";
    Err(mistake(message, hint))
}

/// The destination, or the mistake in the table as a whole; `None` if a field has one.
fn table_destination(
    table: &DeTable<'_>,
    at: usize,
    kind: Option<Kind>,
    folder: &Path,
    mistakes: &mut ManifestErrors,
) -> Option<Result<ManifestDestination, Error>> {
    let fields = ManifestTable {
        table,
        known: &FIELDS,
        what: "`save`",
    };
    fields.expect_known_fields(mistakes);
    expect_no_username(&fields, at, kind, mistakes);
    let has = |name| table.contains_key(name);
    match (has("file"), has("command")) {
        (true, false) => file_destination(&fields, folder, mistakes),
        (false, true) => command_destination(&fields, mistakes),
        (true, true) => Some(Err(mistake(
            "save: it must be a file or a command, not both",
            "let the command write the file, or leave it out",
        ))),
        (false, false) => Some(Err(mistake(
            "save: it names neither a file nor a command",
            EXAMPLES,
        ))),
    }
}

fn expect_no_username(
    fields: &ManifestTable<'_>,
    at: usize,
    kind: Option<Kind>,
    mistakes: &mut ManifestErrors,
) {
    if kind == Some(Kind::Api) && fields.table.contains_key("username") {
        let message = "save: an API key has no username to save";
        mistakes.note(at, mistake(message, "leave `username` out"));
    }
}

fn file_destination(
    fields: &ManifestTable<'_>,
    folder: &Path,
    mistakes: &mut ManifestErrors,
) -> Option<Result<ManifestDestination, Error>> {
    let file = fields.get("file", mistakes, |value| file(value, folder));
    let username = fields.get("username", mistakes, parsed);
    let secret = fields.get("secret", mistakes, parsed);
    let has = |name| fields.table.contains_key(name);
    if has("timeout") {
        return Some(Err(mistake(
            "save: a file has no `timeout`",
            "leave it out; only a command has one",
        )));
    }
    if has("username") && !has("secret") {
        return Some(Err(mistake(
            "save: a variable for the username requires one for the secret",
            "add `secret = \"SMTP_PASSWORD\"`",
        )));
    }
    match (has("secret"), secret) {
        (false, _) => Some(Ok(ManifestDestination::File(file?))),
        (true, secret) => Some(Ok(ManifestDestination::Variables {
            file: file?,
            username,
            secret: secret?,
        })),
    }
}

fn command_destination(
    fields: &ManifestTable<'_>,
    mistakes: &mut ManifestErrors,
) -> Option<Result<ManifestDestination, Error>> {
    let words = fields.get("command", mistakes, words);
    let timeout = fields.get("timeout", mistakes, timeout);
    for name in ["username", "secret"] {
        if let Some(line) = fields.line(name, mistakes) {
            let message = format!("save: a command has no `{name}`");
            let hint = "leave it out: the command gets the secret on its standard input, and the \
                        username as POSTKEY_USERNAME";
            mistakes.note(line, mistake(message, hint));
        }
    }
    if fields.table.contains_key("timeout") && timeout.is_none() {
        return None;
    }
    Some(Ok(ManifestDestination::Command {
        words: words?,
        timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
    }))
}

/// A path relative to the manifest's folder.
fn file(value: &DeValue<'_>, folder: &Path) -> Result<PathBuf, Error> {
    let text = text(value)?;
    let fault = |why: &str| {
        let hint = "name a file, as in `.env` (beside the manifest) or `/etc/shop/secret`";
        mistake(format!("{} {why}", quoted(text)), hint)
    };
    match text {
        "" => Err(fault("is not a path")),
        text if text.ends_with('/') => Err(fault("is a folder")),
        text if text.contains('\0') => Err(fault("is not a path")),
        "-" => Err(fault("is not a file: `apply` does not print secrets")),
        text => match expanded(text.as_ref()) {
            Ok(path) => Ok(folder.join(path)),
            Err(rule) => Err(fault(&format!("is not a path: {rule}"))),
        },
    }
}

fn words(value: &DeValue<'_>) -> Result<Vec<String>, Error> {
    let form = "write a list of words, as in `[\"vault\", \"kv\", \"put\", \"secret/ci\", \
                \"key=-\"]`; for a shell, `[\"sh\", \"-c\", \"…\"]`";
    let DeValue::Array(list) = value else {
        let message = format!("it is {}, but must be a list", kind_of(value));
        return Err(mistake(message, form));
    };
    let words = list.iter().map(|word| Ok(text(word.get_ref())?.to_owned()));
    let words: Vec<String> = words.collect::<Result<_, Error>>()?;
    match words.first() {
        None => Err(mistake("it is empty", form)),
        Some(program) if program.is_empty() => Err(mistake("it names no program", form)),
        Some(_) if words.iter().any(|word| word.contains('\0')) => {
            Err(mistake("one of its words contains a NUL character", form))
        }
        Some(_) => Ok(words),
    }
}

fn timeout(value: &DeValue<'_>) -> Result<Duration, Error> {
    let length = parsed::<Period>(value)?.length();
    let text = text(value)?;
    length
        .filter(|&length| length <= MAX_TIMEOUT)
        .ok_or_else(|| {
            Invalid::new("a timeout", text, "a timeout is at most 30 minutes")
                .with_hint("write `60s`")
        })
        .map_err(Error::from)
}
