//! Addresses of refusals: shown, bounded, and kept for a limited time.

use rusqlite::{Connection, Params};
use serde_json::json;

use super::verify;
use crate::sandbox::Sandbox;
use crate::secrecy::watch::wait_for;
use crate::serve::lookalikes::Lookalikes;
use crate::serve::recording::recorded;
use crate::serve::server::Server;

/// How many addresses are distinguished per key, reason and day.
const TOLD_APART: i64 = 64;

#[test]
fn refusals_are_counted_by_key_secret_reason_and_address() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--permission", "read-only"]);
    let other = sandbox.generate(["api", "web"]);
    let post = ["--method", "POST", "--path", "/v3/x", "--ip", "192.0.2.1"];
    verify(&sandbox, &secret, &post).expect(1);
    verify(&sandbox, &secret, &["--ip", "192.0.2.1"]).expect(0);
    sandbox.run(["deactivate", "ci", "web"]).expect(0);
    for ip in ["203.0.113.66", "203.0.113.66", "2001:db8::7"] {
        verify(&sandbox, &secret, &["--ip", ip]).expect(1);
    }
    verify(&sandbox, &secret, &[]).expect(1);
    verify(&sandbox, &other, &["--ip", "203.0.113.66"]).expect(1);
    let lookalike = Lookalikes::of(&secret).next().unwrap();
    verify(&sandbox, &lookalike, &["--ip", "203.0.113.67"]).expect(1);
    verify(&sandbox, "nonsense", &["--ip", "203.0.113.68"]).expect(1);
    let tail = |secret: &str| secret[secret.len() - 16..].to_owned();
    let (first, second) = (tail(&secret), tail(&other));
    let expected = [
        (1, "inactive", &*first, "", 1),
        (1, "inactive", &first, "2001:db8::7", 1),
        (1, "inactive", &first, "203.0.113.66", 2),
        (1, "mismatch", "", "203.0.113.67", 1),
        (1, "permission-missing", &first, "192.0.2.1", 1),
        (2, "inactive", &second, "203.0.113.66", 1),
    ];
    assert_eq!(rows(&sandbox), expected.map(owned));
}

#[test]
fn show_and_usage_report_the_addresses_of_refusals() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    sandbox.run(["deactivate", "ci"]).expect(0);
    let from = |ip: &str| verify(&sandbox, &secret, &["--ip", ip]).expect(1);
    from("203.0.113.66");
    let text = shown(&sandbox);
    assert!(
        text.contains("refused     1 time as inactive, last from 203.0.113.66 "),
        "{text}"
    );
    assert!(!text.contains("1 from "), "{text}");
    for number in 1..=12 {
        from(&format!("192.0.2.{number}"));
        from(&format!("192.0.2.{number}"));
    }
    earlier(&sandbox, "address LIKE '192.0.2._'", 7200);
    earlier(&sandbox, "address = '192.0.2.10'", 7200);
    earlier(&sandbox, "address = '192.0.2.11'", 3600);
    earlier(&sandbox, "address = '203.0.113.66'", 60);
    let text = shown(&sandbox);
    for line in [
        "refused     25 times as inactive, last from 192.0.2.12 ",
        "\n              2 from 192.0.2.12, last ",
        "\n              1 from 203.0.113.66, last ",
        "\n              2 from 192.0.2.11, last 60 minutes ago\n",
        "\n              others from 10 more addresses\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let refused = sandbox.show("ci")["usage"]["refusals"][0].clone();
    assert_eq!(refused["address_count"], 13);
    let addresses = refused["addresses"].as_array().unwrap();
    assert_eq!(addresses.len(), 10);
    assert_eq!(
        (&addresses[1]["address"], &addresses[1]["count"]),
        (&json!("203.0.113.66"), &json!(1))
    );
    let csv = sandbox.run(["usage", "--format", "csv"]).expect(0).stdout;
    assert!(
        csv.lines()
            .next()
            .unwrap()
            .contains(",last_address,last_refused_address,"),
        "{csv}"
    );
    assert!(csv.trim_end().ends_with(",192.0.2.12,,,,,,"), "{csv}");
    let text = sandbox.run(["usage"]).expect(0).stdout;
    assert!(text.contains("25, last inactive 192.0.2.12"), "{text}");
    verify(&sandbox, &secret, &[]).expect(1);
    let later = "UPDATE refusals SET last_at = last_at - 5 WHERE address <> ''";
    changed(&sandbox, later, []);
    let text = sandbox.run(["usage"]).expect(0).stdout;
    assert!(
        text.contains("26, last inactive  "),
        "the last one's address is not known: {text}"
    );
}

