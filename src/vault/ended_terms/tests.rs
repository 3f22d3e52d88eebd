//! Which ends are recorded.

use std::time::Duration;

use tempfile::TempDir;

use crate::vault::ended_terms::*;
use crate::vault::log::Actor;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn author(second: i64) -> Author {
    Author {
        actor: Actor {
            uid: 0,
            user: "root".to_owned(),
            sudoer: None,
            host: "vm".to_owned(),
        },
        action: Action::Expire,
        clock: at(second),
        dead_retention_start: Timestamp::MIN,
    }
}

/// A vault with API keys and their expiries.
fn vault(keys: &[(&str, i64)]) -> (TempDir, Vault) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("vault/v.db");
    let vault = Vault::open_or_create(&path, Duration::ZERO).expect("a vault");
    for (id, (name, end)) in (0..).zip(keys) {
        let id: i64 = id;
        let key = "INSERT INTO keys (id, name, kind, status, permission, created_at, expires_at)
                   VALUES (?1, ?2, 'api', 'active', 'full', 0, ?3)";
        let added = vault.store.execute(key, params![id, name, end]);
        added.expect("a key");
        let secret = "INSERT INTO secrets (key_id, tail, hash, created_at)
                      VALUES (?1, ?2, '$argon2id$', 0)";
        let tail = format!("{id:016}");
        let added = vault.store.execute(secret, params![id, tail]);
        added.expect("a secret");
    }
    (folder, vault)
}

fn recorded_ends(vault: &Vault) -> Vec<String> {
    let query = "SELECT name FROM keys WHERE expired_at IS NOT NULL ORDER BY name";
    vault
        .store
        .all(query, &[], |row| row.get(0))
        .expect("names")
}

#[test]
fn an_unreadable_key_is_not_retried_forever() {
    let (_folder, mut vault) = vault(&[("a", 50), ("b", 60), ("later", 200)]);
    let damage = "UPDATE keys SET permission = 'not one' WHERE name = 'b'";
    vault.store.execute(damage, &[]).expect("damage");
    assert!(vault.note_ends(&author(100)).expect("noted"));
    assert_eq!(recorded_ends(&vault), ["a"]);
    assert_eq!(vault.next_end(at(100)).expect("the next"), Some(at(200)));
    // Nothing is left to write: the lock is not even taken.
    let lock = rusqlite::Connection::open(&vault.path).expect("a vault");
    lock.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    assert!(vault.note_ends(&author(100)).expect("nothing to note"));
    assert!(matches!(vault.note_ends(&author(200)), Err(Error::Busy)));
}

#[test]
fn no_secret_replaces_one_that_retired_early() {
    let (_folder, mut vault) = vault(&[("a", 900)]);
    let old = "INSERT INTO secrets (key_id, tail, hash, created_at, retires_at, retired_at)
               VALUES (0, 'oldoldoldoldold1', '$argon2id$', 0, 100, 50)";
    vault.store.execute(old, &[]).expect("an old secret");
    let name: KeyName = "a".parse().expect("a name");
    let found = vault.find(&name).expect("the key");
    for (second, is_early) in [(99, true), (100, false)] {
        let new = "newnewnewnewnew1".parse().expect("a tail");
        let after = found
            .key
            .rotated(new, "1h".parse().expect("a span"), at(second));
        let rotated = vault.change(&author(second), |change| {
            change.rotate(&found, &after, None)
        });
        match rotated {
            Err(Error::RetiredEarly(of)) => assert!(is_early && of == name),
            // Nothing was staged, which comes later.
            other => assert!(matches!(other, Err(Error::PendingExpired)) && !is_early),
        }
    }
}

#[test]
fn ends_seen_by_a_wrong_clock_are_recorded_and_no_others() {
    let (_folder, mut vault) = vault(&[("a", 50), ("b", 60), ("c", 70)]);
    let seen = |id: i64, end: i64, second: i64| ObservedEnd {
        tail: format!("{id:016}").parse().expect("a tail"),
        expires_at: Some(at(end)),
        retires_at: None,
        at: at(second),
    };
    // The last one has been extended since.
    let all = [seen(0, 50, 100), seen(2, 69, 100)];
    let head = vault.head().expect("a head");
    vault
        .note_seen(&author(10), all.iter(), head)
        .expect("noted");
    assert_eq!(recorded_ends(&vault), ["a"]);
    let head = vault.head().expect("a head");
    let operator = Author {
        action: Action::Doctor,
        ..author(10)
    };
    let told = vault.ended_early(at(10)).expect("what has ended ahead");
    vault.accept_clock(&[], &operator).expect("accepted");
    assert_eq!(
        recorded_ends(&vault),
        ["a"],
        "the operator was not told of it"
    );
    vault.accept_clock(&told, &operator).expect("accepted");
    assert!(recorded_ends(&vault).is_empty());
    vault
        .note_seen(&author(10), all.iter(), head)
        .expect("not noted");
    assert!(
        recorded_ends(&vault).is_empty(),
        "it was seen before the clock was accepted"
    );
    let head = vault.head().expect("a head");
    vault
        .note_seen(&author(10), all.iter(), head)
        .expect("noted");
    assert_eq!(recorded_ends(&vault), ["a"]);
}
