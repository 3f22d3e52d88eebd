//! What Postfix is told to do (access(5)).

use jiff::Timestamp;

use crate::key::{KeyName, Limit, Networks};
use crate::verify::Verdict;

/// The decision on a request.
#[derive(Debug)]
pub(super) enum PolicyDecision {
    /// The restrictions that follow decide: nobody has logged in, or the key may send this.
    Pass,
    /// It is refused.
    Refuse(PolicyRefusal),
}

/// Why something is refused.
#[derive(Debug)]
pub(super) struct PolicyRefusal {
    pub(super) verdict: Verdict,
    /// The key, if it still exists.
    pub(super) key: Option<KeyName>,
    pub(super) networks: Networks,
    pub(super) limit: Limit,
    /// When the limit resets.
    pub(super) resets_at: Option<Timestamp>,
}

/// The vault cannot be read: the client tries again later. Never a refusal for good.
pub(super) const UNAVAILABLE: &str = "DEFER 4.3.0 SMTP keys cannot be checked at the moment";

/// The request was not understood: the same, unless another restriction refuses the mail anyway.
pub(super) const MALFORMED: &str = "DEFER_IF_PERMIT 4.3.0 The policy request was not understood";

impl PolicyDecision {
    /// Why it is refused, if it is.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Pass => None,
            Self::Refuse(refusal) => Some(refusal.verdict),
        }
    }

    /// The action, a single line.
    ///
    /// 421 ends the session: the key will not be valid again in it.
    pub(super) fn action(&self) -> String {
        let Self::Refuse(refusal) = self else {
            return "DUNNO".to_owned();
        };
        let key = match &refusal.key {
            Some(name) => format!("SMTP key {name}"),
            None => "This SMTP key".to_owned(),
        };
        match refusal.verdict {
            Verdict::Sender => format!("553 5.7.1 {key} cannot send from this address"),
            Verdict::Network => {
                let networks = &refusal.networks;
                format!("554 5.7.1 {key} can only be used from {networks}")
            }
            Verdict::OverLimit => {
                let resets = refusal.resets_at.map(|at| format!("; it resets at {at}"));
                let (limit, resets) = (refusal.limit, resets.unwrap_or_default());
                format!("452 4.7.1 {key} reached its limit of {limit} recipients{resets}")
            }
            verdict => {
                let verdict = verdict.into_str();
                format!("421 4.7.0 {key} is no longer valid ({verdict})")
            }
        }
    }
}