#[test]
fn a_flood_of_addresses_is_counted_in_bounded_space() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    sandbox.run(["deactivate", "ci"]).expect(0);
    verify(&sandbox, &secret, &["--ip", "203.0.113.66"]).expect(1);
    let server = Server::start(&sandbox);
    let flood = 300;
    for number in 0..flood {
        let target = format!("/verify?address=2001:db8::{number:x}");
        server
            .ask("GET", &target, &[("api-key", &secret)])
            .expect(401);
        // Beyond 16 a second, addresses are lost before they are recorded.
        if number % 15 == 0 && number < 120 {
            let all = format!("SELECT sum(count) = {number} + 2 FROM refusals");
            wait_for("a recording", || recorded(&sandbox, &all) == Some(1));
        }
    }
    let all = "SELECT sum(count) FROM refusals";
    wait_for("a recording", || recorded(&sandbox, all) == Some(flood + 1));
    let days = "SELECT sum(count) FROM days WHERE verdict = 'inactive'";
    assert_eq!(recorded(&sandbox, days), Some(flood + 1));
    let most = "SELECT max(count) FROM refusals WHERE address <> ''";
    assert_eq!(
        recorded(&sandbox, most),
        Some(1),
        "a count at another's address"
    );
    assert_eq!(
        recorded(&sandbox, "SELECT count(*) FROM refusals"),
        Some(TOLD_APART + 1)
    );
    drop(server);
    verify(&sandbox, &secret, &["--ip", "203.0.113.66"]).expect(1);
    verify(&sandbox, &secret, &["--ip", "203.0.113.67"]).expect(1);
    assert_eq!(recorded(&sandbox, most), Some(2), "a known address goes on");
    assert_eq!(
        recorded(&sandbox, "SELECT count(*) FROM refusals"),
        Some(TOLD_APART + 1)
    );
    // There is room again on another day.
    changed(&sandbox, "UPDATE days SET day = day - 1", []);
    changed(&sandbox, "UPDATE refusals SET day = day - 1", []);
    verify(&sandbox, &secret, &["--ip", "203.0.113.67"]).expect(1);
    let known = "SELECT count(*) FROM refusals WHERE address = '203.0.113.67'";
    assert_eq!(recorded(&sandbox, known), Some(1));
}

#[test]
fn secrets_without_an_address_take_bounded_room_too() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    sandbox.run(["deactivate", "ci"]).expect(0);
    let from = |args: &[&str]| verify(&sandbox, &secret, args).expect(1);
    from(&["--ip", "203.0.113.66"]);
    let fill = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
        INSERT INTO refusals SELECT key_id, verdict, day, 'tail' || n, '', 1, last_at
        FROM refusals, n";
    changed(&sandbox, fill, [TOLD_APART]);
    from(&[]);
    from(&["--ip", "203.0.113.67"]);
    let of = |condition: &str| {
        let query = format!("SELECT sum(count) FROM refusals WHERE {condition}");
        recorded(&sandbox, &query)
    };
    assert_eq!(of("tail = '' AND address = ''"), Some(1));
    assert_eq!(of("address = '203.0.113.67' AND tail <> ''"), Some(1));
    let rows = recorded(&sandbox, "SELECT count(*) FROM refusals");
    assert_eq!(rows, Some(TOLD_APART + 3));
}

#[test]
fn usage_is_kept_for_the_configured_days() {
    for (setting, kept) in [("", 400), ("[usage]\nkeep = \"3d\"", 3)] {
        let (sandbox, secret) = refused_on_days_before(500);
        sandbox.settings(setting);
        verify(&sandbox, &secret, &["--ip", "203.0.113.66"]).expect(1);
        assert_eq!(days(&sandbox), (kept, kept), "{setting}");
    }
    let (sandbox, secret) = refused_on_days_before(500);
    sandbox.settings("[usage]\nkeep = \"5d\"");
    let server = Server::start(&sandbox);
    server.verify(&secret).expect(401);
    wait_for("a recording", || days(&sandbox) == (5, 5));
    sandbox.settings("[usage]\nkeep = \"36h\"");
    let run = sandbox.run(["generate", "api", "web"]).expect(5);
    assert!(
        run.stderr.contains("`36h` is not a retention period"),
        "{run:?}"
    );
}

#[test]
fn days_recorded_by_a_wrong_clock_are_removed_first() {
    let (sandbox, secret) = refused_on_days_before(399);
    for table in ["days", "refusals"] {
        let ahead =
            format!("UPDATE {table} SET day = day + 3650, last_at = last_at + 3650 * 86400");
        changed(&sandbox, &ahead, []);
    }
    let before =
        "INSERT INTO days SELECT key_id, day - 3700, verdict, count, last_at - 3700 * 86400
        FROM days; INSERT INTO refusals SELECT key_id, verdict, day - 3700, tail, address, count,
        last_at - 3700 * 86400 FROM refusals";
    Connection::open(sandbox.usage())
        .unwrap()
        .execute_batch(before)
        .unwrap();
    assert!(
        shown(&sandbox).contains("399 times as inactive"),
        "{}",
        shown(&sandbox)
    );
    verify(&sandbox, &secret, &["--ip", "203.0.113.66"]).expect(1);
    assert_eq!(days(&sandbox), (400, 400));
    assert!(
        shown(&sandbox).contains("400 times as inactive"),
        "{}",
        shown(&sandbox)
    );
}

