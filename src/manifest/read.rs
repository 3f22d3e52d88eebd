//! Parses a manifest into its keys, or reports all of its mistakes, each with its line and a hint.

use std::path::Path;
use std::str::FromStr;

use strum::VariantArray;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::distinct::expect_distinct;
use super::field::{ManifestErrors, ManifestTable, kind_of, mistake, parsed, text};
use super::policy::policy;
use super::save::SaveField;
use super::smtp;
use super::variables::{Lookup, expand};
use super::{Manifest, ManifestError, ManifestKey};
use crate::error::Error;
use crate::key::{
    Invalid, Kind, Label, Labels, Limit, Permission, Status, escape_controls, quoted,
};
use crate::settings::{Settings, SmtpServer};

const FIELDS: [&str; 20] = [
    "name",
    "kind",
    "username",
    "description",
    "labels",
    "owner",
    "permission",
    "plan",
    "limit",
    "sender",
    "network",
    "expires",
    "rotate_every",
    "grace",
    "settle",
    "after",
    "inactive",
    "decoy",
    "save",
    "smtp",
];

/// Reads a manifest, and the environment variables in it. Paths are relative to `folder`; `own` is
/// its own path, if it has one.
///
/// # Errors
/// Its mistakes, in the order of their lines.
pub fn read(
    text: &str,
    folder: &Path,
    own: Option<&Path>,
    lookup: Lookup<'_>,
    settings: &Settings,
) -> Result<Manifest, Vec<ManifestError>> {
    let mut mistakes = ManifestErrors::of(text);
    let (mut document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            let message = escape_controls(&error.message().replace('\n', " ")).into_owned();
            let hint = "a manifest is written in TOML: https://toml.io";
            mistakes.note(mistakes.line(at), mistake(message, hint));
        }
        return mistakes.or(Manifest { keys: Vec::new() });
    }
    expand(document.get_mut(), lookup, &mut mistakes);
    let mut keys = Vec::new();
    if !mistakes.are_none() {
        return mistakes.or(Manifest { keys });
    }
    let top = ManifestTable {
        table: document.get_ref(),
        known: &["key", "smtp"],
        what: "a manifest",
    };
    let smtp = smtp::server(&top, &settings.smtp, &mut mistakes);
    for (table, line) in tables(&top, &mut mistakes) {
        if mistakes.are_enough() {
            break;
        }
        let smtp = smtp.as_ref();
        keys.extend(wanted(table, line, folder, smtp, settings, &mut mistakes));
    }
    expect_distinct(&keys, own, folder, settings, &mut mistakes);
    mistakes.or(Manifest { keys })
}

/// The keys' tables with their lines.
fn tables<'a>(
    top: &ManifestTable<'a>,
    mistakes: &mut ManifestErrors,
) -> Vec<(&'a DeTable<'a>, usize)> {
    let document = top.table;
    top.expect_known_fields(mistakes);
    let form = "begin each key with a line `[[key]]`";
    let none = || mistake("the manifest names no key", form);
    let mut tables = Vec::new();
    match document.get("key").map(Spanned::get_ref) {
        Some(DeValue::Array(list)) if !list.is_empty() => {
            for one in list.iter() {
                let line = mistakes.line(one.span().start);
                match one.get_ref() {
                    DeValue::Table(table) => tables.push((table, line)),
                    other => mistakes.note(line, not_a_key(other)),
                }
            }
        }
        Some(DeValue::Array(_)) => mistakes.note(1, none()),
        Some(DeValue::Table(_)) => {
            let line = top.line("key", mistakes).unwrap_or(1);
            let message = "`[key]` is a table, but must be a list of them";
            mistakes.note(line, mistake(message, form));
        }
        Some(other) => {
            let line = top.line("key", mistakes).unwrap_or(1);
            mistakes.note(line, not_a_key(other));
        }
        // An empty list of keys would make `--prune` delete all.
        None if mistakes.are_none() => mistakes.note(1, none()),
        None => {}
    }
    tables
}

fn not_a_key(value: &DeValue<'_>) -> Error {
    let message = format!("`key` is {}, but must be a table", kind_of(value));
    mistake(message, "begin each key with a line `[[key]]`")
}

