//! The settings: flags over environment over `config.toml` over defaults, merged once.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use directories::ProjectDirs;
use serde::{Deserialize, Deserializer, de};

use crate::key::{Brand, Expiry, Invalid, Limit, Period, Permission};

/// How large a settings file may be, in bytes.
const LARGEST: u64 = 1 << 20;

/// Everything that can be set, merged.
#[derive(Debug)]
pub struct Settings {
    /// Where the vault lies.
    pub vault: PathBuf,
    /// Whether the vault's place follows from the user's home, not from a flag or setting.
    pub is_vault_in_home: bool,
    /// How long to wait for a busy vault.
    pub wait: Duration,
    /// Whether people are shown UTC instead of their own time zone.
    pub utc: bool,
    /// When people are shown colour.
    pub color: Color,
    /// How many characters of a tail people are shown.
    pub shown: usize,
    /// The brand of new secrets.
    pub brand: Brand,
    /// When a new key expires if nothing is said.
    pub expires: Expiry,
    /// What a new API key may call if nothing is said.
    pub permission: Permission,
    /// How often a new API key may be used if nothing is said.
    pub limit: Limit,
    /// The plans and their limits.
    pub plans: Plans,
}

/// What flags and environment say, where they say anything.
#[derive(Debug, Default)]
pub struct Overrides {
    /// `--vault`
    pub vault: Option<PathBuf>,
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--wait`
    pub wait: Option<Period>,
    /// `--utc`
    pub utc: bool,
    /// `--color`
    pub color: Option<Color>,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    message: String,
    /// The way out.
    pub hint: Option<String>,
}

impl Error {
    fn new(message: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            message: message.into(),
            hint,
        }
    }
}

/// The limits that have names.
#[derive(Clone, Debug)]
pub struct Plans(BTreeMap<String, Limit>);

impl Plans {
    /// The limit of a plan.
    ///
    /// # Errors
    /// If no plan has the name; `enterprise` has no limit of its own.
    pub fn limit(&self, plan: &str) -> Result<Limit, Invalid> {
        if let Some(limit) = self.0.get(plan) {
            return Ok(*limit);
        }
        if plan == "enterprise" {
            return Err(
                Invalid::new("a plan with a limit of its own", plan, "it is agreed on")
                    .hint("say it with --limit, as in `--limit 100000/day`"),
            );
        }
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        let rule = format!("the plans are {}", names.join(", "));
        let invalid = Invalid::new("a plan", plan, rule);
        Err(match nearest(plan, &names) {
            Some(name) => invalid.hint(format!("did you mean `{name}`?")),
            None => invalid.hint("the settings can define more, under [plans]"),
        })
    }
}

impl Default for Plans {
    fn default() -> Self {
        let built_in = [
            ("free", "300/day"),
            ("starter", "20000/day"),
            ("business", "50000/day"),
        ];
        let limits = built_in.map(|(name, limit)| {
            (
                name.to_owned(),
                limit.parse().expect("the built-in limits are limits"),
            )
        });
        Self(limits.into())
    }
}

/// `config.toml` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    #[serde(deserialize_with = "text")]
    vault: Option<PathBuf>,
    #[serde(deserialize_with = "text")]
    wait: Option<Period>,
    #[serde(deserialize_with = "text")]
    brand: Option<Brand>,
    defaults: Defaults,
    plans: BTreeMap<String, Text<Limit>>,
    output: Output,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Defaults {
    #[serde(deserialize_with = "text")]
    expires: Option<Expiry>,
    plan: Option<String>,
    #[serde(deserialize_with = "text")]
    permission: Option<Permission>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Output {
    #[serde(deserialize_with = "shown")]
    shown: Option<usize>,
    utc: Option<bool>,
    color: Option<Color>,
}

/// A value that is written as text and read by its own parser.
#[derive(Debug)]
struct Text<T>(T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

fn text<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    Text::deserialize(from).map(|Text(value)| Some(value))
}

fn shown<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    let shown = usize::deserialize(from)?;
    if (2..=4).contains(&shown) {
        return Ok(Some(shown));
    }
    Err(de::Error::custom(format!(
        "`{shown}` characters is not 2, 3 or 4"
    )))
}

impl Settings {
    /// Merges flags and environment, the settings file, and the defaults.
    ///
    /// # Errors
    /// If the file cannot be read or understood, or there is no home to find it in.
    pub fn merge(overrides: Overrides) -> Result<Self, Error> {
        let homes = ProjectDirs::from("", "", "postkey");
        let path = overrides.config.as_deref().map(Path::to_owned);
        let is_named = path.is_some();
        let path = path.or_else(|| Some(homes.as_ref()?.config_dir().join("config.toml")));
        let (file, path) = match path {
            Some(path) => (read(&path, is_named)?, path),
            None => (File::default(), PathBuf::new()),
        };
        let named_vault = overrides.vault.clone().or_else(|| file.vault.clone());
        let is_vault_in_home = named_vault.is_none();
        let vault = named_vault
            .or_else(|| Some(homes?.data_dir().join("vault.db")))
            .ok_or_else(no_home)?;
        merged(overrides, file, vault, is_vault_in_home).map_err(|invalid| at_path(&path, &invalid))
    }
}

fn merged(
    overrides: Overrides,
    file: File,
    vault: PathBuf,
    is_vault_in_home: bool,
) -> Result<Settings, Invalid> {
    let mut plans = Plans::default();
    plans.0.extend(
        file.plans
            .into_iter()
            .map(|(name, Text(limit))| (name, limit)),
    );
    let limit = file
        .defaults
        .plan
        .map(|plan| plans.limit(&plan))
        .transpose()?;
    let wait = overrides.wait.or(file.wait).and_then(Period::length);
    Ok(Settings {
        vault,
        is_vault_in_home,
        wait: wait.unwrap_or(Duration::from_secs(5)),
        utc: overrides.utc || file.output.utc.unwrap_or_default(),
        color: overrides.color.or(file.output.color).unwrap_or_default(),
        shown: file.output.shown.unwrap_or(4),
        brand: file.brand.unwrap_or_default(),
        expires: file.defaults.expires.unwrap_or(Expiry::Never),
        permission: file.defaults.permission.unwrap_or(Permission::Full),
        limit: limit.unwrap_or(Limit::None),
        plans,
    })
}

fn no_home() -> Error {
    let hint = "set HOME, or name the vault with --vault or POSTKEY_VAULT";
    Error::new(
        "there is no home folder to keep the vault in",
        Some(hint.to_owned()),
    )
}

fn at_path(path: &Path, invalid: &Invalid) -> Error {
    let hint = invalid.way_out().map(str::to_owned);
    Error::new(format!("{}: {invalid}", path.display()), hint)
}

/// Reads a settings file; one that nobody named may be missing.
fn read(path: &Path, is_named: bool) -> Result<File, Error> {
    let failed = |why: &dyn Display| {
        Error::new(
            format!("cannot read the settings `{}`: {why}", path.display()),
            None,
        )
    };
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => return Err(failed(&"it is not a regular file")),
        Ok(found) if found.len() > LARGEST => return Err(failed(&"it is larger than 1 MiB")),
        Ok(_) => {}
        Err(error) if is_missing(&error) && !is_named => return Ok(File::default()),
        Err(error) => return Err(failed(&error)),
    }
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(LARGEST).read_to_string(&mut text))
        .map_err(|error| failed(&error))?;
    parse(&text).map_err(|(line, message, hint)| {
        Error::new(format!("{}:{line}: {message}", path.display()), hint)
    })
}

fn is_missing(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

/// The settings, or the line of the first mistake, what it is, and the way out.
fn parse(text: &str) -> Result<File, (usize, String, Option<String>)> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text[..start].matches('\n').count() + 1;
        let (message, hint) = explained(error.message());
        (line, message, hint)
    })
}

/// The parser's message in our words: an unknown setting gets the nearest right one.
fn explained(message: &str) -> (String, Option<String>) {
    let words: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match words.split_first() {
        Some((unknown, known)) if message.starts_with("unknown ") => {
            let what = if message.starts_with("unknown field") {
                "setting"
            } else {
                "value"
            };
            let hint = match nearest(unknown, known) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("the right words here are {}", known.join(", ")),
            };
            (
                format!("unknown {what} {}", crate::key::quoted(unknown)),
                Some(hint),
            )
        }
        _ => (
            crate::key::escaped(&message.replace('\n', " ")).into_owned(),
            None,
        ),
    }
}

/// The word that was most likely meant.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |name: &&str| strsim::jaro_winkler(word, name);
    let best = known
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.7).then_some(*best)
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
            ("[output]\nshown = 9", 2, "`9` characters"),
            ("[output]\ncolor = \"blue\"", 2, "unknown value `blue`"),
            (
                "[defaults]\nexpires = \"soon\"",
                2,
                "`soon` is not an expiry",
            ),
            ("wait = 5", 1, "invalid type"),
            ("brand = ", 1, ""),
        ] {
            let (found, message, _) = parse(text).expect_err(text);
            assert_eq!(found, line, "{text}: {message}");
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn plans_of_the_settings_join_the_built_in_ones() {
        let file = parse("[plans]\nteam = \"7/hour\"\nfree = \"1/day\"").expect("settings");
        let merged = merged(Overrides::default(), file, PathBuf::new(), true).expect("merged");
        let limit = |plan| merged.plans.limit(plan).map(|limit| limit.to_string());
        assert_eq!(limit("team").as_deref(), Ok("7/hour"));
        assert_eq!(limit("free").as_deref(), Ok("1/day"));
        assert_eq!(limit("business").as_deref(), Ok("50000/day"));
        let error = limit("enterprise").expect_err("agreed on");
        assert!(error.way_out().is_some_and(|hint| hint.contains("--limit")));
        let error = limit("buisness").expect_err("unknown");
        assert_eq!(error.way_out(), Some("did you mean `business`?"));
    }
}
