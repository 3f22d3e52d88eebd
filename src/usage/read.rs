//! Reading what was recorded.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::time::{latest, latest_day, moment};
use super::{ACCEPTED, Address, Error, NOBODY, RefusalAddresses, UsageStore, day_of};
use crate::key::{Tail, WindowUse};
use crate::vault::KeyId;

/// How many keys a page of [`UsageStore::keys_after`] has.
const PAGE_SIZE: usize = 500;

/// A key's use in short; by default, none that is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// When it was last accepted; `None` if it never was.
    pub last_used_at: Option<Timestamp>,
    /// How often it was accepted today, UTC.
    pub requests_today: u32,
}

/// A key's use, as far as it is recorded.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// Days on which it was accepted, the newest last.
    pub days: Vec<Day>,
    /// Why it was refused, the last reason first.
    pub refused: Vec<Refused>,
    /// From where it was used, the last address first.
    pub addresses: Vec<Address>,
    /// Which of its secrets were used, the last one first.
    pub secrets: Vec<SecretUse>,
}

/// How often a key was accepted on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// In days since 1970, UTC.
    pub day: i64,
    /// How often.
    pub count: u32,
    /// When, for the last time.
    pub last_at: Timestamp,
}

/// A reason for which a key was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The verdict's word.
    pub verdict: String,
    /// How often.
    pub count: u32,
    /// When, for the last time.
    pub last_at: Timestamp,
    /// From where, as far as that is recorded.
    pub addresses: RefusalAddresses,
}

/// The use of one of a key's secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUse {
    /// Its last 16 characters.
    pub tail: String,
    /// When it was first accepted.
    pub first_at: Timestamp,
    /// When it was last accepted.
    pub last_at: Timestamp,
}

/// How far a new secret has taken an old one's place, as far as their use is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretTransition<'a> {
    /// The new one was never used.
    NotStarted,
    /// The old one was used after the new one was first.
    Partial(&'a SecretUse),
    /// The old one was not.
    Complete,
}

impl<'a> SecretTransition<'a> {
    /// How far the use of a new secret has taken an old one's place.
    pub fn of(new: Option<&SecretUse>, old: Option<&'a SecretUse>) -> Self {
        let Some(new) = new else {
            return Self::NotStarted;
        };
        let is_later = |old: &&SecretUse| old.last_at > new.first_at;
        old.filter(is_later).map_or(Self::Complete, Self::Partial)
    }
}

impl SecretUse {
    /// Its tail, unless that only stands in for one that is not known.
    pub fn known_tail(&self) -> Option<&str> {
        let tail = self.tail.parse::<Tail>();
        let is_imported = tail.is_ok_and(|tail| tail.is_imported());
        (!is_imported).then_some(&self.tail)
    }
}

impl Refused {
    /// From where it was refused the last time, if that is recorded.
    pub fn last_address(&self) -> Option<&str> {
        let last = self.addresses.newest.first()?;
        (last.last_at >= self.last_at).then_some(&last.address)
    }
}

impl Details {
    /// The use of one of the key's secrets.
    pub fn of_secret(&self, tail: &Tail) -> Option<&SecretUse> {
        self.secrets.iter().find(|used| used.tail == tail.as_str())
    }

