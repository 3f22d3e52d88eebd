//! The effects of a restore on each key: which secrets become valid again or are refused, which
//! keys are deleted.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::params;
use strum::IntoStaticStr;

use super::{Entry, Error, Field, KeyId, Record, SecretInfo, Vault, differences};
use crate::key::{KeyName, Status, Tail};

/// The effects on a vault's keys if a backup replaces it.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Every affected key, in the order of their numbers.
    pub affected: Vec<AffectedKey>,
    /// The error if part of the vault could not be read; that part is left out.
    pub unread: Option<Error>,
}

/// An affected key.
#[derive(Debug)]
pub struct AffectedKey {
    /// Its name afterwards, or before its deletion.
    pub name: KeyName,
    /// The effect.
    pub effect: Effect,
    /// Its secrets that are refused now and will be accepted.
    pub revived: Vec<Tail>,
    /// Its secrets that are accepted now and will be refused.
    pub newly_refused: Vec<Tail>,
    /// Its changed fields.
    pub change: Vec<Field>,
    /// Why a secret that will be accepted is refused now; for a key that will be deleted, whether
    /// it had been deleted when the backup was made.
    pub reason: Option<Reason>,
    /// The event that caused that, if the log has it.
    pub event: Option<Entry>,
    /// The key in the backup, if it exists there.
    pub record: Option<Record>,
}

impl AffectedKey {
    /// The same, if the key's current state is unknown.
    fn without_reason(self) -> Self {
        Self {
            reason: None,
            event: None,
            ..self
        }
    }
}

/// The effect on a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Effect {
    /// A refused secret is accepted again.
    Revived,
    /// A deleted key is restored, but inactive or expired.
    Returned,
    /// It is not in the backup, and is deleted.
    Gone,
    /// An accepted secret is refused.
    Stopped,
    /// Something else changes.
    Changed,
}

/// Why a secret is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Reason {
    /// Its key was deleted.
    Deleted,
    /// Its key is not in the vault, and the log has no deletion.
    Absent,
    /// Its key was deactivated.
    Deactivated,
    /// Its key has expired.
    Expired,
    /// Its key has another secret.
    Replaced,
    /// It retired in a rotation.
    Retired,
}

/// A key with its secrets and related data in one vault.
struct KeyState {
    record: Record,
    secrets: Vec<SecretInfo>,
    related: Vec<(&'static str, String)>,
}

/// Data related to a key: the name, the table, the column that must exist, and the value.
const RELATED_COLUMNS: [(&str, &str, &str, &str); 7] = [
    ("rotate_every", "policies", "rotate_every", "rotate_every"),
    ("unused", "policies", "unused", "unused"),
    ("grace", "policies", "grace", "grace"),
    ("settle", "policies", "settle", "settle"),
    ("after", "policies", "after", "after"),
    ("default", "sealed", "key_id", "'yes'"),
    ("rotation", "rotations", "progress", "progress"),
];

/// One of the compared vaults.
struct ComparedVault<'a> {
    vault: &'a Vault,
    /// The related data that its schema supports.
    related: Vec<(&'static str, String)>,
}

/// A key as it is now, and as it is in the backup.
type Pair = (Option<KeyState>, Option<KeyState>);

impl Vault {
    /// Computes the effects on this vault's keys if the backup replaces it at `now`.
    ///
    /// # Errors
    /// If the backup cannot be read. Unreadable parts of the vault are left out.
    pub fn compare(&self, backup: &Self, now: Timestamp) -> Result<Comparison, Error> {
        let (here, there) = (ComparedVault::of(self)?, ComparedVault::of(backup)?);
        let mut comparison = Comparison::default();
        let mut ids: BTreeSet<KeyId> = backup.ids()?.into_iter().collect();
        match self.ids() {
            Ok(present) => ids.extend(present),
            Err(error) => comparison.unread = Some(error),
        }
        for id in ids {
            let then = there.key_state(id)?;
            match here.key_state(id) {
                Ok(present) => {
                    let pairs = here.pairs(present, then, id, &there);
                    let of = |pair| here.affected(pair, &there, now);
                    let affected = pairs.iter().filter_map(of);
                    comparison.affected.extend(affected);
                }
                Err(error) => {
                    comparison.unread = Some(error);
                    let affected = here.affected(&(None, then), &there, now);
                    comparison
                        .affected
                        .extend(affected.map(AffectedKey::without_reason));
                }
            }
        }
        Ok(comparison)
    }
}

impl<'a> ComparedVault<'a> {
    fn of(vault: &'a Vault) -> Result<Self, Error> {
        let mut related = Vec::new();
        for (field, table, column, value) in RELATED_COLUMNS {
            if vault.store.has_column(table, column)? {
                let query = format!("SELECT {value} FROM {table} WHERE key_id = ?1");
                related.push((field, query));
            }
        }
        Ok(Self { vault, related })
    }

    /// The key with that number here and in the backup: one key, or two if the number was used
    /// again after an earlier restore.
    fn pairs(
        &self,
        present: Option<KeyState>,
        then: Option<KeyState>,
        id: KeyId,
        backup: &Self,
    ) -> Vec<Pair> {
        match (present, then) {
            (Some(present), Some(then)) if !self.is_same_key(id, backup) => {
                vec![(Some(present), None), (None, Some(then))]
            }
            pair => vec![pair],
        }
    }

    /// Whether the number means the same key in both.
    fn is_same_key(&self, id: KeyId, other: &Self) -> bool {
        match (self.vault.origin(id), other.vault.origin(id)) {
            (Ok(here), Ok(there)) => here == there,
            // Without a valid log, only the number can be compared.
            _ => true,
        }
    }

