//! Reads `config.toml`; reports mistakes with their line and the closest valid word.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

use super::origins::Origin;
use super::path::{whole_address, whole_path};
use super::preset::Preset;
use super::text::Text;
use super::vaults::{NamedVault, VaultName};
use super::{ApiUrl, Color, ExportTarget, HostName, KeyHeader, Listen, Retention, Wait, hint};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{self, FileRole};
use crate::key::{
    Brand, Expiry, Grace, Limit, Period, Permission, Rule, Term, UsernameTemplate, escape_controls,
    quoted,
};
use crate::vault::VaultAddress;

/// The maximum size of a settings file, in bytes.
const MAX_SIZE: u64 = 1 << 20;

/// `config.toml` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    #[serde(deserialize_with = "address")]
    pub(super) vault: Option<VaultAddress>,
    pub(super) vaults: BTreeMap<Text<VaultName>, NamedVault>,
    #[serde(deserialize_with = "text")]
    pub(super) wait: Option<Wait>,
    #[serde(deserialize_with = "text")]
    pub(super) brand: Option<Brand>,
    pub(super) defaults: Defaults,
    pub(super) plans: BTreeMap<String, Text<Limit>>,
    pub(super) permissions: BTreeMap<Text<Permission>, Vec<Text<Rule>>>,
    pub(super) policy: PolicyFile,
    pub(super) usage: UsageFile,
    pub(super) database: DatabaseSection,
    pub(super) serve: ServeSection,
    pub(super) smtp: SmtpSection,
    pub(super) api: ApiSection,
    pub(super) export: Vec<ExportTarget>,
    pub(super) destinations: BTreeMap<String, Preset>,
    pub(super) output: OutputSection,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Defaults {
    #[serde(deserialize_with = "text")]
    pub(super) expires: Option<Expiry>,
    pub(super) plan: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) permission: Option<Permission>,
    #[serde(deserialize_with = "text")]
    pub(super) username: Option<UsernameTemplate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PolicyFile {
    #[serde(deserialize_with = "text")]
    pub(super) rotate_every: Option<Term>,
    #[serde(deserialize_with = "text")]
    pub(super) unused: Option<Term>,
    #[serde(deserialize_with = "text")]
    pub(super) expiring: Option<Term>,
    #[serde(deserialize_with = "text")]
    pub(super) max_lifetime: Option<Term>,
    pub(super) require_expiry: Option<bool>,
    pub(super) require_limit: Option<bool>,
    pub(super) require_least_permission: Option<bool>,
    #[serde(deserialize_with = "text")]
    pub(super) grace: Option<Grace>,
    #[serde(deserialize_with = "text")]
    pub(super) settle: Option<Period>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UsageFile {
    #[serde(deserialize_with = "text")]
    pub(super) keep: Option<Retention>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DatabaseSection {
    #[serde(deserialize_with = "absolute")]
    pub(super) password_file: Option<PathBuf>,
    #[serde(deserialize_with = "absolute")]
    pub(super) ca_file: Option<PathBuf>,
    #[serde(deserialize_with = "absolute")]
    pub(super) cert_file: Option<PathBuf>,
    #[serde(deserialize_with = "absolute")]
    pub(super) key_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ServeSection {
    #[serde(deserialize_with = "text")]
    pub(super) listen: Option<Listen>,
    /// Where `serve` answers Postfix's policy requests; nowhere by default.
    #[serde(deserialize_with = "text")]
    pub(super) policy: Option<Listen>,
    pub(super) headers: Option<Vec<Text<KeyHeader>>>,
    pub(super) bearer: Option<bool>,
    pub(super) cors_origins: Vec<Text<Origin>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SmtpSection {
    #[serde(deserialize_with = "text")]
    pub(super) host: Option<HostName>,
    #[serde(deserialize_with = "port")]
    pub(super) port: Option<u16>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ApiSection {
    #[serde(deserialize_with = "text")]
    pub(super) url: Option<ApiUrl>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OutputSection {
    #[serde(deserialize_with = "shown")]
    pub(super) shown: Option<usize>,
    pub(super) utc: Option<bool>,
    pub(super) color: Option<Color>,
}

fn text<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    Text::deserialize(from).map(|Text(value)| Some(value))
}

fn address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<VaultAddress>, D::Error> {
    whole_address(from).map(Some)
}

fn absolute<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    whole_path(from).map(Some)
}

fn port<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    let number = i64::deserialize(from)?;
    match u16::try_from(number) {
        Ok(port) if port > 0 => Ok(Some(port)),
        _ => Err(de::Error::custom(format!("`{number}` is not a port"))),
    }
}

fn shown<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    let shown = usize::deserialize(from)?;
    if (2..=4).contains(&shown) {
        return Ok(Some(shown));
    }
    Err(de::Error::custom(format!("`{shown}` must be 2, 3 or 4")))
}

/// Reads a settings file, which must be private to the user; the default one need not exist.
pub(super) fn read(path: &Path, is_named: bool) -> Result<String, Error> {
    let failed = |why: &dyn Display| {
        let message = format!("cannot read the settings `{}`: {why}", path.display());
        Error::new(ExitStatus::Trouble, message)
    };
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => return Err(failed(&"it is not a regular file")),
        Ok(found) if found.len() > MAX_SIZE => return Err(failed(&"it is larger than 1 MiB")),
        Ok(_) => {}
        Err(error) if is_missing(&error) && !is_named => return Ok(String::new()),
        Err(error) => return Err(failed(&error)),
    }
    let file = FileRole::Settings.open(path).map_err(|error| match error {
        files::Error::Refused { .. } => Error::from(error).about("the settings are not trusted"),
        files::Error::Io { source, .. } => failed(&source),
        error => failed(&error),
    })?;
    let mut text = String::new();
    file.take(MAX_SIZE)
        .read_to_string(&mut text)
        .map_err(|error| failed(&error))?;
    Ok(text)
}

/// Parses the settings in a file's text.
pub(super) fn understood(text: &str, path: &Path) -> Result<File, Error> {
    parse(text).map_err(|(line, message, hint)| {
        let message = format!("{}:{line}: {message}", path.display());
        Error::new(ExitStatus::Trouble, message).with_hint(hint.unwrap_or_default())
    })
}

fn is_missing(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

/// The settings, or the first mistake's line, message and hint.
pub(super) fn parse(text: &str) -> Result<File, (usize, String, Option<String>)> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text[..start].matches('\n').count() + 1;
        let (message, hint) = explained(error.message());
        (line, message, hint)
    })
}