/// One key; `None` if it has mistakes.
fn wanted(
    table: &DeTable<'_>,
    line: usize,
    folder: &Path,
    smtp: Option<&SmtpServer>,
    settings: &Settings,
    mistakes: &mut ManifestErrors,
) -> Option<ManifestKey> {
    let fields = ManifestTable {
        table,
        known: &FIELDS,
        what: "a key",
    };
    fields.expect_known_fields(mistakes);
    for (name, example) in [("name", "name = \"reports\""), ("kind", "kind = \"api\"")] {
        if !table.contains_key(name) {
            let message = format!("the key has no `{name}`");
            mistakes.note(line, mistake(message, format!("add `{example}`")));
        }
    }
    let kind = fields.get("kind", mistakes, kind);
    expect_fields_of_kind(&fields, kind, mistakes);
    let is_decoy = fields.get("decoy", mistakes, |value| bool_value(value, "decoy"));
    if is_decoy == Some(true) {
        expect_decoy_fields(&fields, mistakes);
    }
    let name = fields.get("name", mistakes, parsed);
    let username = fields.get("username", mistakes, parsed);
    let description = fields.get("description", mistakes, optional);
    let labels = fields.get("labels", mistakes, labels);
    let owner = fields.get("owner", mistakes, optional);
    let permission = fields.get("permission", mistakes, |value| {
        let permission: Permission = parsed(value)?;
        Ok(settings.permissions.expect(permission)?)
    });
    let limit = limit(&fields, settings, mistakes);
    let senders = fields.get("sender", mistakes, parsed);
    let networks = fields.get("network", mistakes, parsed);
    let expires = fields.get("expires", mistakes, parsed);
    let policy = policy(&fields, mistakes);
    let status = fields.get("inactive", mistakes, status);
    let place = SaveField {
        line,
        name: name.as_ref(),
        kind,
        folder,
        presets: &settings.presets,
    };
    let destination = place.destination(&fields, mistakes);
    let own = smtp::server(&fields, smtp.unwrap_or(&settings.smtp), mistakes);
    Some(ManifestKey {
        line,
        name: name?,
        kind: kind?,
        username,
        description,
        labels,
        owner,
        permission,
        limit,
        senders,
        networks,
        expires,
        policy,
        status: status.unwrap_or(Status::Active),
        is_decoy: is_decoy.unwrap_or_default(),
        destination: destination?,
        smtp: own
            .or_else(|| smtp.cloned())
            .filter(|_| kind == Some(Kind::Smtp)),
    })
}

/// Records fields that only the other kind of key has.
fn expect_fields_of_kind(
    fields: &ManifestTable<'_>,
    kind: Option<Kind>,
    mistakes: &mut ManifestErrors,
) {
    let (others, hint): (&[&str], _) = match kind {
        Some(Kind::Smtp) => (&["permission"], "only API keys have permissions"),
        Some(Kind::Api) => (
            &["username", "sender", "smtp"],
            "only SMTP keys have usernames, senders and a mail server",
        ),
        None => return,
    };
    let title = kind.map_or("", Kind::title);
    for name in others {
        if let Some(line) = fields.line(name, mistakes) {
            let message = format!("an {title} key has no `{name}`");
            mistakes.note(line, mistake(message, hint));
        }
    }
}

/// Records fields that do not apply to a decoy, which is never valid.
fn expect_decoy_fields(fields: &ManifestTable<'_>, mistakes: &mut ManifestErrors) {
    for name in [
        "permission",
        "plan",
        "limit",
        "sender",
        "network",
        "expires",
        "rotate_every",
        "grace",
        "settle",
        "after",
        "inactive",
    ] {
        if let Some(line) = fields.line(name, mistakes) {
            let message = format!("a decoy has no `{name}`");
            let hint = "leave it out: a decoy never grants access";
            mistakes.note(line, mistake(message, hint));
        }
    }
}

fn kind(value: &DeValue<'_>) -> Result<Kind, Error> {
    let text = text(value)?;
    text.parse().map_err(|_| {
        let known: Vec<_> = Kind::VARIANTS.iter().map(Kind::into_str).collect();
        let message = format!("{} is not a kind", quoted(text));
        mistake(message, crate::settings::hint(text, &known))
    })
}

/// A text; an empty one removes what a key has.
fn optional<T: FromStr<Err = Invalid>>(value: &DeValue<'_>) -> Result<Option<T>, Error> {
    match text(value)? {
        "" => Ok(None),
        _ => parsed(value).map(Some),
    }
}

/// All labels of a key, in a table.
fn labels(value: &DeValue<'_>) -> Result<Labels, Error> {
    let form = "write `labels = { env = \"prod\", team = \"shop\" }`";
    let DeValue::Table(table) = value else {
        let message = format!("it is {}, but must be a table", kind_of(value));
        return Err(mistake(message, form));
    };
    let label = |(name, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
        let value = parsed(value.get_ref()).map_err(|error| error.about(quoted(name.get_ref())))?;
        let name = name.get_ref().parse()?;
        Ok::<_, Error>(Label { name, value })
    };
    let all: Vec<Label> = table.iter().map(label).collect::<Result<_, _>>()?;
    Ok(Labels::of(all)?)
}

fn status(value: &DeValue<'_>) -> Result<Status, Error> {
    Ok(match bool_value(value, "inactive")? {
        true => Status::Inactive,
        false => Status::Active,
    })
}

fn bool_value(value: &DeValue<'_>, field: &str) -> Result<bool, Error> {
    value.as_bool().ok_or_else(|| {
        mistake(
            format!("it is {}, but must be true or false", kind_of(value)),
            format!("write `{field} = true`, without quotation marks"),
        )
    })
}

/// The limit, as such or by a plan.
fn limit(
    fields: &ManifestTable<'_>,
    settings: &Settings,
    mistakes: &mut ManifestErrors,
) -> Option<Limit> {
    let limit = fields.get("limit", mistakes, parsed);
    let plan = fields.get("plan", mistakes, |value| {
        Ok(settings.plans.limit(text(value)?)?)
    });
    if let (Some(line), Some(_)) = (
        fields.line("limit", mistakes),
        fields.line("plan", mistakes),
    ) {
        let message = "the key has a `plan` and a `limit`";
        mistakes.note(line, mistake(message, "leave one of them out"));
    }
    limit.or(plan)
}
