//! Keys' own policies, and what else `check` reads for many keys at once.

use std::collections::HashMap;

use rusqlite::params;

use super::column::optional;
use super::keys::secret_info;
use super::store::{Store, StoredRow};
use super::{Change, Error, Field, KeyId, Record, SecretInfo, Vault, differences};
use crate::key::{Key, KeyPolicy};

impl Vault {
    /// The policies of these keys, as far as they have their own.
    pub fn policies(&self, keys: &[KeyId]) -> Result<HashMap<KeyId, KeyPolicy>, Error> {
        // A vault that could not be migrated has no such table.
        match self.store.has_table("policies")? {
            true => policies(&self.store, keys),
            false => Ok(HashMap::new()),
        }
    }

    /// A key's own policy.
    pub fn policy(&self, key: KeyId) -> Result<KeyPolicy, Error> {
        Ok(self.policies(&[key])?.remove(&key).unwrap_or_default())
    }

    /// The secrets of each of these keys, the current one first.
    pub fn secrets_of(&self, keys: &[KeyId]) -> Result<HashMap<KeyId, Vec<SecretInfo>>, Error> {
        let columns = "key_id, tail, created_at, retires_at, retired_at";
        let mut found: HashMap<KeyId, Vec<SecretInfo>> = HashMap::new();
        each_of(&self.store, "secrets", columns, keys, |row| {
            found
                .entry(row.get(0)?)
                .or_default()
                .push(secret_info(row)?);
            Ok(())
        })?;
        for secrets in found.values_mut() {
            secrets.sort_by_key(|secret| secret.retires_at.is_some());
        }
        Ok(found)
    }
}

impl Change<'_> {
    /// A key's own policy.
    pub fn policy(&self, key: KeyId) -> Result<KeyPolicy, Error> {
        Ok(policies(self.store, &[key])?
            .remove(&key)
            .unwrap_or_default())
    }

    /// Saves the changes of a key and its own policy, with one log entry; returns them.
    ///
    /// # Errors
    /// If its new name is taken, or the vault cannot be written.
    pub fn save_with_policy(
        &self,
        before: &Record,
        after: &Key,
        policy: &KeyPolicy,
    ) -> Result<Vec<Field>, Error> {
        let mut fields = differences(Some(&before.key), Some(after));
        fields.extend(policy_differences(&self.policy(before.id)?, policy));
        if !fields.is_empty() {
            self.update(before, after)?;
            self.write_policy(before.id, policy)?;
            self.log_fields(before.id, &after.name, &fields)?;
        }
        Ok(fields)
    }

    /// Writes the own policy of a new key; returns what to log.
    pub(super) fn add_policy(&self, key: KeyId, policy: &KeyPolicy) -> Result<Vec<Field>, Error> {
        let fields = policy_differences(&KeyPolicy::default(), policy);
        if !fields.is_empty() {
            self.write_policy(key, policy)?;
        }
        Ok(fields)
    }

    fn write_policy(&self, key: KeyId, policy: &KeyPolicy) -> Result<(), Error> {
        if *policy == KeyPolicy::default() {
            let forget = "DELETE FROM policies WHERE key_id = ?1";
            self.store.execute(forget, params![key])?;
            return Ok(());
        }
        self.store.execute(
            "INSERT INTO policies (key_id, rotate_every, unused, grace, settle, after)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (key_id) DO UPDATE SET rotate_every = excluded.rotate_every,
               unused = excluded.unused, grace = excluded.grace, settle = excluded.settle,
               after = excluded.after",
            params![
                key,
                policy.rotate_every.map(|term| term.to_string()),
                policy.unused.map(|term| term.to_string()),
                policy.grace.map(|grace| grace.to_string()),
                policy.settle.map(|settle| settle.to_string()),
                policy.after.as_ref().map(ToString::to_string),
            ],
        )?;
        Ok(())
    }
}

fn policies(store: &Store, keys: &[KeyId]) -> Result<HashMap<KeyId, KeyPolicy>, Error> {
    let columns = "key_id, rotate_every, unused, grace, settle, after";
    let mut found = HashMap::new();
    each_of(store, "policies", columns, keys, |row| {
        found.insert(row.get(0)?, policy(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// Parses a key's own policy, in the columns after its number.
fn policy(row: &StoredRow<'_>) -> Result<KeyPolicy, Error> {
    Ok(KeyPolicy {
        rotate_every: optional(row, 1)?,
        unused: optional(row, 2)?,
        grace: optional(row, 3)?,
        settle: optional(row, 4)?,
        after: optional(row, 5)?,
    })
}

/// The differences of a key's own policy, for the log.
pub fn policy_differences(before: &KeyPolicy, after: &KeyPolicy) -> Vec<Field> {
    let pairs = facts(before).into_iter().zip(facts(after));
    let differences = pairs.filter(|((_, from), (_, to))| from != to);
    let fields = differences.map(|((field, from), (_, to))| Field {
        field: field.to_owned(),
        from,
        to,
    });
    fields.collect()
}

/// A key's own policy in the log.
fn facts(policy: &KeyPolicy) -> [(&'static str, Option<String>); 5] {
    [
        ("rotate_every", or_policy(policy.rotate_every)),
        ("unused_after", or_policy(policy.unused)),
        ("grace", or_policy(policy.grace)),
        ("settle", or_policy(policy.settle)),
        ("after", policy.after.as_ref().map(ToString::to_string)),
    ]
}

fn or_policy(own: Option<impl ToString>) -> Option<String> {
    Some(own.map_or("policy".to_owned(), |own| own.to_string()))
}

/// A key's own policy in the log, as text.
pub(super) fn facts_of(
    store: &Store,
    key: KeyId,
) -> Result<[(&'static str, Option<String>); 5], Error> {
    let own = policies(store, &[key])?.remove(&key);
    Ok(facts(&own.unwrap_or_default()))
}

/// Calls `take` for each row of a table that belongs to one of these keys.
pub(super) fn each_of(
    store: &Store,
    table: &str,
    columns: &str,
    keys: &[KeyId],
    take: impl FnMut(&StoredRow<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let query = format!(
        "SELECT {columns} FROM json_each(?1) AS given
         JOIN {table} ON key_id = CAST(given.value AS BIGINT)"
    );
    let keys = serde_json::to_string(keys).expect("numbers are JSON");
    store.each(&query, params![keys], take)
}
