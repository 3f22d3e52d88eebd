//! The secrets of a key: their tails and their use.

use jiff::Timestamp;
use serde::Serialize;

use super::rotation::RotationProgressView;
use super::text;
use super::usage::NO_RECORDED_USE;
use crate::key::{Key, Retiring};
use crate::ui::DisplayContext;
use crate::usage::{Details, SecretTransition, SecretUse};
use crate::vault::SecretInfo;

/// A secret of a key, for programs.
#[derive(Debug, Serialize)]
pub(super) struct SecretView<'a> {
    tail: Option<&'a str>,
    #[serde(serialize_with = "text")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "text")]
    retires_at: Option<Timestamp>,
    #[serde(serialize_with = "text")]
    first_used_at: Option<Timestamp>,
    #[serde(serialize_with = "text")]
    last_used_at: Option<Timestamp>,
}

impl<'a> SecretView<'a> {
    /// Describes the secret, with its use if any is recorded.
    pub(super) fn new(tail_phrase: &'a SecretInfo, details: Option<&Details>) -> Self {
        let used = details.and_then(|details| details.of_secret(&tail_phrase.tail));
        Self {
            tail: tail_phrase.tail.known(),
            created_at: Some(tail_phrase.created_at),
            retires_at: tail_phrase.retires_at,
            first_used_at: used.map(|used| used.first_at),
            last_used_at: used.map(|used| used.last_at),
        }
    }
}

/// A secret's use: `first used 3 minutes ago, last used just now`.
pub fn secret_use(used: Option<&SecretUse>, display: &DisplayContext) -> String {
    let Some(used) = used else {
        return NO_RECORDED_USE.to_owned();
    };
    let (first, last) = (
        display.distance(used.first_at),
        display.distance(used.last_at),
    );
    if used.first_at == used.last_at {
        return format!("used {last}");
    }
    format!("first used {first}, last used {last}")
}

/// The state of a rotation and the next steps, one per line, for people.
pub(super) fn rotation(
    key: &Key,
    details: Option<&Details>,
    automatic: Option<&RotationProgressView<'_>>,
    display: &DisplayContext,
) -> Vec<String> {
    let automatic: Vec<_> = automatic
        .iter()
        .flat_map(|rotation| rotation.lines(display))
        .collect();
    let Some(old) = key.retiring_at(display.now) else {
        return automatic;
    };
    let mut lines = match details {
        Some(details) => uses(key, old, details, display),
        None => vec!["no usage of either secret is recorded".to_owned()],
    };
    if !automatic.is_empty() {
        lines.extend(automatic);
        return lines;
    }
    let transition = details.map(|details| details.transition(&key.tail, &old.tail));
    lines.push(next(key, transition));
    lines.push(format!("undo: postkey rotate --abort {}", key.name));
    lines
}

fn uses(key: &Key, old: &Retiring, details: &Details, display: &DisplayContext) -> Vec<String> {
    let both = [("new", &key.tail), ("old", &old.tail)];
    let told = both.map(|(which, tail)| {
        let used = secret_use(details.of_secret(tail), display);
        format!("{which} {}: {used}", display.tail(tail))
    });
    told.to_vec()
}

/// The next step.
fn next(key: &Key, transition: Option<SecretTransition<'_>>) -> String {
    let finish = format!("postkey rotate --finish {}", key.name);
    match transition {
        None | Some(SecretTransition::NotStarted) => {
            "next: replace the old one with the new one".to_owned()
        }
        Some(SecretTransition::Partial(_)) => {
            format!("next: find what still uses the old one, then: {finish}")
        }
        Some(SecretTransition::Complete) => {
            format!("next: only the new secret has been used: {finish}")
        }
    }
}
