//! `revoke` deactivates first, and then does what may fail.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use super::found::rotate;
use crate::prompts::terminal::{Terminal, until};
use crate::sandbox::{Run, SECRET, Sandbox};

#[test]
fn a_named_key_is_revoked_without_confirmation() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let run = sandbox.run(["revoke", "ci"]).expect(0);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("`ci` is now inactive"), "{run:?}");
    assert!(
        run.stderr.contains("`postkey revoke --replace ci`"),
        "{run:?}"
    );
    assert_eq!(sandbox.verify(&secret).0, "inactive");
    let log = sandbox.run(["log", "ci", "--format", "jsonl"]).stdout;
    assert!(
        log.lines()
            .last()
            .unwrap()
            .contains("\"command\":\"revoke\""),
        "{log}"
    );
    let again = sandbox.run(["revoke", "ci"]).expect(0);
    assert!(again.stderr.contains("is already inactive"), "{again:?}");
    assert_eq!(sandbox.run(["log", "--format", "jsonl"]).stdout, log);
    sandbox.run(["revoke", "missing"]).expect(3);
}

#[test]
fn the_keys_of_all_secrets_in_a_text_are_revoked() {
    let sandbox = Sandbox::with_three_keys();
    let web = sandbox.run(["regenerate", "--yes", "prod-web"]).secret();
    let mail = sandbox.run(["regenerate", "--yes", "prod-mail"]).secret();
    let text = format!(
        "KEY=\"{web}\"\nbroken {}\npassword: {mail} {web}\n",
        &mail[..50]
    );
    let run = sandbox.run_with_input(["revoke", "--format", "json"], text.as_bytes());
    let keys = run.expect(0).json();
    let names = keys.as_array().unwrap().iter().map(|key| &key["name"]);
    assert_eq!(names.collect::<Vec<_>>(), ["prod-web", "prod-mail"]);
    assert_eq!(sandbox.verify(&web).0, "inactive");
    assert_eq!(sandbox.verify(&mail).0, "inactive");
    assert_eq!(sandbox.show("dev")["status"], "active");
}

#[test]
fn a_key_is_revoked_before_the_input_ends() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let mut command = sandbox.command(["revoke"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "leaked: {secret}").unwrap();
    let is_stopped = || sandbox.verify(&secret).0 == "inactive";
    assert!(until(Duration::from_secs(20), is_stopped));
    // Nobody else has to wait meanwhile.
    sandbox
        .run(["describe", "ci", "leaked", "--wait", "1s"])
        .expect(0);
    drop(stdin);
    Run::of(child.wait_with_output().unwrap()).expect(0);
}

#[test]
fn a_replacement_is_the_only_valid_secret_and_activates_the_key() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["smtp", "mail"]);
    let new = sandbox
        .run(["revoke", "--replace", "mail"])
        .expect(0)
        .secret();
    assert_eq!(sandbox.verify(&old).0, "revoked");
    assert_eq!(sandbox.verify(&new).0, "accepted");
    sandbox.run(["log", "verify"]).expect(0);
    let run = sandbox.run_with_input(
        ["revoke", "--replace", "--yes", "--format", "json"],
        format!("x{new}x").as_bytes(),
    );
    let issued = run.expect(0).json();
    assert_eq!(
        (&issued["name"], &issued["status"]),
        (&"mail".into(), &"active".into())
    );
    assert_eq!(sandbox.verify(&new).0, "revoked");
    assert_eq!(
        sandbox.verify(issued["secret"].as_str().unwrap()).0,
        "accepted"
    );
}

#[test]
fn a_replacement_ends_both_secrets_of_a_rotation() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    sandbox.run(["rotate", "ci"]).expect(0);
    assert_eq!(sandbox.verify(&old).0, "accepted");
    sandbox.run_with_input(["revoke"], old.as_bytes()).expect(0);
    assert_eq!(sandbox.verify(&old).0, "inactive");
    let new = sandbox
        .run(["revoke", "--replace", "ci"])
        .expect(0)
        .secret();
    assert_eq!(sandbox.verify(&old).0, "revoked");
    assert_eq!(sandbox.verify(&new).0, "accepted");
    let vault = rusqlite::Connection::open(sandbox.vault()).unwrap();
    let count = vault.query_row("SELECT count(*) FROM secrets", [], |row| {
        row.get::<_, i64>(0)
    });
    assert_eq!(count.unwrap(), 1);
}

