//! Compares each key in the vault with the log, to find damage and edits that SQLite's checks do
//! not.

use std::collections::HashMap;

use rusqlite::params;

use super::contradiction::{CURRENT_CHECKSUM, RETIRING_CHECKSUM};
use super::log::{self, Field};
use super::store::Store;
use super::{Contradiction, Error, KeyId, Record, Vault, checksum, policies, rotations, sealed};

/// Fields that the log omits while they have these values.
const DEFAULTS: [(&str, &str); 4] = [
    ("rotate_every", "policy"),
    ("unused_after", "policy"),
    ("grace", "policy"),
    ("settle", "policy"),
];

impl Vault {
    /// Compares every key with its log, including missing ones.
    ///
    /// # Errors
    /// If the vault cannot be read. Unreadable keys are skipped: they are reported elsewhere.
    pub fn contradictions(&self) -> Result<Vec<Contradiction>, Error> {
        let mut found = Vec::new();
        for id in self.ids()? {
            match self.by_id(id) {
                Ok(Some(record)) => found.extend(of_key(&self.store, &record)?),
                Ok(None) => found.extend(self.without_secret(id)?),
                Err(_) => {}
            }
        }
        found.extend(self.missing()?);
        Ok(found)
    }

    /// What a key lacks if the vault has no current secret for it.
    fn without_secret(&self, id: KeyId) -> Result<Option<Contradiction>, Error> {
        let mut facts = replayed(&self.store, id)?.facts;
        Ok(facts.remove("name").flatten().map(|key| Contradiction {
            key,
            fact: "tail".to_owned(),
            found: None,
            logged: facts.remove("tail").flatten(),
        }))
    }

    /// Keys that the vault should contain, but does not.
    fn missing(&self) -> Result<Vec<Contradiction>, Error> {
        let query = "SELECT DISTINCT key_id FROM log
                     WHERE key_id <> 0 AND key_id NOT IN (SELECT id FROM keys)";
        let gone: Vec<KeyId> = self.store.all(query, &[], |row| row.get(0))?;
        let mut missing = Vec::new();
        for id in gone {
            let logged = replayed(&self.store, id)?.facts.remove("name");
            let logged = logged.flatten();
            missing.extend(logged.map(|name| Contradiction {
                key: name.clone(),
                fact: "name".to_owned(),
                found: None,
                logged: Some(name),
            }));
        }
        Ok(missing)
    }
}

/// A key according to the log.
#[derive(Default)]
struct Logged {
    /// The last value of each field.
    facts: HashMap<String, Option<String>>,
    /// The checksum of each secret that has one, by its tail.
    checksums: HashMap<String, String>,
    /// Whether the rotation that left the old secret is from a schema that removed such secrets
    /// without an entry.
    is_old_kept: bool,
}

/// The differences between a key and the log.
pub(super) fn of_key(store: &Store, record: &Record) -> Result<Vec<Contradiction>, Error> {
    let logged = replayed(store, record.id)?;
    let has_old = record.key.retiring.is_some() || logged.is_old_kept;
    let mut contradictions = Vec::new();
    let mut compare = |fact: &str, found, logged| {
        if found != logged {
            contradictions.push(Contradiction {
                key: record.key.name.to_string(),
                fact: fact.to_owned(),
                found,
                logged,
            });
        }
    };
    for (fact, found) in facts(store, record)? {
        let default = DEFAULTS.iter().find(|(name, _)| *name == fact);
        let default = default.map(|(_, value)| (*value).to_owned());
        let is_of_old = matches!(fact, "retiring" | "retires_at" | "retired_at");
        if has_old || !is_of_old {
            compare(
                fact,
                found,
                logged.facts.get(fact).cloned().unwrap_or(default),
            );
        }
    }
    for secret in checksum::secrets(store, record.id)? {
        let fact = match secret.is_current {
            true => CURRENT_CHECKSUM,
            false => RETIRING_CHECKSUM,
        };
        let logged = logged.checksums.get(&secret.tail);
        compare(fact, secret.checksum, logged.cloned());
        if let Some(at) = secret.retired_at.filter(|_| secret.is_current) {
            compare("retired_at", Some(at.to_string()), None);
        }
    }
    Ok(contradictions)
}

/// All fields of a key in the vault that the log has, too.
fn facts(store: &Store, record: &Record) -> Result<Vec<(&'static str, Option<String>)>, Error> {
    let mut facts = log::facts(Some(&record.key)).to_vec();
    facts.extend(policies::facts_of(store, record.id)?);
    facts.extend(rotations::facts_of(store, record.id)?);
    let is_default = sealed::is_default_key(store, record.id)?;
    facts.push(("default", is_default.then(|| "yes".to_owned())));
    Ok(facts)
}

/// A key according to all its log entries.
fn replayed(store: &Store, id: KeyId) -> Result<Logged, Error> {
    let query = "SELECT sequence, change FROM log WHERE key_id = ?1 ORDER BY sequence";
    let mut logged = Logged::default();
    store.each(query, params![id], |row| {
        let (sequence, change): (i64, String) = (row.get(0)?, row.get(1)?);
        let fields: Vec<Field> = serde_json::from_str(&change)
            .map_err(|_| Error::Damaged(format!("log entry {sequence} cannot be read")))?;
        logged.add(fields);
        Ok(())
    })?;
    Ok(logged)
}

impl Logged {
    /// Adds an entry.
    fn add(&mut self, fields: Vec<Field>) {
        let is_of = |field: &Field, names: &[&str]| names.contains(&field.field.as_str());
        let has = |names: &[&str]| fields.iter().any(|field| is_of(field, names));
        // Schemas without checksums removed retired secrets without an entry.
        if has(&["retiring"]) {
            self.is_old_kept = has(&[CURRENT_CHECKSUM, RETIRING_CHECKSUM]);
        }
        let pairs = [("tail", CURRENT_CHECKSUM), ("retiring", RETIRING_CHECKSUM)];
        let given = pairs.map(|pair| has(&[pair.1]).then_some(pair));
        for Field { field, to, .. } in fields {
            // The end of being the default key is logged as a word.
            let to = to.filter(|to| field != "default" || to != "no");
            self.facts.insert(field, to);
        }
        for (tail, checksum) in given.into_iter().flatten() {
            let [tail, checksum] = [tail, checksum].map(|fact| self.facts.get(fact).cloned());
            if let Some((tail, checksum)) = tail.flatten().zip(checksum.flatten()) {
                self.checksums.insert(tail, checksum);
            }
        }
    }
}
