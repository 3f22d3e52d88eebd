//! Fills a vault with many keys, quickly.

use rusqlite::{Connection, params};
use serde_json::json;

use crate::ledger;
use crate::sandbox::Sandbox;

/// A seeded random number generator: splitmix64.
pub struct Chance(pub u64);

impl Chance {
    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    fn letters(&mut self, length: usize) -> String {
        let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        (0..length)
            .map(|_| char::from(digits[self.below(62)]))
            .collect()
    }
}

/// Inserts keys without known secrets; returns their names and hashes.
pub fn stock(sandbox: &Sandbox, count: usize) -> Vec<(String, String)> {
    let mut chance = Chance(count as u64);
    let mut vault = Connection::open(sandbox.vault()).unwrap();
    vault
        .execute_batch("PRAGMA secure_delete = ON; PRAGMA synchronous = OFF")
        .unwrap();
    let change = vault.transaction().unwrap();
    let key = "INSERT INTO keys (name, kind, status, permission, created_at) VALUES (?1, 'api', 'active', 'full', 1700000000)";
    let secret =
        "INSERT INTO secrets (key_id, tail, hash, created_at) VALUES (?1, ?2, ?3, 1700000000)";
    // With log entries: a key without any cannot be changed.
    let entry =
        "INSERT INTO log SELECT max(sequence) + 1, 1700000000, 0, 'root', NULL, 'vm', 'generate',
        last_insert_rowid(), ?1, ?2, zeroblob(32) FROM log";
    let mut made = Vec::new();
    for number in 0..count {
        let (name, hash) = (format!("stock-{number:04}"), chance.letters(43));
        let phc = format!(
            "$argon2id$v=19$m=19456,t=2,p=1${}${hash}",
            chance.letters(22)
        );
        let tail = chance.letters(16);
        change.execute(key, [&name]).unwrap();
        change
            .execute(entry, [&name, &facts(&name, &tail)])
            .unwrap();
        let key = "SELECT id FROM keys WHERE name = ?1";
        let id: i64 = change.query_row(key, [&name], |row| row.get(0)).unwrap();
        change.execute(secret, params![id, tail, phc]).unwrap();
        made.push((name, hash));
    }
    ledger::rehash(&change);
    change.commit().unwrap();
    made
}

/// The log entry of a new API key.
fn facts(name: &str, tail: &str) -> String {
    let facts = [
        ("name", name),
        ("kind", "api"),
        ("tail", tail),
        ("status", "active"),
        ("permission", "full"),
        ("limit", "none"),
        ("expires_at", "never"),
    ];
    let facts = facts.map(|(field, to)| json!({"field": field, "from": null, "to": to}));
    json!(facts).to_string()
}
