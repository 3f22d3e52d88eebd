//! Messages about created keys: at most three lines, including the one about a new vault.

use jiff::{SignedDuration, Timestamp};

use crate::key::{Key, KeyVariables, Kind, Variable};
use crate::ui::DisplayContext;

/// An expiry closer than this is shown as a distance instead of a date.
const SOON: SignedDuration = SignedDuration::from_hours(48);

/// `active, permission full, limit none, expires 2027-02-20`
pub(super) fn terms(
    status: &str,
    access: &str,
    expires_at: Option<Timestamp>,
    display: &DisplayContext,
) -> String {
    let end = match expires_at {
        None => "never".to_owned(),
        Some(end) if end.duration_since(display.now) < SOON => display.distance(end),
        Some(end) => display.date(end),
    };
    format!("{status}, {access}, expires {end}")
}

/// The same for a decoy, which never expires.
pub(super) fn decoy_terms(status: &str, access: &str) -> String {
    format!("{status}, {access}; `postkey check` reports each use")
}

/// What to do next with a key, whose secret is in this variable.
pub(super) fn next_step(key: &Key, variable: Option<&Variable>) -> String {
    let (name, kind) = (&key.name, key.kind());
    if key.is_decoy {
        return next_step_for_many(kind, true).to_owned();
    }
    let own = KeyVariables::of(name, kind).secret;
    let flag = variable.filter(|variable| **variable != own);
    let flag = flag.map_or_else(String::new, |variable| format!(" --env-name {variable}"));
    let guide = match kind {
        Kind::Smtp => "`postkey help mail`",
        Kind::Api => "`postkey help http`",
    };
    format!("next, see `postkey connect curl {name}{flag}` and {guide}")
}

/// What to do next with many keys.
pub(super) fn next_step_for_many(kind: Kind, is_decoy: bool) -> &'static str {
    match (is_decoy, kind) {
        (true, _) => "plant it where an intruder looks",
        (false, Kind::Smtp) => "next, see `postkey help mail`",
        (false, Kind::Api) => "next, see `postkey help http`",
    }
}
