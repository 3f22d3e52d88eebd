//! Vaults that are damaged, foreign, or on a full disk.

mod chain;
mod facts;
mod foreign;
mod full;
mod heads;
mod sought;

use std::collections::BTreeSet;
use std::fs;

use rusqlite::Connection;

use crate::place::refused::WRITING;
use crate::sandbox::{Run, Sandbox};
use crate::secrecy::stock::{Chance, stock};
use crate::secrecy::watch::paths;

const PAGE: usize = 4096;

/// A vault of some hundred keys, of which each page is corrupted in turn.
struct Spoilt {
    sandbox: Sandbox,
    good: Vec<u8>,
    keys: BTreeSet<String>,
}

#[test]
fn nothing_is_written_to_a_vault_with_a_damaged_page() {
    let spoilt = Spoilt::new();
    let (mut refused, mut all) = (0, 0);
    for page in 0..spoilt.pages() {
        for bytes in [zeros(), garbage(page)] {
            let damaged = spoilt.with_page(page, &bytes);
            let args = WRITING[all % WRITING.len()];
            let run = Run::of(
                spoilt
                    .sandbox
                    .command(args.iter().copied())
                    .output()
                    .unwrap(),
            );
            let found = fs::read(spoilt.sandbox.vault()).unwrap();
            let is_untouched = found == damaged && paths(spoilt.sandbox.home()).len() == 4;
            assert!(
                run.status == 5 && is_untouched,
                "page {page}: {args:?} {run:?}"
            );
            assert!(
                run.stdout.is_empty() && !run.stderr.contains("a bug in postkey"),
                "page {page}: {run:?}"
            );
            refused += 1;
            all += 1;
        }
    }
    assert!(all > 50, "only {all} vaults");
    assert_eq!(refused, all);
}

#[test]
fn listing_a_damaged_vault_is_complete_or_reports_that_it_is_not() {
    let spoilt = Spoilt::new();
    for page in 0..spoilt.pages() {
        for bytes in [zeros(), garbage(page)] {
            spoilt.with_page(page, &bytes);
            let run = spoilt.sandbox.run(["list", "--format", "jsonl"]);
            let keys: BTreeSet<String> = run.stdout.lines().map(str::to_owned).collect();
            assert!(keys.is_subset(&spoilt.keys), "page {page}: {run:?}");
            match run.status {
                0 => assert_eq!(keys.len(), spoilt.keys.len(), "page {page}: {run:?}"),
                5 => assert!(run.stderr.contains("\"trouble\""), "page {page}: {run:?}"),
                _ => panic!("page {page}: {run:?}"),
            }
        }
    }
}

#[test]
fn a_damaged_page_hides_only_the_keys_on_it() {
    let spoilt = Spoilt::new();
    let leaves = spoilt.leaves();
    assert!(leaves.len() > 10);
    let mut hidden = Vec::new();
    for (table, page, keys) in leaves {
        spoilt.with_page(usize::from(page) - 1, &zeros());
        let run = spoilt.sandbox.run(["list", "--format", "jsonl"]).expect(5);
        let missing = spoilt.keys.len() - run.stdout.lines().count();
        if missing > usize::from(keys) {
            hidden.push(format!(
                "{table}: {missing} keys are hidden by a page with {keys}"
            ));
        }
    }
    assert!(hidden.is_empty(), "{hidden:#?}");
}

impl Spoilt {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        sandbox.generate(["api", "ci"]);
        sandbox.generate(["api", "idle", "--inactive"]);
        stock(&sandbox, 300);
        let list = sandbox.run(["list", "--format", "jsonl"]).expect(0).stdout;
        Self {
            good: fs::read(sandbox.vault()).unwrap(),
            keys: list.lines().map(str::to_owned).collect(),
            sandbox,
        }
    }

    fn pages(&self) -> usize {
        self.good.len() / PAGE
    }

    /// The pages with keys or secrets: their tables, offsets, and number.
    fn leaves(&self) -> Vec<(String, u16, u16)> {
        let vault = Connection::open(self.sandbox.vault()).unwrap();
        let query = "SELECT name, pageno, ncell FROM dbstat WHERE name IN ('keys', 'secrets') AND pagetype = 'leaf'";
        let mut statement = vault.prepare(query).unwrap();
        let leaf = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let leaves = statement.query_map([], leaf).unwrap();
        leaves.map(Result::unwrap).collect()
    }

    /// Writes the vault with one page replaced.
    fn with_page(&self, page: usize, bytes: &[u8]) -> Vec<u8> {
        let mut damaged = self.good.clone();
        damaged[page * PAGE..][..PAGE].copy_from_slice(bytes);
        fs::write(self.sandbox.vault(), &damaged).unwrap();
        damaged
    }
}

fn zeros() -> Vec<u8> {
    vec![0; PAGE]
}

fn garbage(seed: usize) -> Vec<u8> {
    let mut chance = Chance(seed as u64);
    (0..PAGE).map(|_| chance.below(256) as u8).collect()
}
