//! What a permission would have done with recorded requests.

use super::{counted, words::first_few};
use crate::check::PermissionTrial;
use crate::key::Permission;
use crate::ui::DisplayContext;
use crate::usage::{REQUEST_DAYS, RequestKind};

/// How many kinds of requests are named.
const MAX_KINDS: usize = 3;

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
    let requests = counted(trial.accepted, "request", "requests");
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
        text += &format!("; unknown for {unknown}, recorded without method and path");
    }
    if trial.undecided > 0 {
        let unknown = trial.undecided;
        text +=
            &format!("; unknown for {unknown}, recorded before {permission} was defined as now");
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