    /// How far a new secret has taken an old one's place.
    pub fn transition(&self, new: &Tail, old: &Tail) -> SecretTransition<'_> {
        SecretTransition::of(self.of_secret(new), self.of_secret(old))
    }

    /// From where the key was used at a moment: known of its last use only, and if that was the
    /// only one then.
    pub fn address_at(&self, moment: Timestamp) -> Option<&str> {
        let then = self.secrets.iter().filter(|used| used.last_at == moment);
        let is_only = then.count() == 1 && self.last_used_at() == Some(moment);
        self.last_address().filter(|_| is_only)
    }

    /// From where the key was used at this time or later, the last address first.
    pub fn addresses_since(&self, time: Timestamp) -> impl Iterator<Item = &str> {
        let recent = self
            .addresses
            .iter()
            .filter(move |used| used.last_at >= time);
        recent.map(|used| used.address.as_str())
    }

    /// Whether it is recorded from where the key was accepted or refused.
    pub fn has_addresses(&self) -> bool {
        let is_refused_from = |refused: &Refused| refused.addresses.count > 0;
        !self.addresses.is_empty() || self.refused.iter().any(is_refused_from)
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty() && self.refused.is_empty()
    }

    /// Whether the key was accepted or refused at this time or later.
    pub fn is_since(&self, time: Timestamp) -> bool {
        let refused_at = self.refused.first().map(|refused| refused.last_at);
        self.last_used_at().max(refused_at) >= Some(time)
    }

    /// When the key was last accepted.
    pub fn last_used_at(&self) -> Option<Timestamp> {
        self.days.last().map(|day| day.last_at)
    }

    /// From where it was last accepted, if that is recorded of its last use.
    pub fn last_address(&self) -> Option<&str> {
        let last = self.addresses.first()?;
        (Some(last.last_at) >= self.last_used_at()).then_some(&last.address)
    }

    /// How often it was accepted on each of so many days, the last one being that of `now`.
    pub fn by_day(&self, days: usize, now: Timestamp) -> Vec<u32> {
        let mut counts = vec![0; days];
        for day in &self.days {
            let ago = usize::try_from(day_of(now).saturating_sub(day.day)).ok();
            if let Some(at) = ago.and_then(|ago| days.checked_sub(ago.saturating_add(1))) {
                counts[at] = day.count;
            }
        }
        counts
    }

    /// How often it was accepted on that many days up to that of `now`.
    pub fn requests(&self, days: usize, now: Timestamp) -> u64 {
        self.by_day(days, now).into_iter().map(u64::from).sum()
    }

    /// How often it was refused, whatever the reason.
    pub fn refusals(&self) -> u64 {
        let counts = self.refused.iter().map(|refused| u64::from(refused.count));
        counts.sum()
    }
}