#[test]
fn refusals_by_a_clock_that_was_ahead_are_left_aside_until_it_is_accepted() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    sandbox.run(["deactivate", "ci"]).expect(0);
    verify(&sandbox, &secret, &["--ip", "203.0.113.66"]).expect(1);
    let ahead = "UPDATE refusals SET day = day + 30, last_at = last_at + 30 * 86400;
        UPDATE days SET day = day + 30, last_at = last_at + 30 * 86400";
    Connection::open(sandbox.usage())
        .unwrap()
        .execute_batch(ahead)
        .unwrap();
    verify(&sandbox, &secret, &["--ip", "203.0.113.66"]).expect(1);
    let refused = || sandbox.show("ci")["usage"]["refusals"][0].clone();
    assert_eq!(refused()["addresses"][0]["count"], 1);
    sandbox.run(["doctor"]).expect(1);
    sandbox.run(["doctor", "--accept-clock"]).expect(0);
    sandbox.run(["doctor"]).expect(0);
    assert_eq!(refused()["count"], 2);
    assert_eq!(refused()["addresses"][0]["count"], 2);
    // Also one that is only some hours ahead, on the same day.
    changed(
        &sandbox,
        "UPDATE refusals SET last_at = last_at + 86400",
        [],
    );
    sandbox.run(["doctor"]).expect(1);
    sandbox.run(["doctor", "--accept-clock"]).expect(0);
    sandbox.run(["doctor"]).expect(0);
}

#[test]
fn refusals_of_keys_that_a_restore_removes_are_forgotten() {
    let sandbox = Sandbox::new();
    let kept = sandbox.generate(["api", "ci"]);
    sandbox.run(["deactivate", "ci"]).expect(0);
    sandbox.run(["backup", "copy.db"]).expect(0);
    let gone = sandbox.generate(["api", "web"]);
    sandbox.run(["deactivate", "web"]).expect(0);
    for secret in [kept, gone] {
        verify(&sandbox, &secret, &["--ip", "203.0.113.66"]).expect(1);
    }
    let keys = || {
        rows(&sandbox)
            .into_iter()
            .map(|(key, ..)| key)
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(), [1, 2]);
    let copy = sandbox.home().join("copy.db");
    sandbox.restore(&["--yes"], &copy).expect(0);
    assert_eq!(keys(), [1]);
}

/// A vault with one key that was refused once a day for this many days; and its secret.
fn refused_on_days_before(days: i64) -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    sandbox.run(["deactivate", "ci"]).expect(0);
    verify(&sandbox, &secret, &["--ip", "203.0.113.66"]).expect(1);
    for (table, columns) in [
        (
            "days",
            "key_id, day - n, verdict, count, last_at - n * 86400",
        ),
        (
            "refusals",
            "key_id, verdict, day - n, tail, address, count, last_at - n * 86400",
        ),
    ] {
        let fill = format!(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
             INSERT INTO {table} SELECT {columns} FROM {table}, n"
        );
        changed(&sandbox, &fill, [days]);
        let today = format!("DELETE FROM {table} WHERE day = (SELECT max(day) FROM {table})");
        changed(&sandbox, &today, []);
    }
    (sandbox, secret)
}

/// The number of days with recorded refusals, and their addresses.
fn days(sandbox: &Sandbox) -> (i64, i64) {
    let of = |table: &str| {
        let query = format!("SELECT count(DISTINCT day) FROM {table}");
        recorded(sandbox, &query).unwrap()
    };
    (of("days"), of("refusals"))
}

fn shown(sandbox: &Sandbox) -> String {
    sandbox.run(["show", "ci"]).expect(0).stdout
}

/// Moves refusals back by that many seconds.
fn earlier(sandbox: &Sandbox, condition: &str, seconds: i64) {
    let change = format!("UPDATE refusals SET last_at = last_at - ?1 WHERE {condition}");
    changed(sandbox, &change, [seconds]);
}

fn changed(sandbox: &Sandbox, change: &str, values: impl Params) {
    let usage = Connection::open(sandbox.usage()).unwrap();
    assert!(usage.execute(change, values).unwrap() > 0, "{change}");
}

type Row = (i64, String, String, String, i64);

fn owned((key, verdict, tail, address, count): (i64, &str, &str, &str, i64)) -> Row {
    (key, verdict.into(), tail.into(), address.into(), count)
}

fn rows(sandbox: &Sandbox) -> Vec<Row> {
    let usage = Connection::open(sandbox.usage()).unwrap();
    let query = "SELECT key_id, verdict, tail, address, count FROM refusals
        ORDER BY key_id, verdict, tail, address";
    let mut statement = usage.prepare(query).unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        Ok((
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get(4)?,
        ))
    };
    statement
        .query_map([], row)
        .unwrap()
        .map(Result::unwrap)
        .collect()
}
