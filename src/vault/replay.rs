//! What the log says of each key, compared with what the vault holds: damage and edits that no
//! checksum of SQLite's finds.

use std::collections::HashMap;

use rusqlite::Connection;

use super::log::{self, Field};
use super::{Error, KeyId, Record, Vault, policies, sealed};
use crate::key::quoted;

/// How many of a tail's last characters people are shown.
const TAIL_SHOWN: usize = 4;

/// Facts of which the log says nothing as long as they are so.
const DEFAULTS: [(&str, &str); 2] = [("rotate_every", "policy"), ("unused_after", "policy")];

/// A fact about a key that is not what the log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The key's name.
    pub key: String,
    /// The fact.
    pub fact: String,
    /// What the vault holds; `None` is nothing.
    pub found: Option<String>,
    /// What the log says.
    pub logged: Option<String>,
}

impl Contradiction {
    /// A value of which nobody knows who wrote it, as it may be told; of a secret's tail only the
    /// last characters.
    pub(super) fn told(&self, value: Option<&str>) -> String {
        let is_tail = matches!(self.fact.as_str(), "tail" | "retiring");
        match value {
            None => "nothing".to_owned(),
            Some(value) if is_tail => {
                let end = value.chars().rev().take(TAIL_SHOWN).collect::<String>();
                format!("…{}", end.chars().rev().collect::<String>())
            }
            Some(value) => quoted(value),
        }
    }
}

impl Vault {
    /// Compares every key with its log, the missing ones included.
    ///
    /// # Errors
    /// If the vault cannot be read. A key that cannot be read is left out: others tell of it.
    pub fn contradictions(&self) -> Result<Vec<Contradiction>, Error> {
        let mut found = Vec::new();
        for id in self.ids()? {
            if let Ok(Some(record)) = self.by_id(id) {
                found.extend(of_key(&self.connection, &record)?);
            }
        }
        found.extend(self.missing()?);
        Ok(found)
    }

    /// Keys that the vault should hold, and does not.
    fn missing(&self) -> Result<Vec<Contradiction>, Error> {
        let query = "SELECT DISTINCT key_id FROM log
                     WHERE key_id <> 0 AND key_id NOT IN (SELECT id FROM keys)";
        let mut statement = self.connection.prepare(query)?;
        let gone = statement.query_map([], |row| row.get(0))?;
        let gone: Vec<KeyId> = gone.collect::<Result<_, _>>()?;
        let mut missing = Vec::new();
        for id in gone {
            let logged = replayed(&self.connection, id)?.remove("name").flatten();
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

/// What of a key is not as the log says.
pub(super) fn of_key(
    connection: &Connection,
    record: &Record,
) -> Result<Vec<Contradiction>, Error> {
    let logged = replayed(connection, record.id)?;
    let has_old = record.key.retiring.is_some();
    let mut contradictions = Vec::new();
    for (fact, found) in facts(connection, record)? {
        let default = DEFAULTS.iter().find(|(name, _)| *name == fact);
        let default = default.map(|(_, value)| (*value).to_owned());
        let logged = logged.get(fact).cloned().unwrap_or(default);
        // An old secret that had retired was once removed without a word.
        let is_of_old = matches!(fact, "retiring" | "retires_at" | "retired_at");
        if found != logged && (has_old || !is_of_old) {
            contradictions.push(Contradiction {
                key: record.key.name.to_string(),
                fact: fact.to_owned(),
                found,
                logged,
            });
        }
    }
    Ok(contradictions)
}

/// All that the vault holds of a key and the log tells.
fn facts(
    connection: &Connection,
    record: &Record,
) -> Result<Vec<(&'static str, Option<String>)>, Error> {
    let mut facts = log::facts(Some(&record.key)).to_vec();
    facts.extend(policies::facts_of(connection, record.id)?);
    let is_default = sealed::is_default_key(connection, record.id)?;
    facts.push(("default", is_default.then(|| "yes".to_owned())));
    Ok(facts)
}

/// The last that the log says of each fact of a key.
fn replayed(connection: &Connection, id: KeyId) -> Result<HashMap<String, Option<String>>, Error> {
    let query = "SELECT sequence, change FROM log WHERE key_id = ?1 ORDER BY sequence";
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query([id])?;
    let mut facts = HashMap::new();
    while let Some(row) = rows.next()? {
        let (sequence, change): (i64, String) = (row.get(0)?, row.get(1)?);
        let fields: Vec<Field> = serde_json::from_str(&change)
            .map_err(|_| Error::Damaged(format!("log entry {sequence} cannot be read")))?;
        for Field { field, to, .. } in fields {
            // That it is not the default key any more is said in a word.
            let to = to.filter(|to| field != "default" || to != "no");
            facts.insert(field, to);
        }
    }
    Ok(facts)
}
