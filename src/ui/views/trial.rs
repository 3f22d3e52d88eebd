//! What a permission would have done with recorded requests.

use jiff::Timestamp;
use serde::Serialize;
use struct_field_names_as_array::FieldNamesAsSlice;

use super::{KeyView, counted, text, words::first_few};
use crate::check::PermissionTrial;
use crate::key::Permission;
use crate::ui::DisplayContext;
use crate::ui::listing::Item;
use crate::usage::{REQUEST_DAYS, RequestKind};

/// How many kinds of requests are named.
const MAX_KINDS: usize = 3;

/// What a permission would have done, for programs.
#[derive(Debug, Default, Serialize, FieldNamesAsSlice)]
pub struct TrialView {
    requests: Option<u64>,
    refused: Option<u64>,
    unknown: Option<u64>,
    #[serde(serialize_with = "text")]
    recorded_since: Option<Timestamp>,
}

impl TrialView {
    /// Describes a trial, if there were any requests, recorded since then.
    pub fn new(trial: Option<&PermissionTrial<'_>>, recorded_since: Option<Timestamp>) -> Self {
        Self {
            requests: Some(trial.map_or(0, |trial| trial.accepted)),
            refused: Some(trial.map_or(0, |trial| trial.refused_count)),
            unknown: Some(trial.map_or(0, PermissionTrial::unknown)),
            recorded_since,
        }
    }
}

/// A key with the permission that it would get, and what that would have done.
#[derive(Debug, Serialize, FieldNamesAsSlice)]
pub struct NarrowedView<'a> {
    #[serde(flatten)]
    key: KeyView<'a>,
    #[serde(flatten)]
    trial: &'a TrialView,
}

impl Item for NarrowedView<'_> {}

impl<'a> NarrowedView<'a> {
    /// Describes the key and the trial.
    pub fn new(key: KeyView<'a>, trial: &'a TrialView) -> Self {
        Self { key, trial }
    }

    /// The names of all fields.
    pub fn fields() -> Vec<&'static str> {
        [
            KeyView::FIELD_NAMES_AS_SLICE,
            TrialView::FIELD_NAMES_AS_SLICE,
        ]
        .concat()
    }
}

/// `read-only would have refused 3 of 41203 requests in the last 30 days: POST /v3/contacts, last
/// 2 hours ago from 198.51.100.7`
pub fn described_trial(
    trial: &PermissionTrial<'_>,
    permission: &Permission,
    display: &DisplayContext,
) -> String {
    let refused = match trial.refused_count {
        0 => "none".to_owned(),
        count => count.to_string(),
    };
    let requests = match trial.accepted - trial.unknown() {
        all if all == trial.accepted => counted(all, "request", "requests"),
        known => {
            let known = counted(known, "request that is known", "requests that are known");
            format!("the {known}")
        }
    };
    let mut text = format!(
        "{permission} would have refused {refused} of {requests} in the last {REQUEST_DAYS} days"
    );
    if let Some(last) = trial.last_refused() {
        let mut kinds: Vec<String> = Vec::new();
        for kind in trial.refused.iter().map(|refused| described(&refused.kind)) {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        let from = last.address.as_ref().map(|from| format!(" from {from}"));
        text += &format!(
            ": {}, last {}{}",
            first_few(kinds.into_iter(), MAX_KINDS),
            display.distance(last.last_at),
            from.unwrap_or_default()
        );
    }
    if trial.unrecorded > 0 {
        let unknown = trial.unrecorded;
        text += &format!("; unknown for {unknown}, whose method and path are not known");
    }
    if trial.undecided > 0 {
        let unknown = trial.undecided;
        text +=
            &format!("; unknown for {unknown}, recorded before {permission} was defined as now");
    }
    if trial.denied > 0 {
        let denied = counted(trial.denied, "other request was", "other requests were");
        text += &format!("; {denied} refused for lack of permission");
    }
    text
}

/// `POST /v3/contacts`
fn described(kind: &RequestKind) -> String {
    let method = match kind.method() {
        "" => "other methods",
        method => method,
    };
    match kind.rule() {
        Some(rule) => format!("{method} {}", rule.path()),
        None => format!("{method} (allowed by full only)"),
    }
}
