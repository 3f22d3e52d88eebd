//! Logins that Dovecot reports by its auth policy protocol.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;

use super::meter::{Meter, Presentation};
use super::source::Source;
use crate::key::{Kind, Standing, Tail};
use crate::vault::{Error, KeyId, Record, Vault};
use crate::verify::Verdict;

/// A login that was tried (Dovecot 2.3, authentication policy support); what is not known here
/// is left aside.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    login: String,
    /// Only a report has it: what Dovecot asks before a login must not count as one.
    success: bool,
    #[serde(default)]
    remote: String,
    /// The extra column of the password query; empty where it was not found.
    #[serde(default)]
    tail: String,
}

/// Whose login it was, with which secret, and what came of it.
#[derive(Debug)]
struct Login {
    key: Option<KeyId>,
    tail: Option<Tail>,
    verdict: Verdict,
}

impl Report {
    /// Counts the login for its key; gives back the verdict's word. Blocks.
    pub(super) fn count(
        &self,
        source: &Source,
        meter: &Meter,
        clock: Timestamp,
    ) -> Result<&'static str, Error> {
        let fresh = source.read(|vault| self.login(vault, clock))?;
        let login = fresh.value;
        let tally = match login.key {
            Some(key) => meter.tally(key, source),
            None => Arc::clone(meter.nobody()),
        };
        let presented = Presentation {
            tail: login.tail.as_ref(),
            address: self.remote.parse::<IpAddr>().ok(),
            at: clock.max(fresh.newest),
        };
        let (verdict, _) = meter.count(&tally, presented, |_| (login.verdict, None));
        Ok(verdict.word())
    }

    fn login(&self, vault: &Vault, clock: Timestamp) -> Result<Login, Error> {
        if self.success {
            return self.accepted(vault);
        }
        // Which secret was presented is not reported, and so not which key of a shared login.
        let record = vault.of_username(&self.login)?;
        let at = vault.time(clock)?;
        Ok(Login {
            verdict: record
                .as_ref()
                .map_or(Verdict::Unknown, |record| why(record, at)),
            key: record.map(|record| record.id),
            tail: None,
        })
    }

    fn accepted(&self, vault: &Vault) -> Result<Login, Error> {
        let tail: Option<Tail> = self.tail.parse().ok();
        let by_tail = tail
            .as_ref()
            .map(|tail| vault.presented(tail))
            .transpose()?;
        // An imported password's tail is not known, and so not reported.
        let known = match by_tail.flatten() {
            None if self.tail.is_empty() => vault.imported(&self.login)?,
            by_tail => by_tail.filter(|known| known.record.key.kind() == Kind::Smtp),
        };
        let (record, tail) = match known {
            Some(known) => (Some(known.record), Some(known.tail)),
            None => (vault.of_username(&self.login)?, tail),
        };
        Ok(Login {
            verdict: Verdict::Accepted,
            tail: record.as_ref().and(tail),
            key: record.map(|record| record.id),
        })
    }
}

/// Why a login with this key was refused, as far as can be told.
fn why(record: &Record, at: Timestamp) -> Verdict {
    match record.key.standing(at) {
        Standing::Active | Standing::Rotating => Verdict::Mismatch,
        Standing::Inactive => Verdict::Inactive,
        Standing::Expired => Verdict::Expired,
    }
}
