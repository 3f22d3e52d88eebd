//! Usage: recorded beside the vault, and shown with keys.

mod damage;
mod deleting;
mod limits;
mod mail;
mod migration;
mod month;
mod narrowing;
mod refusals;
mod unused;

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};

use crate::sandbox::{Run, Sandbox};
use crate::secrecy::stock::stock;
use crate::secrecy::watch::run_with_input;

/// A day in seconds.
const DAY: i64 = 86_400;

#[test]
fn every_command_shows_a_keys_last_use_and_requests_today() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    assert_eq!(sandbox.show("ci")["last_used_at"], serde_json::Value::Null);
    for _ in 0..3 {
        verify(&sandbox, &secret, &["--ip", "203.0.113.9"]).expect(0);
    }
    let commands: [&[&str]; 10] = [
        &["list"],
        &["show", "ci"],
        &["deactivate", "ci"],
        &["activate", "ci"],
        &["set", "ci", "--limit", "300/day"],
        &["describe", "ci", "builds"],
        &["rotate", "ci"],
        &["rotate", "--finish", "--yes", "ci"],
        &["regenerate", "--yes", "ci"],
        &["delete", "--yes", "ci"],
    ];
    let identified = run_with_input(&sandbox, &["identify", "--format", "json"], &secret);
    assert_eq!(identified.json()["key"]["requests_today"], 3);
    for args in commands {
        let args = [args, &["--format", "jsonl"]].concat();
        let key = run_with_input(&sandbox, &args, "").expect(0).json();
        assert_eq!(key["requests_today"], 3, "{args:?}: {key}");
        let last = key["last_used_at"].as_str().unwrap();
        assert!(last.ends_with('Z') && last > "2026", "{args:?}: {key}");
    }
}

#[test]
fn identify_and_no_record_record_nothing() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--limit", "2/day"]);
    for _ in 0..3 {
        run_with_input(&sandbox, &["identify"], &secret).expect(0);
        verify(&sandbox, &secret, &["--no-record"]).expect(0);
    }
    assert!(!sandbox.usage().exists());
    verify(&sandbox, &secret, &[]).expect(0);
    for _ in 0..3 {
        let left = verify(&sandbox, &secret, &["--no-record", "--format", "json"]).expect(0);
        assert_eq!(left.json()["remaining"], 1);
    }
    assert_eq!(sandbox.show("ci")["requests_today"], 1);
}

#[test]
fn a_key_that_was_used_before_today_has_no_requests_today() {
    let sandbox = used_on(&[("ci", 3, 7), ("ci", 40, 9)]);
    let key = sandbox.show("ci");
    assert_eq!(key["requests_today"], 0);
    assert_eq!(key["usage"]["days"][1]["requests"], 7);
    let days = key["usage"]["days"].as_array().unwrap();
    assert!(
        days.iter()
            .all(|day| day["day"].as_str().unwrap().len() == 10)
    );
    let text = sandbox.run(["show", "ci"]).expect(0).stdout;
    assert!(
        text.contains("requests    0 today, 7 in the last 30 days"),
        "{text}"
    );
    assert!(text.contains("(3 days ago)"), "{text}");
}

#[test]
fn show_reports_use_and_refusals_with_addresses() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--permission", "read-only"]);
    verify(&sandbox, &secret, &["--ip", "203.0.113.9"]).expect(0);
    verify(&sandbox, &secret, &["--method", "POST", "--path", "/v3/x"]).expect(1);
    sandbox.run(["deactivate", "ci"]).expect(0);
    verify(&sandbox, &secret, &["--ip", "203.0.113.66"]).expect(1);
    let text = sandbox.run(["show", "ci"]).expect(0).stdout;
    for part in [
        ", from 203.0.113.9\n",
        "1 today, 1 in the last 30 days\n",
        ".............................█\n",
        "1 time as permission-missing, last ",
        "1 time as inactive, last from 203.0.113.66 ",
        "203.0.113.9, 1 request, last ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("203.0.113.66, 1 request"), "{text}");
    let usage = &sandbox.show("ci")["usage"];
    assert_eq!(usage["addresses"][0]["address"], "203.0.113.9");
    assert_eq!(usage["secrets"][0]["tail"], secret[secret.len() - 16..]);
    assert_eq!(usage["refusals"].as_array().unwrap().len(), 2);
}

#[test]
fn the_last_address_is_the_last_one_also_of_many_in_one_second() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let addresses = (1..=12).map(|number| format!("203.0.113.{}", 250 - 7 * number));
    let addresses: Vec<_> = addresses.chain(["203.0.113.243".to_owned()]).collect();
    for address in &addresses {
        verify(&sandbox, &secret, &["--ip", address]).expect(0);
    }
    let usage = sandbox.show("ci")["usage"].clone();
    let shown = usage["addresses"].as_array().unwrap().iter();
    let shown: Vec<_> = shown.map(|one| one["address"].as_str().unwrap()).collect();
    let last: Vec<_> = addresses.iter().rev().take(shown.len()).collect();
    assert_eq!(shown.len(), 10);
    assert_eq!(shown, last);
}

