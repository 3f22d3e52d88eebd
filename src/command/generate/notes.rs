//! What is said of keys that were created: three lines at most, with the one about a new vault.

use jiff::{SignedDuration, Timestamp};

use crate::key::Kind;
use crate::ui::DisplayContext;

/// Less than this ahead, an expiry is told as a distance and not as a day.
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

/// The same of a decoy, which never expires.
pub(super) fn decoy_terms(status: &str, access: &str) -> String {
    format!("{status}, {access}; `postkey check` reports each use")
}

/// Where to go next.
pub(super) fn next_step(kind: Kind, is_decoy: bool) -> &'static str {
    match (is_decoy, kind) {
        (true, _) => "plant it where an intruder looks",
        (false, Kind::Smtp) => "next, see `postkey help mail`",
        (false, Kind::Api) => "next, see `postkey help http`",
    }
}