impl UsageStore {
    /// The use of each of these keys of which any is recorded.
    pub fn summaries(
        &self,
        keys: &[KeyId],
        now: Timestamp,
    ) -> Result<HashMap<KeyId, Summary>, Error> {
        let keys = serde_json::to_string(keys).expect("numbers are JSON");
        let summary = |row: &Row<'_>| {
            let summary = Summary {
                last_used_at: Some(moment(row, 1)?.min(now)),
                requests_today: row.get(2)?,
            };
            Ok((row.get(0)?, summary))
        };
        self.with_path(|usage| {
            let mut statement = usage.connection.prepare_cached(
                "SELECT key_id, last_at, iif(day = ?2, count, 0)
                 FROM json_each(?1) AS given
                 JOIN days ON key_id = given.value AND verdict = ?3 AND day =
                   (SELECT day FROM days WHERE key_id = given.value AND verdict = ?3
                    AND day <= ?4 ORDER BY day DESC LIMIT 1)",
            )?;
            let (today, latest) = (day_of(now), latest_day(now));
            let rows = statement.query_map(params![keys, today, ACCEPTED, latest], summary)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// All that is recorded of a key until `now`.
    pub fn details(&self, key: KeyId, now: Timestamp) -> Result<Details, Error> {
        Ok(Details {
            days: self.days(key, now)?,
            refused: self.refused(key, now)?,
            addresses: self.addresses(key, now)?,
            secrets: self.secrets(key, now)?,
        })
    }

    fn days(&self, key: KeyId, now: Timestamp) -> Result<Vec<Day>, Error> {
        let query = "SELECT day, count, last_at FROM days
                     WHERE key_id = ?1 AND verdict = 'accepted' AND day <= ?2 ORDER BY day";
        let until = params![key, latest_day(now)];
        self.rows(query, until, |row| {
            Ok(Day {
                day: row.get(0)?,
                count: row.get(1)?,
                last_at: moment(row, 2)?.min(now),
            })
        })
    }

    fn refused(&self, key: KeyId, now: Timestamp) -> Result<Vec<Refused>, Error> {
        let query = "SELECT verdict, min(sum(count), 4294967295), max(last_at) FROM days
                     WHERE key_id = ?1 AND verdict <> 'accepted' AND day <= ?2
                     GROUP BY verdict ORDER BY 3 DESC, 1";
        let until = params![key, latest_day(now)];
        let mut refused = self.rows(query, until, |row| {
            Ok(Refused {
                verdict: row.get(0)?,
                count: row.get(1)?,
                last_at: moment(row, 2)?.min(now),
                addresses: RefusalAddresses::default(),
            })
        })?;
        let mut addresses = self.refused_from(key, now)?;
        for reason in &mut refused {
            reason.addresses = addresses.remove(&reason.verdict).unwrap_or_default();
        }
        Ok(refused)
    }

    fn addresses(&self, key: KeyId, now: Timestamp) -> Result<Vec<Address>, Error> {
        // A record of an older version that nobody wrote since has no order within a second.
        let has_turns = self.connection.column_exists(None, "addresses", "turn")?;
        let order = if has_turns { "turn DESC" } else { "address" };
        let query = &format!(
            "SELECT address, count, last_at FROM addresses
             WHERE key_id = ?1 AND last_at <= ?2 ORDER BY last_at DESC, {order}"
        );
        let until = params![key, latest(now)];
        self.rows(query, until, |row| {
            Ok(Address {
                address: row.get(0)?,
                count: row.get(1)?,
                last_at: moment(row, 2)?.min(now),
            })
        })
    }

    /// Which of a key's secrets were used, the last one first.
    pub fn secrets(&self, key: KeyId, now: Timestamp) -> Result<Vec<SecretUse>, Error> {
        let query = "SELECT tail, first_at, last_at FROM secrets
                     WHERE key_id = ?1 AND last_at <= ?2
                     ORDER BY last_at DESC, first_at DESC";
        let until = params![key, latest(now)];
        self.rows(query, until, |row| {
            Ok(SecretUse {
                tail: row.get(0)?,
                first_at: moment(row, 1)?.min(now),
                last_at: moment(row, 2)?.min(now),
            })
        })
    }

    /// The next keys after this one that were ever presented, in the order of their numbers.
    pub fn keys_after(&self, last: KeyId) -> Result<Vec<KeyId>, Error> {
        let query = format!(
            "SELECT DISTINCT key_id FROM days WHERE key_id > ?1 ORDER BY key_id LIMIT {PAGE_SIZE}"
        );
        self.rows(&query, [last], |row| row.get(0))
    }

    /// All keys that were accepted until `now`, the one whose last time is longest ago first.
    pub fn keys_by_last_use(&self, now: Timestamp) -> Result<Vec<KeyId>, Error> {
        let query = "SELECT key_id FROM days
                     WHERE verdict = 'accepted' AND key_id > ?1 AND day <= ?2
                     GROUP BY key_id ORDER BY max(last_at), key_id";
        self.rows(query, [NOBODY, latest_day(now)], |row| row.get(0))
    }

    /// The first moment of the first day of which anything is recorded.
    pub fn since(&self, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        let query = "SELECT min(day) * 86400 FROM days WHERE day <= ?1
                     HAVING min(day) IS NOT NULL";
        self.with_path(|usage| {
            let mut statement = usage.connection.prepare(query)?;
            let since = statement.query_row([latest_day(now)], |row| moment(row, 0));
            Ok(since.optional()?)
        })
    }

    /// How much of its limit a key has used in the last window that is recorded.
    pub fn used(&self, key: KeyId) -> Result<WindowUse, Error> {
        self.with_path(|usage| used(&usage.connection, key))
    }

    fn rows<T>(
        &self,
        query: &str,
        given: impl Params,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Error> {
        self.with_path(|usage| {
            let mut statement = usage.connection.prepare_cached(query)?;
            let rows = statement.query_map(given, |row| read(row))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

pub(super) fn used(connection: &Connection, key: KeyId) -> Result<WindowUse, Error> {
    let mut query =
        connection.prepare_cached("SELECT since, count FROM windows WHERE key_id = ?1")?;
    let used = query.query_row([key], |row| {
        Ok(WindowUse {
            since: row.get(0)?,
            count: row.get(1)?,
        })
    });
    Ok(used.optional()?.unwrap_or_default())
}
