//! Reads a manifest's `save`: where a secret goes.

use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::field::{ManifestErrors, ManifestTable, kind_of, mistake, parsed, text, texts};
use crate::destination::{DestinationSpec, DestinationText, SecretVariables, StoredParts};
use crate::error::Error;
use crate::key::{KeyName, KeyVariables, Kind, quoted};
use crate::settings::{Presets, Timeout, expanded};

const FIELDS: [&str; 5] = ["file", "username", "secret", "command", "timeout"];

/// What `save` may be.
const EXAMPLES: &str = "write `save = \"env:.env#API_KEY\"`, `save = { file = \".env\", secret = \
     \"API_KEY\" }`, `save = { file = \"secret.txt\" }` or `save = { command = [\"store\", \
     \"name\"] }`";

/// Where a key's `save` is, and what it depends on.
pub(super) struct SaveField<'a> {
    /// The line that the key's table begins on.
    pub(super) line: usize,
    pub(super) name: Option<&'a KeyName>,
    pub(super) kind: Option<Kind>,
    /// The folder that paths are relative to.
    pub(super) folder: &'a Path,
    pub(super) presets: &'a Presets,
}

impl SaveField<'_> {
    /// Reads the destination of a key's secret, which is required.
    pub(super) fn destination(
        &self,
        key: &ManifestTable<'_>,
        mistakes: &mut ManifestErrors,
    ) -> Option<DestinationSpec> {
        let Some(at) = key.line("save", mistakes) else {
            let message = "the key has no `save`: its secret would be lost";
            mistakes.note(self.line, mistake(message, EXAMPLES));
            return None;
        };
        let destination = match key.table.get("save")?.get_ref() {
            DeValue::Table(table) => {
                table_destination(table, at, self.kind, self.folder, mistakes)?
            }
            value @ DeValue::String(_) => self.named_destination(value)?,
            other => Err(mistake(
                format!(
                    "save: it is {}, but must be text or a table",
                    kind_of(other)
                ),
                EXAMPLES,
            )),
        };
        let is_made_up = self.kind == Some(Kind::Smtp) && !key.table.contains_key("username");
        let destination = destination.and_then(|destination| match is_made_up {
            true => expect_fixed_username(destination),
            false => Ok(destination),
        });
        destination.map_err(|fault| mistakes.note(at, fault)).ok()
    }

    /// The destination in its short form, as in `vault:secret/app#key`; `None` if that depends on a
    /// name that is invalid.
    fn named_destination(&self, value: &DeValue<'_>) -> Option<Result<DestinationSpec, Error>> {
        let name = self.name?;
        let parsed = || -> Result<DestinationSpec, Error> {
            let named: DestinationText = parsed(value)?;
            let hint = match named.kind() {
                "command" => "write `save = { command = [\"store\", \"name\"] }`",
                "github-env" | "github-output" => {
                    "the job itself sets them, with `--to` or `--github`"
                }
                _ => {
                    let spec = named.spec(name, self.presets, self.folder, &[])?;
                    return Ok(match spec {
                        DestinationSpec::Folder(path) => {
                            DestinationSpec::File(path.join(name.as_str()))
                        }
                        other => other,
                    });
                }
            };
            let message = format!("a manifest has no destination {}", quoted(text(value)?));
            Err(mistake(message, hint))
        };
        Some(parsed().map_err(|error| error.about("save")))
    }
}

/// The destination, if it can take a username that is not known yet.
fn expect_fixed_username(destination: DestinationSpec) -> Result<DestinationSpec, Error> {
    let is_saved = |variables: &SecretVariables| {
        !matches!(
            variables,
            SecretVariables::Exactly(KeyVariables { username: None, .. })
        )
    };
    let hint = match &destination {
        DestinationSpec::Env { variables, .. } if !is_saved(variables) => {
            "add `username = \"SMTP_USERNAME\"` to `save`, or `username = \"shop_prod\"` to the key"
        }
        DestinationSpec::File(_) => {
            "add `username = \"shop_prod\"` to the key, or save both into variables: \
             `save = { file = \".env\", username = \"SMTP_USERNAME\", secret = \"SMTP_PASSWORD\" }`"
        }
        DestinationSpec::Preset(address) if address.stored == StoredParts::Secret => {
            "add `username = \"shop_prod\"` to the key, or store each field, as in \
             `vault:secret/app#smtp_{field}`"
        }
        _ => return Ok(destination),
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
) -> Option<Result<DestinationSpec, Error>> {
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
) -> Option<Result<DestinationSpec, Error>> {
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
        (false, _) => Some(Ok(DestinationSpec::File(file?))),
        (true, secret) => Some(Ok(DestinationSpec::Env {
            file: file?,
            variables: SecretVariables::Exactly(KeyVariables {
                username,
                secret: secret?,
            }),
        })),
    }
}

fn command_destination(
    fields: &ManifestTable<'_>,
    mistakes: &mut ManifestErrors,
) -> Option<Result<DestinationSpec, Error>> {
    let words = fields.get("command", mistakes, words);
    let timeout = fields.get("timeout", mistakes, parsed::<Timeout>);
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
    Some(Ok(DestinationSpec::Command {
        words: words?,
        timeout: timeout.unwrap_or_default().0,
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
    let words = texts(value, form)?;
    match words.first() {
        None => Err(mistake("it is empty", form)),
        Some(program) if program.is_empty() => Err(mistake("it names no program", form)),
        Some(_) if words.iter().any(|word| word.contains('\0')) => {
            Err(mistake("one of its words contains a NUL character", form))
        }
        Some(_) => Ok(words),
    }
}