#[test]
fn usage_has_a_row_for_each_key_that_was_used_or_refused() {
    let sandbox = used_on(&[
        ("ci", 0, 8),
        ("ci", 1, 4),
        ("ci", 6, 1),
        ("ci", 20, 100),
        ("web", 2, 5),
    ]);
    sandbox.generate(["api", "idle"]);
    let run = sandbox.run(["usage", "--format", "csv"]).expect(0);
    let rows: Vec<Vec<&str>> = run
        .stdout
        .lines()
        .map(|row| row.split(',').collect())
        .collect();
    assert_eq!(
        rows[0][..6],
        [
            "name",
            "kind",
            "requests_today",
            "requests_7d",
            "requests_30d",
            "refused"
        ]
    );
    assert_eq!(rows[1][..6], ["ci", "api", "8", "13", "113", "0"]);
    assert_eq!(rows[2][..6], ["web", "api", "0", "5", "5", "0"]);
    assert_eq!((rows.len(), run.stderr.as_str()), (3, ""));
    let text = sandbox.run(["usage"]).expect(0).stdout;
    let used = text
        .lines()
        .find_map(|row| row.strip_prefix("ci    8      13      113      .......▁....▄█  "));
    let used = used.unwrap_or_else(|| panic!("{text}")).trim_end();
    assert!(
        used == "just now" || used.ends_with("second ago") || used.ends_with("seconds ago"),
        "{text}"
    );
    assert!(text.contains("...........█.."), "{text}");
    let json = sandbox.run(["usage", "--format", "json"]).expect(0).json();
    assert_eq!(json[0]["days"].as_array().unwrap().len(), 4);
}

#[test]
fn usage_of_named_keys_reports_each_that_is_missing_and_shows_the_rest() {
    let sandbox = used_on(&[("ci", 0, 2)]);
    sandbox.generate(["api", "idle"]);
    let run = run_with_input(&sandbox, &["usage", "nope", "CI", "-"], "idle\nneither\n").expect(3);
    assert!(
        run.stderr.contains("`nope`") && run.stderr.contains("`neither`"),
        "{run:?}"
    );
    let rows: Vec<&str> = run.stdout.lines().skip(1).collect();
    assert!(
        rows[0].starts_with("ci") && rows[1].starts_with("idle"),
        "{run:?}"
    );
    assert!(rows[1].contains("never"), "{run:?}");
}

#[test]
fn usage_since_leaves_out_what_was_not_used_within_that_time() {
    let sandbox = used_on(&[("old", 9, 2), ("new", 3, 1)]);
    let run = sandbox
        .run(["usage", "--since", "7d", "--format", "csv"])
        .expect(0);
    assert_eq!(run.stdout.lines().count(), 2);
    assert!(run.stdout.contains("\nnew,"), "{run:?}");
    let none = sandbox.run(["usage", "--since", "1d"]).expect(0);
    assert!(none.stderr.contains("within this time"), "{none:?}");
    let nobody = sandbox.run(["usage", "nobody"]).expect(3);
    assert!(!nobody.stderr.contains("was used"), "{nobody:?}");
}

#[test]
fn usage_notes_that_nothing_is_recorded() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let run = sandbox.run(["usage"]).expect(0);
    assert!(
        run.stdout.is_empty() && run.stderr.contains("no usage is recorded"),
        "{run:?}"
    );
    assert_eq!(
        sandbox.run(["usage", "--format", "json"]).expect(0).stdout,
        "[]\n"
    );
    assert!(!sandbox.usage().exists());
}

#[test]
fn refusals_without_a_key_are_noted_below_the_rows() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let stranger = Sandbox::new().generate(["api", "ci"]);
    for _ in 0..2 {
        verify(&sandbox, &stranger, &[]).expect(1);
    }
    let run = sandbox.run(["usage"]).expect(0);
    assert!(
        run.stderr
            .contains("refused without a known key: 2 unknown, last "),
        "{run:?}"
    );
    assert_eq!(
        sandbox.run(["usage", "--format", "jsonl"]).expect(0).stdout,
        ""
    );
}

#[test]
fn usage_goes_through_many_keys_page_by_page_and_leaves_out_deleted_ones() {
    let sandbox = used_on(&[("ci", 0, 1)]);
    stock(&sandbox, 1200);
    let usage = Connection::open(sandbox.usage()).unwrap();
    let fill = "WITH RECURSIVE n(i) AS (VALUES (2) UNION ALL SELECT i + 1 FROM n WHERE i < 1300)
                INSERT INTO days SELECT i, 20000, 'accepted', 5, 20000 * 86400 FROM n";
    usage.execute_batch(fill).unwrap();
    let run = sandbox.run(["usage", "--format", "jsonl"]).expect(0);
    assert_eq!(run.stdout.lines().count(), 1201);
    let list = sandbox.run(["list", "--format", "csv"]).expect(0).stdout;
    let told = list
        .lines()
        .filter(|row| row.ends_with(",2024-10-04T00:00:00Z,0,,,,,,"));
    assert_eq!(told.count(), 1200);
}

/// Checks a secret.
pub fn verify(sandbox: &Sandbox, secret: &str, args: &[&str]) -> Run {
    run_with_input(sandbox, &[&["verify"], args].concat(), secret)
}

/// A vault whose keys were accepted this often, this many days ago.
pub fn used_on(uses: &[(&str, i64, i64)]) -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, _, _) in uses {
        sandbox
            .run(["generate", "api", name, "--if-absent", "--quiet"])
            .expect(0);
    }
    let stranger = Sandbox::new().generate(["api", "ci"]);
    verify(&sandbox, &stranger, &[]).expect(1);
    let usage = Connection::open(sandbox.usage()).unwrap();
    usage.execute("DELETE FROM days", []).unwrap();
    for (name, days_ago, count) in uses {
        let at = now() - days_ago * DAY;
        let day = "INSERT INTO days VALUES (?1, ?2, 'accepted', ?3, ?4)";
        let key = number(&sandbox, name);
        usage
            .execute(day, params![key, at / DAY, count, at])
            .unwrap();
    }
    sandbox
}

fn number(sandbox: &Sandbox, name: &str) -> i64 {
    let vault = Connection::open(sandbox.vault()).unwrap();
    let query = "SELECT id FROM keys WHERE name = ?1";
    vault.query_row(query, [name], |row| row.get(0)).unwrap()
}

fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64
}
