//! Edits of the vault that match its audit log: as if time had passed, with valid hashes.

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::Salt;
use argon2::{Algorithm, Argon2, Params, Version};
use jiff::Timestamp;
use rusqlite::{Connection, ToSql, params};
use sha2::{Digest, Sha256};

use crate::sandbox::Sandbox;

/// Sets a key's expiry, in Unix seconds.
pub fn expire(sandbox: &Sandbox, name: &str, at: i64) {
    let change = "UPDATE keys SET expires_at = ?2 WHERE name = ?1";
    edit(sandbox, change, name, "expires_at", at);
}

/// Sets the end of a key's old secret.
pub fn retire(sandbox: &Sandbox, name: &str, at: i64) {
    let change = "UPDATE secrets SET retires_at = ?2 WHERE retires_at IS NOT NULL
                  AND key_id = (SELECT id FROM keys WHERE name = ?1)";
    edit(sandbox, change, name, "retires_at", at);
}

fn edit(sandbox: &Sandbox, change: &str, name: &str, field: &str, at: i64) {
    let vault = Connection::open(sandbox.vault()).unwrap();
    assert_eq!(vault.execute(change, params![name, at]).unwrap(), 1);
    let to = Timestamp::from_second(at).unwrap();
    let entry = format!(r#"[{{"field":"{field}","from":null,"to":"{to}"}}]"#);
    append_of_key(&vault, "name", name, &entry);
    rehash(&vault);
}

/// Appends an entry of the vault as a whole, such as `doctor --accept-clock`.
pub fn append(vault: &Connection, command: &str, change: &str) {
    let append = "INSERT INTO log
        SELECT max(sequence) + 1, unixepoch(), 0, 'root', NULL, 'vm', ?1, 0, '', ?2, zeroblob(32)
        FROM log";
    vault.execute(append, [command, change]).unwrap();
    rehash(vault);
}

/// Replaces a secret's digest by its hash, as schemas before the seventh stored it.
pub fn make_older(sandbox: &Sandbox, secret: &str) {
    let salt = Salt::new(&[7; 16]).unwrap();
    let params = Params::new(19_456, 2, 1, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password_with_salt(secret.as_bytes(), salt.as_ref());
    let vault = Connection::open(sandbox.vault()).unwrap();
    let change = "UPDATE secrets SET digest = NULL, hash = ?1 WHERE tail = ?2";
    let tail = &secret[secret.len() - 16..];
    let changed = vault.execute(change, [&hash.unwrap().to_string(), tail]);
    assert_eq!(changed.unwrap(), 1);
    reseal(&vault);
}

/// The columns covered by a secret's checksum, by name.
const COVERED: [&str; 6] = [
    "secrets.tail",
    "secrets.login",
    "secrets.hash",
    "secrets.created_at",
    "secrets.digest",
    "keys.created_at",
];

/// Updates the logged checksum of every secret.
pub fn reseal(vault: &Connection) {
    let query = format!(
        "SELECT key_id, retires_at IS NULL, salt, {} FROM secrets JOIN keys ON id = key_id
         WHERE salt IS NOT NULL",
        COVERED
            .map(|column| format!("CAST({column} AS BLOB)"))
            .join(", ")
    );
    let mut statement = vault.prepare(&query).unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut entries = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let mut parts: Vec<Vec<u8>> = vec![row.get(2).unwrap()];
        for (column, name) in (3..).zip(COVERED) {
            if let Some(value) = row.get::<_, Option<Vec<u8>>>(column).unwrap() {
                parts.extend([name.as_bytes().to_vec(), value]);
            }
        }
        let sum: String = digest(parts)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let field = match row.get(1).unwrap() {
            true => "checksum",
            false => "retiring_checksum",
        };
        let entry = format!(r#"[{{"field":"{field}","from":null,"to":"{sum}"}}]"#);
        entries.push((row.get::<_, i64>(0).unwrap(), entry));
    }
    for (id, entry) in entries {
        append_of_key(vault, "id", id, &entry);
    }
    rehash(vault);
}

/// Appends an entry to a key's log, without hashes.
fn append_of_key(vault: &Connection, column: &str, value: impl ToSql, entry: &str) {
    let append = format!(
        "INSERT INTO log
         SELECT (SELECT max(sequence) + 1 FROM log), unixepoch(), 0, 'root', NULL, 'vm', 'set',
                id, name, ?2, zeroblob(32) FROM keys WHERE {column} = ?1"
    );
    vault.execute(&append, params![value, entry]).unwrap();
}

/// Recomputes the hashes of all entries and the head.
pub fn rehash(vault: &Connection) {
    let entries: i64 = vault
        .query_row("SELECT count(*) FROM log", [], |row| row.get(0))
        .unwrap();
    let mut hash = vec![0; 32];
    for sequence in 1..=entries {
        hash = chained(vault, sequence, &hash);
        let update = "UPDATE log SET hash = ?2 WHERE sequence = ?1";
        vault.execute(update, params![sequence, hash]).unwrap();
    }
    let update = "UPDATE log_head SET sequence = ?1, hash = ?2";
    vault.execute(update, params![entries, hash]).unwrap();
}

/// The hash of an entry: SHA-256 of the previous one and all columns, each preceded by its length.
fn chained(vault: &Connection, sequence: i64, before: &[u8]) -> Vec<u8> {
    let query = "SELECT at, uid, user, sudo_user, host, command, key_id, key, change
                 FROM log WHERE sequence = ?1";
    let parts = vault.query_row(query, [sequence], |row| {
        let number = |at| row.get(at).map(|number: i64| number.to_le_bytes().to_vec());
        let text = |at| row.get(at).map(String::into_bytes);
        let sudo_user: Option<String> = row.get(3)?;
        Ok([
            before.to_vec(),
            sequence.to_le_bytes().to_vec(),
            number(0)?,
            row.get::<_, u32>(1)?.to_le_bytes().to_vec(),
            text(2)?,
            vec![u8::from(sudo_user.is_some())],
            sudo_user.unwrap_or_default().into_bytes(),
            text(4)?,
            text(5)?,
            number(6)?,
            text(7)?,
            text(8)?,
        ])
    });
    digest(parts.unwrap())
}

/// SHA-256 of all parts, each preceded by its length.
fn digest(parts: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    digest.finalize().to_vec()
}