/// The parser's message, reworded: an unknown setting gets a suggestion.
fn explained(message: &str) -> (String, Option<String>) {
    let words: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match words.split_first() {
        Some((unknown, known)) if message.starts_with("unknown ") => {
            let what = if message.starts_with("unknown field") {
                "setting"
            } else {
                "value"
            };
            let hint = hint(unknown, known);
            (format!("unknown {what} {}", quoted(unknown)), Some(hint))
        }
        _ if message.starts_with("invalid type") => {
            let hint = "`postkey help settings` shows how each setting is written";
            (escape_controls(message).into_owned(), Some(hint.to_owned()))
        }
        _ => (
            escape_controls(&message.replace('\n', " ")).into_owned(),
            None,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_setting_is_named_with_its_line_and_the_nearest_right_word() {
        let (line, message, hint) =
            parse("brand = \"acme\"\n\nbrnad = \"x\"\n").expect_err("unknown");
        assert_eq!((line, message.as_str()), (3, "unknown setting `brnad`"));
        assert_eq!(hint.as_deref(), Some("did you mean `brand`?"));
    }

    #[test]
    fn a_bad_value_is_named_with_its_line_and_rule() {
        for (text, line, part) in [
            ("\nbrand = \"ACME\"", 2, "2 to 12 lowercase"),
            ("[plans]\n\nteam = \"many\"", 3, "`many` is not a limit"),
            ("[vaults]\nx = \"v.db\"", 2, "must be an absolute path"),
            (
                "[vaults]\n\"x.db\" = \"/v.db\"",
                2,
                "`x.db` is not a vault's name",
            ),
            (
                "[defaults]\nusername = \"shop_prod\"",
                2,
                "it would be the username of every key",
            ),
            ("[output]\nshown = 9", 2, "`9` must be 2, 3 or 4"),
            ("[output]\ncolor = \"blue\"", 2, "unknown value `blue`"),
            (
                "[defaults]\nexpires = \"soon\"",
                2,
                "`soon` is not an expiry",
            ),
            ("wait = 5", 1, "invalid type"),
            ("vault = \"~ops/v.db\"", 1, "that cannot be expanded"),
            (
                "[permissions]\nx = [\"GET v3\"]",
                2,
                "`GET v3` is not a rule",
            ),
            ("[permissions]\nX = []", 2, "`X` is not a permission"),
            (
                "[policy]\nunused = \"soon\"",
                2,
                "`soon` is not a rule's time",
            ),
            ("[policy]\nolder = \"1d\"", 2, "unknown setting `older`"),
            (
                "[usage]\nkeep = \"36h\"",
                2,
                "a whole number of days, from 1d",
            ),
            (
                "[database]\nca_file = \"ca.pem\"",
                2,
                "must be an absolute path",
            ),
            (
                "[database]\npassword = \"x\"",
                2,
                "unknown setting `password`",
            ),
            (
                "[serve]\nlisten = \"0.0.0.0:1\"",
                2,
                "must be a loopback address",
            ),
            ("[serve]\nheaders = [\"cookie\"]", 2, "has another meaning"),
            (
                "[serve]\nheaders = [\"Authorization\"]",
                2,
                "a key in it is a bearer token",
            ),
            (
                "[serve]\ncors_origins = [\"null\"]",
                2,
                "`null` is not an origin",
            ),
            ("[serve]\nbearer = \"no\"", 2, "invalid type"),
            (
                "[[export]]\nformat = \"shadow\"\nfile = \"/x\"",
                2,
                "unknown value `shadow`",
            ),
            ("[[export]]\nformat = \"json\"", 1, "missing field `file`"),
            (
                "[[export]]\nformat = \"json\"\nfile = \"users\"",
                3,
                "must be an absolute path",
            ),
            ("brand = ", 1, ""),
        ] {
            let (found, message, _) = parse(text).expect_err(text);
            assert_eq!(found, line, "{text}: {message}");
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
