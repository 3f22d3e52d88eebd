//! Messages about created keys: at most three lines, including the one about a new vault.

use jiff::{SignedDuration, Timestamp};

use crate::key::Kind;
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

/// What to do next.
pub(super) fn next_step(kind: Kind, is_decoy: bool) -> &'static str {
    match (is_decoy, kind) {
        (true, _) => "plant it where an intruder looks",
        (false, Kind::Smtp) => "next, see `postkey help mail`",
        (false, Kind::Api) => "next, see `postkey help http`",
    }
}
