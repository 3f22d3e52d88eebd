//! What is known of a key when its next step is decided.

use jiff::Timestamp;

use super::place::RotationPlace;
use super::terms::RotationTerms;
use crate::context::Context;
use crate::error::Error;
use crate::key::{EffectiveStatus, Status};
use crate::rotation::{KeyUsability, RotationFacts, RotationObstacle, SeenSecrets, SeenUse};
use crate::usage::SecretUse;
use crate::vault::{AutomaticRotation, Record, Vault};

/// A key, the state of its rotation, and its recorded use.
pub(super) struct Situation {
    pub(super) record: Record,
    pub(super) rotation: Option<AutomaticRotation>,
    /// From where its old secret was last used, if that is recorded.
    pub(super) old_address: Option<String>,
    pub(super) facts: RotationFacts,
}

impl Situation {
    /// What is known now.
    pub(super) fn of(
        record: Record,
        terms: &RotationTerms,
        place: Option<&RotationPlace>,
        now: Timestamp,
        vault: &Vault,
        context: &Context,
    ) -> Result<Self, Error> {
        let rotation = vault.rotation(record.id)?;
        let (seen, old_address) = match rotation {
            Some(_) => seen(&record, now, vault, context),
            None => (None, None),
        };
        let key = &record.key;
        let old = key.retiring_at(now);
        let facts = RotationFacts {
            progress: rotation.as_ref().map(|found| (found.progress, found.since)),
            is_after_done: terms.after.is_none()
                || rotation
                    .as_ref()
                    .is_some_and(|found| found.after_at.is_some()),
            after_at: rotation.as_ref().and_then(|found| found.after_at),
            is_restorable: rotation
                .as_ref()
                .is_some_and(|found| found.sealed.is_some()),
            has_old: old.is_some(),
            usability: match (key.has_expired(now), key.status) {
                (true, _) => KeyUsability::Expired,
                (false, Status::Inactive) => KeyUsability::Inactive,
                (false, Status::Active) => KeyUsability::Usable,
            },
            is_due: terms.due_at.is_some_and(|due_at| due_at <= now),
            by_hand_until: old.map(|old| old.until).filter(|_| rotation.is_none()),
            obstacle: obstacle(&record, place, now, vault)?,
            grace: terms.grace,
            settle: terms.settle,
            seen,
        };
        Ok(Self {
            record,
            rotation,
            old_address,
            facts,
        })
    }
}

/// Why no rotation can begin.
fn obstacle(
    record: &Record,
    place: Option<&RotationPlace>,
    now: Timestamp,
    vault: &Vault,
) -> Result<Option<RotationObstacle>, Error> {
    let key = &record.key;
    Ok(match key.effective_status(now) {
        EffectiveStatus::Decoy => Some(RotationObstacle::Decoy),
        EffectiveStatus::Expired => Some(RotationObstacle::Expired),
        EffectiveStatus::Inactive => Some(RotationObstacle::Inactive),
        _ if key.retired_early(now).is_some() => Some(RotationObstacle::RetiredEarly),
        _ if vault.default_id()? == Some(record.id) => Some(RotationObstacle::DefaultKey),
        _ if place.is_some() => None,
        _ => {
            let last = vault.last_delivery(record.id)?;
            Some(match last.map(|last| last.destination) {
                None => RotationObstacle::NoDestination,
                Some(text) if text.starts_with("command:") => RotationObstacle::OnlyCommand,
                Some(_) => RotationObstacle::UnknownDestination,
            })
        }
    })
}

/// The recorded use of a key's two secrets, and the address that last used the old one. What was
/// recorded by a clock that was ahead counts as used now.
fn seen(
    record: &Record,
    now: Timestamp,
    vault: &Vault,
    context: &Context,
) -> (Option<SeenSecrets>, Option<String>) {
    let mut uses = context.uses(vault);
    let ui = &context.ui;
    let since = uses.since(ui);
    let secrets = uses.read(ui, |usage| usage.secrets(record.id, Timestamp::MAX));
    let details = uses.details(record, ui);
    // Reading may have failed.
    let Some(since) = since.filter(|_| uses.are_recorded()) else {
        return (None, None);
    };
    let of = |tail: &str| secrets.iter().find(|used| used.tail == tail);
    let clipped = |used: &SecretUse| SeenUse {
        first_at: used.first_at.min(now),
        last_at: used.last_at.min(now),
    };
    let new = of(record.key.tail.as_str());
    let old = record.key.retiring.as_deref();
    let old = old.and_then(|old| of(old.tail.as_str()));
    let address = old.zip(details.as_ref()).and_then(|(old, details)| {
        let known = details.address_at(old.last_at).map(str::to_owned);
        known.or_else(|| {
            let all: Vec<_> = details.addresses_since(old.last_at).collect();
            (!all.is_empty()).then(|| all.join(" "))
        })
    });
    let seen = SeenSecrets {
        since,
        new: new.map(clipped),
        old: old.map(clipped),
    };
    (Some(seen), address)
}
