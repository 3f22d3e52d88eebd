//! The menu of keys: its columns, at every width.

use regex::Regex;

use super::terminal::Terminal;
use crate::sandbox::Sandbox;

/// A key of each kind, one of which is in use.
fn stocked() -> Sandbox {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "web"]);
    sandbox.generate(["smtp", &"m".repeat(64)]);
    sandbox.generate(["api", "resting", "--inactive"]);
    sandbox.generate(["smtp", "bait", "--decoy"]);
    assert_eq!(sandbox.verify(&secret).1, 0);
    sandbox
}

#[test]
fn the_menu_shows_kind_status_and_last_use() {
    let sandbox = stocked();
    let mut command = sandbox.command(["show"]);
    let mut terminal = Terminal::start(command.env("TERM", "dumb"));
    terminal.expect("Which key?").press("\r");
    assert_eq!(terminal.end(), 1);
    let shown = terminal.shown();
    let lines: Vec<&str> = shown.lines().map(str::trim_end).collect();
    for (line, beside) in lines.iter().zip([
        "bait .* smtp  decoy     never used",
        "m{40,}…  smtp  active    never used",
        "resting .* api   inactive  never used",
        "web .* api   active    used (just now|1 second ago|[0-9]+ seconds ago)",
    ]) {
        let line_of = Regex::new(&format!("^ +[1-4]  {beside}$")).unwrap();
        assert!(line_of.is_match(line), "{line:?} is not {beside:?}");
    }
    let starts = lines[..4].iter().map(|line| {
        let at = line.find("used").or_else(|| line.find("never")).unwrap();
        line[..at].trim_end_matches("never ").chars().count()
    });
    let starts: Vec<usize> = starts.collect();
    assert!(starts.iter().all(|at| *at == starts[0]), "{shown}");
}

#[test]
fn no_line_of_a_menu_is_wider_than_the_terminal() {
    let sandbox = stocked();
    let escapes = Regex::new("\x1b\\[[0-9;?]*[A-Za-z]").unwrap();
    for columns in [40, 80, 120] {
        let mut terminal = Terminal::start_with(&sandbox.command(["show"]), columns, "");
        terminal.expect_unechoed("web").press("\x1b");
        assert_eq!(terminal.end(), 1);
        let shown = terminal.shown();
        for line in escapes.replace_all(&shown, "").split(['\r', '\n']) {
            let width = line.chars().count();
            assert!(width <= usize::from(columns), "{width}: {line:?}");
        }
    }
}

#[test]
fn without_a_usage_record_the_menu_has_no_usage_column() {
    let sandbox = Sandbox::with_three_keys();
    let mut command = sandbox.command(["show"]);
    let mut terminal = Terminal::start(command.env("TERM", "dumb"));
    terminal.expect("Which key?").press("DEV\r");
    assert_eq!(terminal.end(), 0);
    assert!(!terminal.shown().contains("used\r"), "{}", terminal.shown());
}

#[test]
fn a_damaged_key_can_still_be_chosen() {
    let sandbox = Sandbox::with_three_keys();
    let vault = rusqlite::Connection::open(sandbox.vault()).unwrap();
    let damage = "PRAGMA ignore_check_constraints = 1;
        UPDATE keys SET permission = '?' WHERE name = 'dev'";
    vault.execute_batch(damage).unwrap();
    drop(vault);
    let mut command = sandbox.command(["show"]);
    let mut terminal = Terminal::start(command.env("TERM", "dumb"));
    terminal.expect("dev").expect("damaged");
    terminal.expect("Which key?").press("dev\r");
    terminal.expect("the vault is damaged");
    assert!(terminal.end() > 1);
}
