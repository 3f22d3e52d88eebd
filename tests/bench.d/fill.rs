//! Fills a vault with API keys and prints their secrets, one per line.
//!
//!     fill VAULT good|wrong|smtp COUNT
//!
//! Those of `wrong` only have the tails of the keys' secrets. With `smtp` they are SMTP keys of one
//! login, and it is printed with the tail of each, as Dovecot tells it to Postfix.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::fmt::Write;

use rand::TryRng;
use rand::rngs::SysRng;
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [vault, which, count] = arguments.as_slice() else {
        panic!("fill VAULT good|wrong|smtp COUNT");
    };
    let mut vault = Connection::open(vault).unwrap();
    let change = vault.transaction().unwrap();
    for _ in 0..count.parse().unwrap() {
        let secret = secret();
        let tail = &secret[secret.len() - 16..];
        let key = match which.as_str() {
            "smtp" => {
                "INSERT INTO keys (name, kind, status, username, senders, networks,
                   recipient_limit, created_at)
                 VALUES (?1, 'smtp', 'active', 'ops@example.com', 'example.com',
                   '10.0.0.0/8,127.0.0.0/8', '100000000/day', 1700000000)"
            }
            _ => {
                "INSERT INTO keys (name, kind, status, permission, request_limit, created_at)
                 VALUES (?1, 'api', 'active', 'full', '100000000/day', 1700000000)"
            }
        };
        change.execute(key, [tail]).unwrap();
        let current = "INSERT INTO secrets (key_id, tail, digest, created_at)
                       VALUES (last_insert_rowid(), ?1, ?2, 1700000000)";
        let digest: [u8; 32] = match which.as_str() {
            "good" | "smtp" => Sha256::digest(&secret).into(),
            _ => random(),
        };
        change.execute(current, params![tail, digest]).unwrap();
        match which.as_str() {
            "smtp" => println!("ops@example.com/{tail}"),
            _ => println!("{secret}"),
        }
    }
    change.commit().unwrap();
}

fn secret() -> String {
    let mut text = String::from("xkeypost-");
    for byte in random::<32>() {
        write!(text, "{byte:02x}").unwrap();
    }
    text.push('-');
    let digits = random::<10>().map(|byte| char::from(BASE62[usize::from(byte) % 62]));
    text.extend(digits);
    let mut checksum = crc32fast::hash(text.as_bytes());
    let mut ending = [0; 6];
    for digit in ending.iter_mut().rev() {
        *digit = BASE62[checksum as usize % 62];
        checksum /= 62;
    }
    text + std::str::from_utf8(&ending).unwrap()
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).unwrap();
    bytes
}
