//! Former owners of secrets, according to the log.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use crate::key::Tail;
use crate::vault::column::timestamp;
use crate::vault::{Error, Field, Vault};

/// A former owner of a secret, by its tail, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastOwner {
    /// The key's name at that time.
    pub name: String,
    /// When the key lost the secret, or was deleted.
    pub until: Timestamp,
}

impl Vault {
    /// Which of the tails formerly belonged to keys. The secrets themselves cannot be compared,
    /// since only their tails are left.
    pub fn past_owners(&self, tails: &[&Tail]) -> Result<HashMap<String, PastOwner>, Error> {
        let mut past_owners = HashMap::new();
        if tails.is_empty() {
            return Ok(past_owners);
        }
        let asked: HashSet<&str> = tails.iter().map(|tail| tail.as_str()).collect();
        let query = r#"SELECT key, at, change FROM log WHERE instr(change, '"tail","from":"') > 0
                       ORDER BY sequence"#;
        self.store.each(query, &[], |row| {
            let tail = lost_tail(&row.get::<String>(2)?);
            if let Some(tail) = tail.filter(|tail| asked.contains(tail.as_str())) {
                let (name, until) = (row.get(0)?, timestamp(row.get(1)?)?);
                past_owners.insert(tail, PastOwner { name, until });
            }
            Ok(())
        })?;
        Ok(past_owners)
    }
}

/// The tail that a change removed; `None` if it cannot be read.
fn lost_tail(change: &str) -> Option<String> {
    let fields: Vec<Field> = serde_json::from_str(change).ok()?;
    let tail = fields.into_iter().find(|field| field.field == "tail")?;
    tail.from
}
