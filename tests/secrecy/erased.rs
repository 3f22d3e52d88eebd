//! Nothing is left of a secret's hash after its removal.

use std::collections::HashSet;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

use rusqlite::Connection;

use super::PART;
use super::stock::{Chance, stock};
use super::watch::run_with_input;
use crate::sandbox::{Run, Sandbox};

#[test]
fn hashes_of_deleted_and_regenerated_keys_are_erased() {
    let sandbox = Sandbox::new();
    sandbox.generate(["smtp", "ci"]);
    for args in [["regenerate", "--yes", "ci"], ["delete", "--yes", "ci"]] {
        let old = hashes(&sandbox);
        assert_eq!(remains(&sandbox, &old), 1);
        sandbox.run(args).expect(0);
        assert_eq!(remains(&sandbox, &old), 0, "{args:?}");
    }
}

#[test]
fn hashes_of_rotated_secrets_are_erased() {
    for (args, is_over) in [
        (&["rotate", "--finish", "--yes", "ci"][..], false),
        (&["rotate", "--abort", "--yes", "ci"], false),
        (&["regenerate", "--yes", "ci"], false),
        (&["delete", "--yes", "ci"], false),
        (&["rotate", "--finish", "--yes", "ci"], true),
        (&["regenerate", "--yes", "ci"], true),
        (&["delete", "--yes", "ci"], true),
    ] {
        let sandbox = Sandbox::new();
        sandbox.generate(["smtp", "other"]);
        sandbox.generate(["smtp", "ci"]);
        let grace = if is_over { "1s" } else { "1h" };
        sandbox.run(["rotate", "ci", "--grace", grace]).expect(0);
        let before = hashes(&sandbox);
        assert_eq!(before.len(), 3);
        if is_over {
            sleep(Duration::from_millis(1100));
        }
        Run::of(sandbox.command(args.iter().copied()).output().unwrap()).expect(0);
        let after = hashes(&sandbox);
        let gone: Vec<_> = before
            .into_iter()
            .filter(|hash| !after.contains(hash))
            .collect();
        let stopped = if args[0] == "rotate" { 1 } else { 2 };
        assert_eq!(gone.len(), stopped, "{args:?}");
        assert_eq!(remains(&sandbox, &gone), 0, "{args:?}");
    }
}

#[test]
fn no_hash_of_removed_keys_is_left_in_the_file() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "first"]);
    let mut stock = stock(&sandbox, 400);
    let mut chance = Chance(7);
    let mut removed = Vec::new();
    for _ in 0..12 {
        let batch: Vec<_> = (0..25)
            .map(|_| stock.swap_remove(chance.below(stock.len())))
            .collect();
        let names: Vec<&str> = batch.iter().map(|(name, _)| name.as_str()).collect();
        run_with_input(&sandbox, &["delete", "--yes", "-"], &names.join("\n")).expect(0);
        removed.extend(batch.into_iter().map(|(_, hash)| hash));
        for _ in 0..2 {
            let (name, hash) = stock.swap_remove(chance.below(stock.len()));
            sandbox.run(["regenerate", "--yes", &name]).expect(0);
            removed.push(hash);
        }
    }
    assert_eq!(removed.len(), 324);
    let left = remains(&sandbox, &removed);
    assert_eq!(left, 0, "of {} hashes parts are left", removed.len());
    assert_eq!(
        remains(
            &sandbox,
            &stock.into_iter().map(|(_, hash)| hash).collect::<Vec<_>>()
        ),
        76
    );
}

/// The hash parts of the PHC strings in the vault.
fn hashes(sandbox: &Sandbox) -> Vec<String> {
    let vault = Connection::open(sandbox.vault()).unwrap();
    let mut statement = vault.prepare("SELECT hash FROM secrets").unwrap();
    let rows = statement
        .query_map([], |row| row.get::<_, String>(0))
        .unwrap();
    rows.map(|phc| phc.unwrap().rsplit('$').next().unwrap().to_owned())
        .collect()
}

/// How many hashes have consecutive characters in the vault's file.
fn remains(sandbox: &Sandbox, hashes: &[String]) -> usize {
    let bytes = fs::read(sandbox.vault()).unwrap();
    let found: HashSet<&[u8]> = bytes.windows(PART).collect();
    let is_left = |hash: &&String| {
        hash.as_bytes()
            .windows(PART)
            .any(|part| found.contains(part))
    };
    hashes.iter().filter(is_left).count()
}
