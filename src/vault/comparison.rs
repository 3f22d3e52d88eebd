//! What the return of a backup does to each key: whose old secrets are accepted again, whose
//! stop, which keys go.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::OptionalExtension;
use strum::IntoStaticStr;

use super::{Entry, Error, Field, KeyId, Record, SecretInfo, Vault, differences};
use crate::key::{KeyName, Status, Tail};

/// What becomes of the keys of a vault if a backup takes its place.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Every key to which anything happens, in the order of their numbers.
    pub affected: Vec<AffectedKey>,
    /// What of the vault could not be read: it is left out.
    pub unread: Option<Error>,
}

/// A key to which something happens.
#[derive(Debug)]
pub struct AffectedKey {
    /// Its name afterwards, or before it goes.
    pub name: KeyName,
    /// What happens to it.
    pub effect: Effect,
    /// Its secrets that are refused now and accepted afterwards.
    pub revived: Vec<Tail>,
    /// Its secrets that are accepted now and refused afterwards.
    pub newly_refused: Vec<Tail>,
    /// What is different about it afterwards.
    pub change: Vec<Field>,
    /// Why a secret of it that is accepted again is not accepted now; of a key that goes, whether
    /// it was deleted when the backup was made.
    pub reason: Option<Reason>,
    /// The event that brought that about, if the log tells.
    pub event: Option<Entry>,
    /// The key as it is in the backup, if it is.
    pub record: Option<Record>,
}

impl AffectedKey {
    /// The same, where it is not known what the key is now.
    fn without_reason(self) -> Self {
        Self {
            reason: None,
            event: None,
            ..self
        }
    }
}

/// What happens to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Effect {
    /// A secret that is refused now is accepted again.
    Revived,
    /// It is deleted now and comes back, but not to life: it is stopped or over.
    Returned,
    /// It is not in the backup, and goes.
    Gone,
    /// A secret that is accepted now is refused.
    Stopped,
    /// It is otherwise not what it was.
    Changed,
}

/// Why a secret is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Reason {
    /// Its key was deleted.
    Deleted,
    /// Its key is not in the vault, which tells of none.
    Absent,
    /// Its key was deactivated.
    Deactivated,
    /// Its key's time was over.
    Expired,
    /// Its key has another secret.
    Replaced,
    /// It retired in a rotation.
    Retired,
}

/// A key with its secrets and what else is stored with it, in one vault.
struct KeyState {
    record: Record,
    secrets: Vec<SecretInfo>,
    related: Vec<(&'static str, String)>,
}

/// What may be stored of a key besides the key itself: the name, the table, and the query.
const RELATED_TABLES: [(&str, &str, &str); 3] = [
    (
        "rotate_every",
        "policies",
        "SELECT rotate_every FROM policies WHERE key_id = ?1",
    ),
    (
        "unused",
        "policies",
        "SELECT unused FROM policies WHERE key_id = ?1",
    ),
    (
        "default",
        "sealed",
        "SELECT 'yes' FROM sealed WHERE key_id = ?1",
    ),
];

/// A vault that is compared.
struct ComparedVault<'a> {
    vault: &'a Vault,
    /// What its schema has a place for besides keys.
    related: Vec<(&'static str, &'static str)>,
}

/// A key as it is now, and as it is in the backup.
type Pair = (Option<KeyState>, Option<KeyState>);

impl Vault {
    /// Works out what becomes of this vault's keys if the backup takes its place at `now`.
    ///
    /// # Errors
    /// If the backup cannot be read. What cannot be read of the vault is left out.
    pub fn compare(&self, backup: &Self, now: Timestamp) -> Result<Comparison, Error> {
        let (here, there) = (ComparedVault::of(self)?, ComparedVault::of(backup)?);
        let mut comparison = Comparison::default();
        let mut ids: BTreeSet<KeyId> = backup.ids()?.into_iter().collect();
        match self.ids() {
            Ok(present) => ids.extend(present),
            Err(error) => comparison.unread = Some(error),
        }
        for id in ids {
            let then = there.held(id)?;
            match here.held(id) {
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
        for (field, table, query) in RELATED_TABLES {
            if vault.connection.table_exists(None, table)? {
                related.push((field, query));
            }
        }
        Ok(Self { vault, related })
    }

    /// The key of that number here and in the backup: one key, or two if the number was used
    /// again after another return.
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
            // Of a damaged log the number has to do.
            _ => true,
        }
    }

    /// Whether it tells of the other's key, which it has not.
    fn has_deleted(&self, id: KeyId, other: &Self) -> bool {
        matches!(self.vault.origin(id), Ok(Some(_))) && self.is_same_key(id, other)
    }

    fn held(&self, id: KeyId) -> Result<Option<KeyState>, Error> {
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
        for &(field, query) in &self.related {
            let mut statement = self.vault.connection.prepare_cached(query)?;
            let value: Option<Option<String>> =
                statement.query_row([id], |row| row.get(0)).optional()?;
            facts.extend(value.flatten().map(|value| (field, value)));
        }
        Ok(facts)
    }

    /// What happens to a key, if anything does.
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

    /// Why a tail that is revived is not accepted now, or why the key is in one of the two only,
    /// and the event that brought it about.
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

    /// The event of this log that stopped a secret for that reason.
    fn event(&self, id: KeyId, reason: Reason, tail: Option<&Tail>) -> Option<Entry> {
        let is_of_tail = |value: &Option<String>| value.as_deref() == tail.map(Tail::as_str);
        let is_it = |Field { field, from, to }: &Field| match (reason, field.as_str()) {
            (Reason::Deleted, "name") => to.is_none(),
            (Reason::Deactivated, "status") => to.as_deref() == Some("inactive"),
            (Reason::Expired, "expires_at") => true,
            (Reason::Replaced | Reason::Retired, _) => is_of_tail(from),
            _ => false,
        };
        // Of a damaged vault the log may tell nothing.
        let found = self
            .vault
            .newest(id, |entry| entry.change.iter().any(is_it));
        found.ok().flatten()
    }
}

/// The tails of a key's secrets that are accepted at `now`.
fn accepted(held: Option<&KeyState>, now: Timestamp) -> Vec<Tail> {
    let Some(KeyState {
        record, secrets, ..
    }) = held
    else {
        return Vec::new();
    };
    if !record.key.effective_status(now).is_valid() {
        return Vec::new();
    }
    let good = secrets.iter().filter(|secret| !secret.is_retired(now));
    good.map(|secret| secret.tail.clone()).collect()
}

/// Why a secret is not accepted from what the vault holds of its key.
fn reason(tail: &Tail, held: &KeyState, now: Timestamp) -> Reason {
    let KeyState {
        record, secrets, ..
    } = held;
    match secrets.iter().find(|secret| secret.tail == *tail) {
        None => Reason::Replaced,
        Some(secret) if secret.is_retired(now) => Reason::Retired,
        _ if record.key.status == Status::Inactive => Reason::Deactivated,
        _ => Reason::Expired,
    }
}

/// What is different about a key, if it is in both.
fn changes(present: Option<&KeyState>, then: Option<&KeyState>) -> Vec<Field> {
    let (Some(present), Some(then)) = (present, then) else {
        return Vec::new();
    };
    let mut changes = differences(Some(&present.record.key), Some(&then.record.key));
    for (field, ..) in RELATED_TABLES {
        let of = |held: &KeyState| {
            let fact = held.related.iter().find(|(name, _)| *name == field);
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
