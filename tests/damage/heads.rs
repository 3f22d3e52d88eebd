//! Log heads saved outside of the vault: they detect even a rewritten log.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use rusqlite::Connection;

use super::chain::told;
use crate::ledger::rehash;
use crate::sandbox::{Run, Sandbox};

impl Sandbox {
    fn save_head(&self) -> Run {
        self.run(["log", "verify", "--save-head", "head"])
    }

    fn check_head(&self) -> Run {
        self.run(["log", "verify", "--head", "head", "--format", "json"])
    }
}

#[test]
fn a_log_that_continues_its_saved_head_is_valid() {
    let sandbox = told();
    let run = sandbox.save_head().expect(0);
    assert!(
        run.stdout.starts_with("the log is valid: 8 entries"),
        "{run:?}"
    );
    sandbox.check_head().expect(0);
    sandbox.generate(["api", "more"]);
    let run = sandbox.check_head().expect(0);
    assert_eq!(run.json()["holds"], true);
    assert_eq!(run.json()["entries"], 9);
}

#[test]
fn a_rewritten_log_is_detected_by_a_saved_head_only() {
    for forgery in [
        "UPDATE log SET user = 'somebody' WHERE sequence = 8",
        "UPDATE log SET at = at - 1 WHERE sequence = 1",
        "DELETE FROM log WHERE sequence = 4; UPDATE log SET sequence = sequence - 1 WHERE sequence > 4",
        "DELETE FROM log WHERE sequence > 5",
        "DELETE FROM log WHERE sequence = 8",
    ] {
        let sandbox = told();
        sandbox.save_head().expect(0);
        rewrite(&sandbox, forgery);
        sandbox.run(["log", "verify"]).expect(0);
        let run = sandbox.check_head().expect(1);
        assert_eq!(run.json()["holds"], false, "{forgery}");
        // Later entries do not hide it.
        sandbox.generate(["api", "more"]);
        sandbox.generate(["api", "and-more"]);
        sandbox.generate(["api", "and-yet-more"]);
        sandbox.check_head().expect(1);
        sandbox.run(["log", "verify"]).expect(0);
    }
}

#[test]
fn a_saved_head_is_kept_if_the_log_does_not_continue_it() {
    let sandbox = told();
    sandbox.save_head().expect(0);
    let saved = fs::read(sandbox.home().join("head")).unwrap();
    rewrite(&sandbox, "UPDATE log SET user = 'x' WHERE sequence = 3");
    sandbox.generate(["api", "more"]);
    sandbox.save_head().expect(1);
    assert_eq!(fs::read(sandbox.home().join("head")).unwrap(), saved);
    let elsewhere = ["log", "verify", "--save-head", "elsewhere"];
    sandbox.run(elsewhere).expect(0);
    sandbox.generate(["api", "and-more"]);
    sandbox.run(elsewhere).expect(0);
}

#[test]
fn a_saved_head_is_replaced_only_if_the_log_continues_it() {
    let sandbox = told();
    let older = ["log", "verify", "--save-head", "older"];
    sandbox.run(older).expect(0);
    sandbox.generate(["api", "more"]);
    sandbox.save_head().expect(0);
    let saved = fs::read(sandbox.home().join("head")).unwrap();
    let both = ["log", "verify", "--head", "older", "--save-head", "head"];
    sandbox.run(both).expect(0);
    rewrite(&sandbox, "UPDATE log SET user = 'x' WHERE sequence = 9");
    sandbox.run(["log", "verify", "--head", "older"]).expect(0);
    sandbox.run(both).expect(1);
    assert_eq!(fs::read(sandbox.home().join("head")).unwrap(), saved);
    // The last one given is checked, too.
    let turned = ["log", "verify", "--head", "head", "--save-head", "older"];
    sandbox.run(turned).expect(1);
}