    /// Whether its log has the other's key, which it no longer contains.
    fn has_deleted(&self, id: KeyId, other: &Self) -> bool {
        matches!(self.vault.origin(id), Ok(Some(_))) && self.is_same_key(id, other)
    }

    fn key_state(&self, id: KeyId) -> Result<Option<KeyState>, Error> {
        let Some(record) = self.vault.by_id(id)? else {
            return Ok(None);
        };
        Ok(Some(KeyState {
            record,
            secrets: self.vault.secrets(id)?,
            related: self.facts(id)?,
        }))
    }

    fn facts(&self, id: KeyId) -> Result<Vec<(&'static str, String)>, Error> {
        let mut facts = Vec::new();
        for (field, query) in &self.related {
            let value = self
                .vault
                .store
                .one(query, params![id], |row| row.get::<Option<String>>(0))?;
            facts.extend(value.flatten().map(|value| (*field, value)));
        }
        Ok(facts)
    }

    /// The effect on a key, if there is one.
    fn affected(&self, pair: &Pair, backup: &Self, now: Timestamp) -> Option<AffectedKey> {
        let (present, then) = pair;
        let (good, good_then) = (
            accepted(present.as_ref(), now),
            accepted(then.as_ref(), now),
        );
        let revived = without(&good_then, &good);
        let newly_refused = without(&good, &good_then);
        let change = changes(present.as_ref(), then.as_ref());
        let effect = match pair {
            _ if !revived.is_empty() => Effect::Revived,
            (Some(_), None) => Effect::Gone,
            (None, Some(_)) => Effect::Returned,
            _ if !newly_refused.is_empty() => Effect::Stopped,
            _ if !change.is_empty() => Effect::Changed,
            _ => return None,
        };
        let record = &then.as_ref().or(present.as_ref())?.record;
        let (reason, event) = self.explained(pair, revived.first(), backup, now);
        Some(AffectedKey {
            name: record.key.name.clone(),
            effect,
            change,
            reason,
            event,
            record: then.as_ref().map(|then| then.record.clone()),
            revived,
            newly_refused,
        })
    }

    /// Why a tail that becomes valid is refused now, or why the key exists in only one of the two,
    /// with the event that caused it.
    fn explained(
        &self,
        (present, then): &Pair,
        tail: Option<&Tail>,
        backup: &Self,
        now: Timestamp,
    ) -> (Option<Reason>, Option<Entry>) {
        let deleted = |without: &Self, with: &Self, id| match without.has_deleted(id, with) {
            true => (Reason::Deleted, without.event(id, Reason::Deleted, None)),
            false => (Reason::Absent, None),
        };
        let (reason, event) = match (present, then) {
            (None, Some(then)) => deleted(self, backup, then.record.id),
            (Some(present), None) => deleted(backup, self, present.record.id),
            (Some(present), _) => {
                let Some(tail) = tail else {
                    return (None, None);
                };
                let reason = reason(tail, present, now);
                (reason, self.event(present.record.id, reason, Some(tail)))
            }
            (None, None) => return (None, None),
        };
        (Some(reason), event)
    }

    /// The event in this log that ended a secret for that reason.
    fn event(&self, id: KeyId, reason: Reason, tail: Option<&Tail>) -> Option<Entry> {
        let is_of_tail = |value: &Option<String>| value.as_deref() == tail.map(Tail::as_str);
        let is_it = |Field { field, from, to }: &Field| match (reason, field.as_str()) {
            (Reason::Deleted, "name") => to.is_none(),
            (Reason::Deactivated, "status") => to.as_deref() == Some("inactive"),
            (Reason::Expired, "expires_at") => true,
            (Reason::Replaced | Reason::Retired, _) => is_of_tail(from),
            _ => false,
        };
        // The log of a damaged vault may not have it.
        let found = self
            .vault
            .newest(id, |entry| entry.change.iter().any(is_it));
        found.ok().flatten()
    }
}

/// The tails of a key's secrets that are accepted at `now`.
fn accepted(key_state: Option<&KeyState>, now: Timestamp) -> Vec<Tail> {
    let Some(KeyState {
        record, secrets, ..
    }) = key_state
    else {
        return Vec::new();
    };
    if !record.key.effective_status(now).is_valid() {
        return Vec::new();
    }
    let good = secrets.iter().filter(|secret| !secret.is_retired(now));
    good.map(|secret| secret.tail.clone()).collect()
}

/// Why a secret is refused, according to the current vault.
fn reason(tail: &Tail, key_state: &KeyState, now: Timestamp) -> Reason {
    let KeyState {
        record, secrets, ..
    } = key_state;
    match secrets.iter().find(|secret| secret.tail == *tail) {
        None => Reason::Replaced,
        Some(secret) if secret.is_retired(now) => Reason::Retired,
        _ if record.key.status == Status::Inactive => Reason::Deactivated,
        _ => Reason::Expired,
    }
}

/// The differences of a key that is in both.
fn changes(present: Option<&KeyState>, then: Option<&KeyState>) -> Vec<Field> {
    let (Some(present), Some(then)) = (present, then) else {
        return Vec::new();
    };
    let mut changes = differences(Some(&present.record.key), Some(&then.record.key));
    for (field, ..) in RELATED_COLUMNS {
        let of = |key_state: &KeyState| {
            let fact = key_state.related.iter().find(|(name, _)| *name == field);
            fact.map(|(_, value)| value.clone())
        };
        let (from, to) = (of(present), of(then));
        if from != to {
            let field = field.to_owned();
            changes.push(Field { field, from, to });
        }
    }
    changes
}

/// The tails that are not among the others.
fn without(tails: &[Tail], others: &[Tail]) -> Vec<Tail> {
    let left = tails.iter().filter(|tail| !others.contains(tail));
    left.cloned().collect()
}
