//! The whole usage record of a key, for programs.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::mail::MailDayView;
use crate::ui::time;
use crate::usage::{Details, Refused};

/// The whole usage record of a key, for programs.
#[derive(Debug, Serialize)]
pub(super) struct Recorded<'a> {
    days: Vec<DayView>,
    refusals: Vec<RefusalView<'a>>,
    addresses: Vec<AddressView<'a>>,
    secrets: Vec<SecretUseView<'a>>,
    mail: Vec<MailDayView>,
}

/// The accepted requests of a day, UTC.
#[derive(Debug, Serialize)]
struct DayView {
    day: String,
    requests: u32,
}

#[derive(Debug, Serialize)]
struct RefusalView<'a> {
    verdict: &'a str,
    count: u32,
    #[serde(serialize_with = "moment")]
    last_at: Timestamp,
    last_address: Option<&'a str>,
    /// The number of recorded addresses.
    address_count: u64,
    /// The newest of them.
    addresses: Vec<RefusedAddress<'a>>,
}

#[derive(Debug, Serialize)]
struct RefusedAddress<'a> {
    address: &'a str,
    count: u32,
    #[serde(serialize_with = "moment")]
    last_at: Timestamp,
}

#[derive(Debug, Serialize)]
struct AddressView<'a> {
    address: &'a str,
    requests: u32,
    #[serde(serialize_with = "moment")]
    last_used_at: Timestamp,
}

#[derive(Debug, Serialize)]
struct SecretUseView<'a> {
    tail: Option<&'a str>,
    #[serde(serialize_with = "moment")]
    first_used_at: Timestamp,
    #[serde(serialize_with = "moment")]
    last_used_at: Timestamp,
}

fn moment<S: Serializer>(moment: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(moment)
}

impl<'a> Recorded<'a> {
    /// Describes what is recorded; reasons, addresses and secrets with the latest first.
    pub(super) fn new(details: &'a Details) -> Self {
        let days = details.days.iter().map(|day| DayView {
            day: time::date(day.day),
            requests: day.count,
        });
        let refusals = details.refused.iter().map(RefusalView::new);
        let addresses = details.addresses.iter().map(|address| AddressView {
            address: &address.address,
            requests: address.count,
            last_used_at: address.last_at,
        });
        let secrets = details.secrets.iter().map(|secret| SecretUseView {
            tail: secret.known_tail(),
            first_used_at: secret.first_at,
            last_used_at: secret.last_at,
        });
        Self {
            days: days.collect(),
            refusals: refusals.collect(),
            addresses: addresses.collect(),
            secrets: secrets.collect(),
            mail: details.mail.iter().map(MailDayView::new).collect(),
        }
    }
}

impl<'a> RefusalView<'a> {
    fn new(refused: &'a Refused) -> Self {
        let newest = refused.addresses.newest.iter();
        let addresses = newest.map(|address| RefusedAddress {
            address: &address.address,
            count: address.count,
            last_at: address.last_at,
        });
        Self {
            verdict: &refused.verdict,
            count: refused.count,
            last_at: refused.last_at,
            last_address: refused.last_address(),
            address_count: refused.addresses.count,
            addresses: addresses.collect(),
        }
    }
}