#[test]
fn a_vault_replaced_by_an_older_copy_is_detected() {
    let sandbox = told();
    let copy = fs::read(sandbox.vault()).unwrap();
    sandbox.generate(["api", "lost"]);
    sandbox.save_head().expect(0);
    fs::write(sandbox.vault(), copy).unwrap();
    let run = sandbox.check_head().expect(1).json();
    assert_eq!(run["broken_at"], 9);
    assert!(
        run["reason"].as_str().unwrap().contains("was longer"),
        "{run}"
    );
    sandbox.generate(["api", "other"]);
    let run = sandbox.check_head().expect(1).json();
    assert_eq!(run["broken_at"], 9);
    assert!(
        run["reason"].as_str().unwrap().contains("older copy"),
        "{run}"
    );
}

#[test]
fn another_vaults_head_is_rejected() {
    let (sandbox, other) = (told(), told());
    other.save_head().expect(0);
    fs::copy(other.home().join("head"), sandbox.home().join("head")).unwrap();
    sandbox.check_head().expect(1);
}

#[test]
fn a_saved_head_is_three_lines_in_a_private_file() {
    let sandbox = told();
    let path = sandbox.home().join("head");
    sandbox.save_head().expect(0);
    let mode = |path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    sandbox.save_head().expect(0);
    let text = fs::read_to_string(&path).unwrap();
    let chain = sandbox.run(["log", "verify", "--format", "json"]).json();
    let hash = chain["head"].as_str().unwrap();
    assert_eq!(
        text,
        format!("postkey log head, version 1\nsequence 8\nhash {hash}\n")
    );
    assert_eq!(mode(&path), 0o600);
    let left = fs::read_dir(sandbox.home()).unwrap().count();
    assert_eq!(left, 2, "a temporary file was left");
}

#[test]
fn only_the_head_of_a_valid_log_is_saved_and_never_through_a_link() {
    let sandbox = told();
    sandbox.save_head().expect(0);
    let saved = fs::read(sandbox.home().join("head")).unwrap();
    rewrite(
        &sandbox,
        "UPDATE log SET host = 'elsewhere' WHERE sequence = 2",
    );
    sandbox
        .run(["log", "verify", "--head", "head", "--save-head", "head"])
        .expect(1);
    assert_eq!(fs::read(sandbox.home().join("head")).unwrap(), saved);
    symlink("head", sandbox.home().join("link")).unwrap();
    for place in ["link", "/dev/null", "missing/head", "."] {
        let run = sandbox
            .run(["log", "verify", "--save-head", place])
            .expect(5);
        assert!(run.stderr.contains(place), "{run:?}");
    }
    assert_eq!(fs::read(sandbox.home().join("head")).unwrap(), saved);
}

#[test]
fn invalid_saved_heads_are_refused() {
    let sandbox = told();
    sandbox.save_head().expect(0);
    let path = sandbox.home().join("head");
    let good = fs::read_to_string(&path).unwrap();
    for bad in [
        String::new(),
        good.replace("version 1", "version 2"),
        good.replace("sequence 8", "sequence 0"),
        good.replace("sequence 8", "sequence -8"),
        good.replace("sequence 8", "sequence 99999999999999999999"),
        good.replace("hash ", "hash F"),
        good[..good.len() - 2].to_owned(),
        good.clone() + "more\n",
        "x".repeat(100_000),
    ] {
        fs::write(&path, &bad).unwrap();
        let run = sandbox.check_head().expect(5);
        assert_eq!(run.stdout, "", "{bad:.80}");
    }
    fs::remove_file(&path).unwrap();
    sandbox.check_head().expect(5);
    Sandbox::new()
        .run(["log", "verify", "--save-head", "head"])
        .expect(5);
}

/// Alters the log by hand and recomputes the hashes of all entries and the head.
fn rewrite(sandbox: &Sandbox, forgery: &str) {
    let vault = Connection::open(sandbox.vault()).unwrap();
    vault.execute_batch(forgery).unwrap();
    rehash(&vault);
}
