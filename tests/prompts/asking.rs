//! Prompts, and the effect of every answer.

use regex::Regex;

use super::terminal::Terminal;
use crate::sandbox::{SECRET, Sandbox};

/// Enter; a terminal sends a carriage return.
const ENTER: &str = "\r";
const DOWN: &str = "\x1b[B";
const ESCAPE: &str = "\x1b";
/// Ctrl-D, the end of input.
const END: &str = "\x04";

const KIND: &str = "Kind of key";
const NAME: &str = "Key name";
const DELETE: &str = "Type its name to confirm";

#[test]
fn a_missing_kind_and_name_are_prompted_for() {
    let sandbox = Sandbox::new();
    for (keys, kind, name) in [(ENTER, "smtp", "mail"), (&format!("{DOWN}\r"), "api", "ci")] {
        let mut terminal = sandbox.on_terminal(["generate"]);
        terminal.expect(KIND).expect_unechoed("api ").press(keys);
        terminal.expect(NAME).press(name).press(ENTER);
        if kind == "api" {
            terminal.expect("Permission").press(ENTER);
        }
        terminal.expect("Expires").press(ENTER);
        assert_eq!(terminal.end(), 0, "{}", terminal.shown());
        terminal.expect_restored();
        assert_eq!(sandbox.verify(&secret(&terminal)).1, 0);
        assert_eq!(sandbox.show(name)["kind"], kind);
    }
}

#[test]
fn no_key_is_created_without_a_name() {
    for keys in [ENTER, END, "  \r"] {
        let sandbox = Sandbox::new();
        let mut terminal = sandbox.on_terminal(["generate", "api"]);
        terminal.expect(NAME).press(keys);
        assert_eq!(terminal.end(), 1, "{keys:?}: {}", terminal.shown());
        assert!(!sandbox.vault().exists());
    }
}

#[test]
fn no_key_is_created_without_a_kind() {
    let sandbox = Sandbox::new();
    let mut terminal = sandbox.on_terminal(["generate"]);
    terminal.expect_unechoed(KIND).press(ESCAPE);
    assert_eq!(terminal.end(), 1);
    terminal.expect_restored();
    assert!(!sandbox.vault().exists());
}

#[test]
fn prompts_go_to_the_terminal_and_the_secret_to_standard_output() {
    let sandbox = Sandbox::new();
    let command = sandbox.command(["generate", "api"]);
    let mut terminal = Terminal::start_with(&command, 80, ">secret");
    terminal.expect(NAME).press("ci\r");
    terminal.expect("Permission").press(ENTER);
    terminal.expect("Expires").press(ENTER);
    assert_eq!(terminal.end(), 0);
    assert!(!terminal.shown().contains("xkeypost-"));
    let secret = std::fs::read_to_string(sandbox.home().join("secret")).unwrap();
    assert_eq!(sandbox.verify(&secret).1, 0);
}

#[test]
fn an_active_key_is_deleted_only_if_its_name_is_typed() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    for (keys, status) in [
        ("other\r", 1),
        ("\r", 1),
        ("y\r", 1),
        ("ci2\r", 1),
        (END, 1),
        ("ci\r", 0),
    ] {
        let mut terminal = sandbox.on_terminal(["delete", "ci"]);
        terminal.expect("will be permanently deleted");
        terminal.expect(DELETE).press(keys);
        assert_eq!(terminal.end(), status, "{keys:?}: {}", terminal.shown());
        assert_eq!(
            sandbox.verify(&secret).1,
            i32::from(status == 0),
            "{keys:?}"
        );
    }
}

#[test]
fn an_inactive_key_is_deleted_after_a_yes() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci", "--inactive"]);
    for (keys, status) in [("\r", 1), ("n\r", 1), ("ci\r", 1), (END, 1), ("y\r", 0)] {
        let mut terminal = sandbox.on_terminal(["delete", "ci"]);
        terminal.expect("Delete `ci`?").expect("[y/N]").press(keys);
        assert_eq!(terminal.end(), status, "{keys:?}: {}", terminal.shown());
        let found = sandbox.run(["show", "ci"]).status;
        assert_eq!(found, if status == 0 { 3 } else { 0 }, "{keys:?}");
    }
}

#[test]
fn replacing_a_secret_requires_confirmation() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    for keys in ["\r", "n\r", "ci\r", END] {
        let mut terminal = sandbox.on_terminal(["regenerate", "ci"]);
        terminal
            .expect("will stop working at once")
            .expect("no recorded use")
            .expect("`postkey rotate ci` would keep both secrets valid")
            .expect("[y/N]")
            .press(keys);
        assert_eq!(terminal.end(), 1, "{keys:?}: {}", terminal.shown());
    }
    let mut terminal = sandbox.on_terminal(["regenerate", "ci"]);
    terminal.expect("[y/N]").press("y\r");
    assert_eq!(terminal.end(), 0);
    assert_eq!(sandbox.verify(&old).0, "replaced");
    assert_eq!(sandbox.verify(&secret(&terminal)).1, 0);
}