#[test]
fn an_obsolete_secret_revokes_nothing() {
    let sandbox = Sandbox::new();
    let former = sandbox.generate(["api", "ci"]);
    let retired = sandbox.run(["regenerate", "--yes", "ci"]).secret();
    rotate(&sandbox, 1_000_000_000);
    let elsewhere = Sandbox::new().generate(["api", "ci"]);
    for (text, says) in [
        (&retired[..], "old one of `ci`"),
        (&former, "old one of `ci`"),
        (&elsewhere, "not belong to this vault"),
        (&former[..50], "found 1 invalid secret"),
        ("nothing", "nothing was revoked"),
    ] {
        let run = sandbox.run_with_input(["revoke", "--replace"], text.as_bytes());
        let run = run.expect(1);
        assert!(
            run.stdout.is_empty() && run.stderr.contains(says),
            "{run:?}"
        );
        assert!(run.stderr.contains("nothing was revoked"), "{run:?}");
    }
    assert_eq!(sandbox.show("ci")["status"], "active");
    sandbox.run(["revoke", "ci"]).expect(0);
    assert_eq!(sandbox.show("ci")["status"], "inactive");
}

#[test]
fn an_undelivered_replacement_leaves_the_key_inactive() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let mut command = sandbox.command(["revoke", "--replace", "--report", "in.md", "ci"]);
    let run = Run::of(command.stdout(Stdio::null()).output().unwrap()).expect(6);
    assert!(run.stderr.contains("`ci` stays revoked"), "{run:?}");
    assert_eq!(sandbox.verify(&secret).0, "inactive");
    let report = std::fs::read_to_string(sandbox.home().join("in.md")).unwrap();
    assert!(
        report.contains("[ ] creating a new secret failed"),
        "{report}"
    );
}

#[test]
fn an_unwritable_report_is_refused_before_a_secret_is_created() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    std::fs::write(sandbox.home().join("in.md"), "another's").unwrap();
    let revoke = ["revoke", "--replace", "--report", "in.md", "ci"];
    let run = sandbox.run(revoke).expect(8);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("`in.md` already exists"), "{run:?}");
    assert_eq!(sandbox.verify(&secret).0, "inactive");
}

#[test]
fn revoking_again_is_not_suggested_for_a_key_with_its_new_secret() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let run = sandbox.run(["revoke", "--replace", "ci"]).expect(0);
    assert!(!run.stderr.contains("postkey revoke"), "{run:?}");
}

#[test]
fn two_keys_are_not_replaced_at_once() {
    let sandbox = Sandbox::new();
    let (one, two) = (
        sandbox.generate(["api", "one"]),
        sandbox.generate(["api", "two"]),
    );
    let text = format!("{one}\n{two}\n");
    let run = sandbox.run_with_input(["revoke", "--replace"], text.as_bytes());
    let run = run.expect(2);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("2 keys were revoked"), "{run:?}");
    for secret in [one, two] {
        assert_eq!(sandbox.verify(&secret).0, "inactive");
    }
}

#[test]
fn on_a_terminal_a_replacement_is_offered_after_the_revocation() {
    let sandbox = Sandbox::new();
    for (answer, verdict) in [
        ("\r", "inactive"),
        ("n\r", "inactive"),
        ("\x04", "inactive"),
        ("y\r", "revoked"),
    ] {
        let old = match sandbox.vault().exists() {
            false => sandbox.generate(["api", "ci"]),
            true => sandbox.run(["revoke", "--replace", "ci"]).secret(),
        };
        let mut terminal = sandbox.on_terminal(["revoke"]);
        terminal
            .expect_unechoed("Leaked secret")
            .press(&old)
            .press("\r");
        terminal.expect("[y/N]");
        assert_eq!(sandbox.verify(&old).0, "inactive");
        terminal.press(answer);
        assert_eq!(terminal.end(), 0, "{}", terminal.shown());
        assert_eq!(sandbox.verify(&old).0, verdict);
        let shown = terminal.shown();
        assert!(!shown.contains(&old[..30]), "{shown}");
        let line = regex::Regex::new(&format!("(?m)^({SECRET})\r$")).unwrap();
        let new = line.captures(&shown).map(|found| found[1].to_owned());
        assert_eq!(new.is_some(), answer == "y\r", "{shown}");
        if let Some(new) = new {
            assert_eq!(sandbox.verify(&new).0, "accepted");
        }
    }
}

#[test]
fn no_replacement_is_offered_with_yes_or_without_a_destination() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    for (args, redirection) in [
        (&["revoke", "ci", "--yes"][..], ""),
        (&["revoke", "ci", "--no-input"], ""),
        (&["revoke", "ci"], ">/dev/null"),
        (&["revoke", "ci"], "</dev/null"),
    ] {
        sandbox.run(["activate", "ci"]).expect(0);
        let command = sandbox.command(args.iter().copied());
        let mut terminal = Terminal::start_with(&command, 80, redirection);
        assert_eq!(terminal.end(), 0, "{args:?}: {}", terminal.shown());
        assert!(!terminal.shown().contains("[y/N]"), "{args:?}");
        assert_eq!(sandbox.show("ci")["status"], "inactive");
    }
}
