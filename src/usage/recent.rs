//! Reads what is needed to detect unusual use, for many keys at once.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::params;

use super::time::{latest, moment};
use super::{ACCEPTED, Error, UsageStore, day_of, mail, networks};
use crate::vault::KeyId;

/// How many days are read, ending with today.
pub const RECENT_DAYS: usize = 16;

/// The recorded use of a key on the last days.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    /// The accepted requests on each day, today's at the end.
    pub days: [u32; RECENT_DAYS],
    /// The recipients of the mails accepted on each day.
    pub recipients: [u32; RECENT_DAYS],
    /// Networks from which it was first used since yesterday, the oldest first.
    pub networks: Vec<Network>,
    /// When its first address was recorded.
    pub first_address_at: Option<Timestamp>,
}

/// A network from which a key was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// As `203.0.113.0/24` or `2001:db8:1::/48`.
    pub network: String,
    /// When it was first used from there.
    pub first_at: Timestamp,
}

impl UsageStore {
    /// The last days of each of these keys with recorded use.
    pub fn recent(&self, keys: &[KeyId], now: Timestamp) -> Result<HashMap<KeyId, Recent>, Error> {
        let keys = serde_json::to_string(keys).expect("numbers are JSON");
        let mut found = HashMap::new();
        self.with_path(|usage| {
            usage.read_days(&keys, now, &mut found)?;
            usage.read_recipients(&keys, now, &mut found)?;
            usage.read_networks(&keys, now, &mut found)
        })?;
        Ok(found)
    }

    fn read_days(
        &self,
        keys: &str,
        now: Timestamp,
        found: &mut HashMap<KeyId, Recent>,
    ) -> Result<(), Error> {
        let today = day_of(now);
        let mut statement = self.connection.prepare_cached(
            "SELECT key_id, ?2 - day, count FROM json_each(?1) AS given
             JOIN days ON key_id = given.value AND day BETWEEN ?2 - ?3 + 1 AND ?2
             WHERE verdict = ?4",
        )?;
        let mut rows = statement.query(params![keys, today, RECENT_DAYS as i64, ACCEPTED])?;
        while let Some(row) = rows.next()? {
            let recent = found.entry(row.get(0)?).or_default();
            let ago: u8 = row.get(1)?;
            recent.days[RECENT_DAYS - 1 - usize::from(ago)] = row.get(2)?;
        }
        Ok(())
    }

    fn read_recipients(
        &self,
        keys: &str,
        now: Timestamp,
        found: &mut HashMap<KeyId, Recent>,
    ) -> Result<(), Error> {
        let mail = mail::table(&self.connection)?;
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT key_id, ?2 - day, recipients FROM json_each(?1) AS given
             JOIN {mail} ON key_id = given.value AND day BETWEEN ?2 - ?3 + 1 AND ?2"
        ))?;
        let mut rows = statement.query(params![keys, day_of(now), RECENT_DAYS as i64])?;
        while let Some(row) = rows.next()? {
            let recent = found.entry(row.get(0)?).or_default();
            let ago: u8 = row.get(1)?;
            recent.recipients[RECENT_DAYS - 1 - usize::from(ago)] = row.get(2)?;
        }
        Ok(())
    }

    /// Reads the new networks of each key that has any, and when its first one was new.
    fn read_networks(
        &self,
        keys: &str,
        now: Timestamp,
        found: &mut HashMap<KeyId, Recent>,
    ) -> Result<(), Error> {
        if !networks::has_table(&self.connection)? {
            return Ok(());
        }
        let yesterday = (day_of(now) - 1) * 86_400;
        let mut statement = self.connection.prepare_cached(
            "SELECT key_id, network, first_at,
               (SELECT min(first_at) FROM networks AS all_of_them
                WHERE all_of_them.key_id = networks.key_id)
             FROM json_each(?1) AS given
             JOIN networks ON key_id = given.value AND first_at BETWEEN ?2 AND ?3
             ORDER BY first_at, network",
        )?;
        let mut rows = statement.query(params![keys, yesterday, latest(now)])?;
        while let Some(row) = rows.next()? {
            let recent = found.entry(row.get(0)?).or_default();
            recent.first_address_at = Some(moment(row, 3)?);
            recent.networks.push(Network {
                network: row.get(1)?,
                first_at: moment(row, 2)?,
            });
        }
        Ok(())
    }
}
