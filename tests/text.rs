//! Untrusted text is harmless when it is printed.

mod floods;
mod given;
mod lost;
mod machine;
mod named;
mod streams;

use rusqlite::Connection;
use serde_json::json;

use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::{on_terminal, run_with_input};

/// Characters that move a cursor, reorder a line, hide in one, or begin another.
pub const POISON: &str =
    "\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\u{85}\u{7f}\u{202e}\u{2066}\u{200e}\u{2028}\t\r\nFORGED";

const FORMATS: [&str; 4] = ["text", "json", "jsonl", "csv"];

/// Every text column, with the start of its poisoned value.
const COLUMNS: [(&str, &str, &str); 16] = [
    ("keys", "name", "="),
    ("keys", "username", "+"),
    ("keys", "permission", "-"),
    ("keys", "request_limit", "@"),
    ("keys", "description", "=cmd()"),
    ("policies", "rotate_every", "="),
    ("policies", "unused", "+"),
    ("policies", "grace", "-"),
    ("policies", "settle", "@"),
    ("policies", "after", "="),
    ("log", "user", "="),
    ("log", "sudo_user", "+"),
    ("log", "host", "-"),
    ("log", "command", "@"),
    ("log", "key", "\t="),
    ("log", "change", "\r="),
];

#[test]
fn no_poisoned_column_reaches_a_stream_raw() {
    let mut faults = Vec::new();
    for (table, column, start) in COLUMNS {
        let sandbox = Sandbox::new();
        let secret = poisoned(&sandbox, table, column, start);
        for args in [
            &["list"][..],
            &["list", "--sort", "name"],
            &["show", "ci"],
            &["show", "mail"],
            &["log"],
            &["log", "ci"],
            &["check", "--expiring", "9d"],
            &["log", "verify"],
            &["verify"],
            &["identify"],
            &["explain"],
            &["doctor"],
            &["export", "json", "keys.json"],
            &["revoke"],
            &["revoke", "mail"],
            &["deactivate", "ci", "mail"],
        ] {
            for format in FORMATS {
                let args = [args, &["--format", format]].concat();
                let run = run_with_input(&sandbox, &args, &secret);
                faults.extend(
                    fault(&run, format).map(|why| format!("{table}.{column}: {args:?}: {why}")),
                );
            }
        }
    }
    assert!(faults.is_empty(), "{}: {faults:#?}", faults.len());
}

#[test]
fn a_poisoned_name_is_not_offered_for_completion() {
    let sandbox = Sandbox::new();
    poisoned(&sandbox, "keys", "name", "c");
    let mut command = sandbox.command(["--", "postkey", "show", ""]);
    command
        .env("POSTKEY_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", "2")
        .env("_CLAP_IFS", "\u{b}");
    let run = Run::of(command.output().unwrap()).expect(0);
    assert!(!run.stdout.replace('\u{b}', "").contains(is_raw), "{run:?}");
    assert!(!run.stdout.contains("FORGED"), "{run:?}");
}

#[test]
fn a_poisoned_name_is_not_raw_in_a_menu() {
    let sandbox = Sandbox::new();
    poisoned(&sandbox, "keys", "name", "c");
    sandbox.generate(["api", "healthy"]);
    let shown = on_terminal(&sandbox, "show", "\u{1b}");
    assert!(shown.contains("Which key?"), "{shown:?}");
    for raw in ["\u{1b}]0;", "\u{9b}", "\u{202e}", "\u{2066}", "\nFORGED"] {
        assert!(!shown.contains(raw), "{shown:?}");
    }
}

#[test]
fn no_csv_cell_is_a_formula() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci", "--description", "=HYPERLINK(1)"]);
    for start in ["+1", "-1", "@SUM(A1)", "=1"] {
        sandbox.run(["describe", "ci", "--", start]).expect(0);
        let mut command = sandbox.command(["log", "--format", "csv"]);
        let run = Run::of(command.env("SUDO_USER", start).output().unwrap()).expect(0);
        assert_eq!(formula(&run.stdout), None);
        for args in [["list", "--format", "csv"], ["show", "ci", "--format=csv"]] {
            assert_eq!(formula(&sandbox.run(args).expect(0).stdout), None);
        }
    }
}

/// A vault with one poisoned column, and a valid secret of it.
fn poisoned(sandbox: &Sandbox, table: &str, column: &str, start: &str) -> String {
    let secret = sandbox.generate(["api", "ci", "--limit", "1/day", "--description", "x"]);
    sandbox.generate(["smtp", "mail"]);
    sandbox
        .run(["set", "ci", "--rotate-every", "1d", "--expires", "1d"])
        .expect(0);
    let text = format!("{start}{POISON}");
    let (value, text) = match column {
        "name" => ("?1 || id", text),
        "change" => (
            "?1",
            json!([{"field": text, "from": text, "to": text}]).to_string(),
        ),
        _ => ("?1", text),
    };
    let rows = match column {
        "username" => "kind = 'smtp'",
        "permission" | "request_limit" => "kind = 'api'",
        _ => "true",
    };
    let update = format!("UPDATE {table} SET {column} = {value} WHERE {rows}");
    let vault = Connection::open(sandbox.vault()).unwrap();
    assert!(vault.execute(&update, [&text]).unwrap() > 0);
    secret
}

/// What is wrong with an output: raw characters, a forged line, a formula, or a panic.
pub fn fault(run: &Run, format: &str) -> Option<String> {
    let is_csv = format == "csv";
    let lines = run.stdout.split('\n').map(|line| {
        if is_csv {
            line.trim_end_matches('\r')
        } else {
            line
        }
    });
    for line in lines.chain(run.stderr.split('\n')) {
        if let Some(raw) = line.chars().find(|&character| is_raw(character)) {
            return Some(format!("U+{:04X} is raw", u32::from(raw)));
        }
        if line.starts_with("FORGED") {
            return Some("a line was forged".to_owned());
        }
    }
    if !(0..=8).contains(&run.status) || run.stderr.contains("a bug in postkey") {
        return Some(format!("{run:?}"));
    }
    is_csv.then(|| formula(&run.stdout)).flatten()
}

/// Control, C1 and bidi characters, and what ends a line.
fn is_raw(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The first cell that a spreadsheet would take for a formula.
fn formula(table: &str) -> Option<String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(table.as_bytes());
    let cells: Vec<String> = reader
        .records()
        .flat_map(|record| {
            record
                .unwrap()
                .iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    cells
        .into_iter()
        .find(|cell| cell.starts_with(['=', '+', '-', '@', '\t', '\r']))
}
