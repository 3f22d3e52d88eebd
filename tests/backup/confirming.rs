//! A restore asks for confirmation, and does nothing without it.

use std::fs;

use crate::prompts::terminal::Terminal;
use crate::sandbox::{Run, Sandbox};

const NAME: &str = "Type its name to confirm";

fn with_a_deleted_key() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    sandbox.backup("copy.db");
    sandbox.run(["delete", "--yes", "ci"]).expect(0);
    (sandbox, secret)
}

#[test]
fn without_a_terminal_the_required_flag_is_named() {
    let (sandbox, _) = with_a_deleted_key();
    let before = fs::read(sandbox.vault()).unwrap();
    for (args, hint) in [
        (&["restore", "copy.db"][..], "--confirm ci"),
        (&["restore", "--yes", "copy.db"], "--keep-inactive"),
        (
            &["restore", "--confirm", "other", "copy.db"],
            "--confirm ci",
        ),
        (&["restore", "--keep-inactive", "copy.db"], "--yes"),
    ] {
        let run = Run::of(sandbox.command(args.iter().copied()).output().unwrap());
        let run = run.expect(2);
        assert!(run.stderr.contains(hint), "{args:?}: {run:?}");
        assert!(run.stderr.contains("there is no terminal"), "{run:?}");
    }
    assert_eq!(fs::read(sandbox.vault()).unwrap(), before);
}

#[test]
fn declining_or_a_wrong_name_changes_nothing() {
    let (sandbox, _) = with_a_deleted_key();
    let before = fs::read(sandbox.vault()).unwrap();
    for keys in ["\r", "\x04", "y\r", "yes\r", "other\r"] {
        let mut terminal = sandbox.on_terminal(["restore", "copy.db"]);
        terminal.expect(NAME).press(keys);
        assert_eq!(terminal.end(), 1, "{keys:?}: {}", terminal.shown());
        assert!(terminal.shown().contains("nothing was restored"));
        terminal.expect_restored();
    }
    for keys in ["\r", "\x04", "n\r"] {
        let mut terminal = sandbox.on_terminal(["restore", "--keep-inactive", "copy.db"]);
        terminal.expect("Restore? [y/N]").press(keys);
        assert_eq!(terminal.end(), 1, "{keys:?}: {}", terminal.shown());
    }
    assert_eq!(fs::read(sandbox.vault()).unwrap(), before);
}

#[test]
fn the_typed_name_restores() {
    let (sandbox, secret) = with_a_deleted_key();
    let mut terminal = sandbox.on_terminal(["restore", "--yes", "copy.db"]);
    terminal
        .expect("BECOMES VALID AGAIN")
        .expect(NAME)
        .press("CI\r");
    assert_eq!(terminal.end(), 0, "{}", terminal.shown());
    assert_eq!(sandbox.verify(&secret).1, 0);
}

#[test]
fn changes_during_a_prompt_are_not_undone() {
    let (sandbox, secret) = with_a_deleted_key();
    let mut terminal = Terminal::start(&sandbox.command(["restore", "copy.db"]));
    terminal.expect(NAME);
    let new = sandbox.generate(["api", "meanwhile"]);
    terminal.press("ci\r");
    assert_eq!(terminal.end(), 5, "{}", terminal.shown());
    assert!(terminal.shown().contains("changed by another process"));
    assert_eq!((sandbox.verify(&new).1, sandbox.verify(&secret).1), (0, 1));
    let folder = fs::read_dir(sandbox.vault().parent().unwrap()).unwrap();
    let names: Vec<_> = folder.map(|entry| entry.unwrap().file_name()).collect();
    let is_copy = |name: &std::ffi::OsString| name.to_str().unwrap().contains("before-restore");
    assert!(!names.iter().any(is_copy), "{names:?}");
}

/// A backup of a key that is being rotated, and its two secrets.
fn with_an_open_rotation() -> (Sandbox, [String; 2]) {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    let new = sandbox.run(["rotate", "ci"]).expect(0).secret();
    sandbox.backup("copy.db");
    (sandbox, [old, new])
}

#[test]
fn restoring_a_rotation_requires_typing_a_name_or_keeps_the_key_inactive() {
    for stop in [
        &["delete", "--yes", "ci"][..],
        &["deactivate", "ci"],
        &["regenerate", "--yes", "ci"],
        &["rotate", "--finish", "--yes", "ci"],
        &["rotate", "--abort", "--yes", "ci"],
    ] {
        let (sandbox, secrets) = with_an_open_rotation();
        Run::of(sandbox.command(stop.iter().copied()).output().unwrap()).expect(0);
        let refused = sandbox.run(["restore", "--yes", "copy.db"]).expect(2);
        assert!(
            refused.stderr.contains("--confirm ci"),
            "{stop:?}: {refused:?}"
        );
        assert!(
            refused.stdout.contains("BECOMES VALID"),
            "{stop:?}: {refused:?}"
        );
        sandbox
            .run(["restore", "--yes", "--keep-inactive", "copy.db"])
            .expect(0);
        for secret in &secrets {
            assert_eq!(sandbox.verify(secret).1, 1);
        }
        sandbox.run(["activate", "ci"]).expect(0);
        for secret in &secrets {
            assert_eq!(sandbox.verify(secret).1, 0);
        }
    }
}

#[test]
fn a_restore_during_a_rotation_revives_nothing() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    sandbox.backup("copy.db");
    let new = sandbox.run(["rotate", "ci"]).expect(0).secret();
    let run = sandbox.run(["restore", "--yes", "copy.db"]).expect(0);
    assert!(!run.stdout.contains("BECOMES VALID"), "{run:?}");
    assert_eq!(sandbox.verify(&old).1, 0);
    assert_eq!(sandbox.verify(&new).1, 1);
}