#[test]
fn rotating_needs_no_confirmation_and_ending_it_does() {
    let sandbox = Sandbox::new();
    for (flag, said, left, verdict) in [
        ("--finish", "the old secret of `ci`", 1, "retired"),
        ("--abort", "the new secret of `ci`", 0, "replaced"),
    ] {
        let name = &flag[2..];
        let old = sandbox.generate(["api", name]);
        let mut terminal = sandbox.on_terminal(["rotate", name]);
        assert_eq!(terminal.end(), 0, "{}", terminal.shown());
        let both = [old, secret(&terminal)];
        for keys in ["\r", "n\r", "ci\r", END, "y\r"] {
            let accepted = both.iter().filter(|secret| sandbox.verify(secret).1 == 0);
            assert_eq!(accepted.count(), 2, "{flag} before {keys:?}");
            let mut terminal = sandbox.on_terminal(["rotate", flag, name]);
            let said = said.replace("ci", name);
            terminal.expect(&said).expect("will stop working at once");
            terminal.expect("[y/N]").press(keys);
            let status = i32::from(keys != "y\r");
            assert_eq!(terminal.end(), status, "{keys:?}: {}", terminal.shown());
        }
        assert_eq!(sandbox.verify(&both[left]).1, 0, "{flag}");
        assert_eq!(sandbox.verify(&both[1 - left]).0, verdict, "{flag}");
    }
}

#[test]
fn each_of_several_rotations_is_confirmed_separately() {
    let sandbox = Sandbox::new();
    for name in ["app", "web"] {
        sandbox.generate(["api", name]);
        sandbox.run(["rotate", name]).expect(0);
    }
    let mut terminal = sandbox.on_terminal(["rotate", "--finish", "app", "web"]);
    terminal.expect("old secret of `app`").expect("[y/N]");
    terminal.press("n\r").expect("`app` was not changed");
    terminal.expect("old secret of `web`").expect("[y/N]");
    terminal.press("y\r");
    assert_eq!(terminal.end(), 1, "{}", terminal.shown());
    assert_eq!(sandbox.show("app")["status"], "rotating");
    assert_eq!(sandbox.show("web")["status"], "active");
}

#[test]
fn a_key_is_found_by_typing_a_part_of_its_name() {
    let sandbox = Sandbox::with_three_keys();
    let mut terminal = sandbox.on_terminal(["show"]);
    terminal.expect("Which key?").expect_unechoed("prod-mail");
    terminal.press("mail\r");
    assert_eq!(terminal.end(), 0, "{}", terminal.shown());
    terminal.expect_restored();
    let shown = terminal.shown();
    assert!(matches("(?m)name +prod-mail\r$", &shown), "{shown:?}");
}

#[test]
fn escape_chooses_nothing_and_does_nothing() {
    let sandbox = Sandbox::with_three_keys();
    sandbox.run(["deactivate", "prod-mail"]).expect(0);
    sandbox.run(["rotate", "prod-web"]).expect(0);
    for verb in [
        &["show"][..],
        &["deactivate"],
        &["activate"],
        &["delete"],
        &["regenerate"],
        &["rotate"],
        &["rotate", "--finish"],
        &["rotate", "--abort"],
        &["set"],
        &["rename"],
        &["describe"],
    ] {
        let mut terminal = sandbox.on_terminal(verb.iter().copied());
        terminal.expect_unechoed("›").press(ESCAPE);
        assert_eq!(terminal.end(), 1, "{verb:?}: {}", terminal.shown());
        terminal.expect_restored();
    }
    let log = sandbox.run(["log", "--format", "jsonl"]).stdout;
    assert_eq!(log.lines().count(), 5, "{log}");
}

#[test]
fn a_key_chosen_from_the_menu_still_requires_typing_its_name() {
    let sandbox = Sandbox::with_three_keys();
    let mut terminal = sandbox.on_terminal(["delete"]);
    terminal.expect_unechoed("prod-mail").press("web\r");
    terminal.expect(DELETE).press("prod-web\r");
    assert_eq!(terminal.end(), 0, "{}", terminal.shown());
    sandbox.run(["show", "prod-web"]).expect(3);
    sandbox.run(["show", "prod-mail"]).expect(0);
}

#[test]
fn each_of_several_keys_is_asked_about() {
    let sandbox = Sandbox::with_three_keys();
    let mut terminal = sandbox.on_terminal(["delete", "prod-web", "dev"]);
    terminal.expect("`prod-web`").expect(DELETE).press(ENTER);
    terminal.expect("`dev`").expect(DELETE).press("dev\r");
    assert_eq!(terminal.end(), 1, "{}", terminal.shown());
    sandbox.run(["show", "prod-web"]).expect(0);
    sandbox.run(["show", "dev"]).expect(3);
}

#[test]
fn among_very_many_keys_the_name_is_typed() {
    let sandbox = Sandbox::with_three_keys();
    let vault = rusqlite::Connection::open(sandbox.vault()).unwrap();
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
        INSERT INTO keys (name, kind, status, permission, created_at)
        SELECT 'key-' || i, 'api', 'active', 'full', 0 FROM n";
    vault.execute(many, []).unwrap();
    drop(vault);
    for (keys, status) in [("prod-mail\r", 0), ("missing\r", 3), (ENTER, 1), (END, 1)] {
        let mut terminal = sandbox.on_terminal(["show"]);
        terminal.expect("Which key?").press(keys);
        assert_eq!(terminal.end(), status, "{keys:?}: {}", terminal.shown());
    }
}

/// The secret that is alone on a line.
#[track_caller]
fn secret(terminal: &Terminal) -> String {
    let shown = terminal.shown();
    let line = Regex::new(&format!("(?m)^({SECRET})\r$")).unwrap();
    let found = line.captures(&shown).unwrap_or_else(|| panic!("{shown:?}"));
    found[1].to_owned()
}

fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).unwrap().is_match(text)
}
