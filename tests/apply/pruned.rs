//! Keys that the manifest does not name.

use std::fs;

use super::{THREE, each};
use crate::sandbox::Sandbox;

fn with_two_more() -> (Sandbox, String) {
    let sandbox = Sandbox::with_manifest(THREE);
    sandbox.apply(&[]).expect(0);
    let stray = sandbox.generate(["api", "Stray"]);
    sandbox.generate(["smtp", "a-stopped-one", "--inactive"]);
    (sandbox, stray)
}

#[test]
fn they_stay_unless_they_are_to_go() {
    let (sandbox, stray) = with_two_more();
    sandbox.apply(&["--yes"]).expect(0);
    assert_eq!(sandbox.verify(&stray).1, 0);
    let rows = sandbox.rows(&["--prune", "--dry-run"], 1);
    let actions = ["keep", "keep", "keep", "delete", "delete"];
    assert_eq!(each(&rows, "action"), actions);
    assert_eq!(each(&rows, "name")[3..], ["a-stopped-one", "Stray"]);
    assert!(rows[4]["last_used_at"].is_string() && rows[3]["last_used_at"].is_null());
    assert_eq!(sandbox.how_many(), 5);
    let rows = sandbox.rows(&["--prune", "--yes"], 0);
    assert_eq!(
        each(&rows, "outcome"),
        ["kept", "kept", "kept", "done", "done"]
    );
    assert_eq!(sandbox.how_many(), 3);
    assert_eq!(sandbox.verify(&stray), ("deleted".to_owned(), 1));
    sandbox.apply(&["--prune"]).expect(0);
}

#[test]
fn a_manifest_without_keys_deletes_none() {
    let (sandbox, stray) = with_two_more();
    for text in ["", "[smtp]\nhost = \"mail.example.com\"\n"] {
        sandbox.manifest(text);
        let run = sandbox.apply(&["--prune", "--yes"]).expect(2);
        assert!(run.stderr.contains("names no key"), "{run:?}");
    }
    assert_eq!(sandbox.verify(&stray).1, 0);
    assert_eq!(sandbox.how_many(), 5);
}

#[test]
fn without_a_terminal_the_required_flag_is_named_and_nothing_done() {
    let (sandbox, _) = with_two_more();
    sandbox
        .run(["set", "reports", "--permission", "full"])
        .expect(0);
    let before = fs::read(sandbox.vault()).unwrap();
    for args in [&["--prune"][..], &["--prune", "--no-input"]] {
        let run = sandbox.apply(args).expect(2);
        assert!(
            run.stderr.contains("deleting 2 keys requires confirmation"),
            "{run:?}"
        );
        assert!(run.stderr.contains("pass --yes"), "{run:?}");
    }
    assert_eq!(fs::read(sandbox.vault()).unwrap(), before);
}

#[test]
fn an_active_key_requires_typing_its_name() {
    let (sandbox, stray) = with_two_more();
    sandbox
        .run(["set", "reports", "--permission", "full"])
        .expect(0);
    let before = fs::read(sandbox.vault()).unwrap();
    let question = "Type the name of one of the keys";
    for keys in ["\r", "\x04", "y\r", "reports\r"] {
        let mut terminal = sandbox.on_terminal(["apply", "keys.toml", "--prune"]);
        terminal
            .expect("- delete")
            .expect("no recorded use")
            .expect(question);
        terminal.press(keys);
        assert_eq!(terminal.end(), 1, "{keys:?}: {}", terminal.shown());
        assert!(
            terminal.shown().contains("nothing was done"),
            "{}",
            terminal.shown()
        );
    }
    assert_eq!(fs::read(sandbox.vault()).unwrap(), before);
    let mut terminal = sandbox.on_terminal(["apply", "keys.toml", "--prune"]);
    terminal.expect(question).press("stray\r");
    assert_eq!(terminal.end(), 0, "{}", terminal.shown());
    assert_eq!(sandbox.how_many(), 3);
    assert_eq!(sandbox.verify(&stray).1, 1);
}

#[test]
fn an_inactive_key_requires_a_yes() {
    let (sandbox, _) = with_two_more();
    sandbox.run(["delete", "--yes", "stray"]).expect(0);
    let mut terminal = sandbox.on_terminal(["apply", "keys.toml", "--prune"]);
    terminal.expect("Delete 1 key? [y/N]").press("n\r");
    assert_eq!(terminal.end(), 1);
    assert_eq!(sandbox.how_many(), 4);
    let mut terminal = sandbox.on_terminal(["apply", "keys.toml", "--prune"]);
    terminal.expect("Delete 1 key? [y/N]").press("y\r");
    assert_eq!(terminal.end(), 0);
    assert_eq!(sandbox.how_many(), 3);
}

#[test]
fn nothing_is_deleted_if_a_creation_failed() {
    let (sandbox, stray) = with_two_more();
    sandbox.run(["delete", "--yes", "deploy"]).expect(0);
    sandbox.manifest(&THREE.replace("cat >deploy.secret", "false"));
    let rows = sandbox.rows(&["--prune", "--yes"], 6);
    assert_eq!(
        each(&rows, "outcome"),
        ["kept", "kept", "failed", "left", "left"]
    );
    assert_eq!(sandbox.verify(&stray).1, 0);
}

#[test]
fn a_long_run_shows_how_far_it_is_on_a_terminal_only() {
    let slow = THREE.replace("cat >deploy.secret", "sleep 1.2; cat >deploy.secret");
    let last = "[[key]]\nname = \"last\"\nkind = \"api\"\nsave = { file = \"last\" }\n";
    let manifest = format!("{slow}{last}");
    let sandbox = Sandbox::with_manifest(&manifest);
    let mut terminal = sandbox.on_terminal(["apply", "keys.toml"]);
    terminal.expect("created `deploy`").expect("3 of 4");
    assert_eq!(terminal.end(), 0, "{}", terminal.shown());
    terminal.expect_restored();
    let sandbox = Sandbox::with_manifest(&manifest);
    let run = sandbox.apply(&[]).expect(0);
    assert!(
        !run.stderr.contains(" of 4") && !run.stderr.contains('\x1b'),
        "{run:?}"
    );
}
