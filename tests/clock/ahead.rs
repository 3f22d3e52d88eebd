//! A clock that was once ahead: nothing is blocked, and nothing lost once it is corrected.

use rusqlite::Connection;

use super::{at, verdict_at};
use crate::sandbox::{Run, Sandbox};

/// How far ahead the clock was, for one command.
const AHEAD: &str = "+3650d";

/// A vault with a log entry by a clock that was far ahead.
fn once_ahead() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "first"]);
    at(&sandbox, AHEAD, &["describe", "first", "of the future"]).expect(0);
    sandbox
}

#[test]
fn new_keys_expire_on_time_after_a_clock_was_ahead() {
    let sandbox = once_ahead();
    let brief = sandbox.generate(["api", "brief", "--expires", "1h"]);
    let old = sandbox.generate(["api", "ci"]);
    let rotated = sandbox.run(["rotate", "ci", "--grace", "1h"]).expect(0);
    for secret in [&brief, &old, &rotated.secret()] {
        assert_eq!(verdict_at(&sandbox, "+59m", secret), "accepted");
    }
    assert_eq!(verdict_at(&sandbox, "+61m", &brief), "expired");
    assert_eq!(verdict_at(&sandbox, "+61m", &old), "retired");
    assert_eq!(verdict_at(&sandbox, "+61m", &rotated.secret()), "accepted");
}

#[test]
fn the_view_of_mail_servers_goes_by_the_clock() {
    let sandbox = once_ahead();
    sandbox.generate(["smtp", "mail", "--expires", "1h"]);
    let rows = |offset: &str| {
        let mut sqlite = std::process::Command::new("sqlite3");
        sqlite.arg(sandbox.vault());
        sqlite.arg("SELECT count(*) FROM smtp_login");
        super::fake(&mut sqlite, offset);
        Run::of(sqlite.output().unwrap()).expect(0).stdout
    };
    // SQLite has no time after the year 9999.
    let found = ["+59m", "+61m", "@9999-12-31 12:00:00", "+30000y"].map(rows);
    assert_eq!(found, ["1\n", "0\n", "0\n", "0\n"]);
}

#[test]
fn a_limit_resets_after_a_clock_was_ahead() {
    for (limit, over) in [("2/minute", "+61s"), ("2/hour", "+61m"), ("2/day", "+25h")] {
        let sandbox = Sandbox::new();
        let secret = sandbox.generate(["api", "ci", "--limit", limit]);
        for ahead in [AHEAD, "+30h"] {
            assert_eq!(verdict_at(&sandbox, ahead, &secret), "accepted");
        }
        // In the middle of a window, whenever this runs.
        let use_up = |offset: &str| [0; 3].map(|_| verdict_at(&sandbox, offset, &secret));
        let verdicts = use_up("+0");
        assert!(verdicts.contains(&"accepted".to_owned()), "{limit}");
        use_up("+0");
        assert_eq!(verdict_at(&sandbox, "+0", &secret), "over-limit", "{limit}");
        assert_eq!(verdict_at(&sandbox, over, &secret), "accepted", "{limit}");
    }
}

#[test]
fn dates_after_now_are_in_the_future() {
    let sandbox = once_ahead();
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(240);
    let soon = soon.to_string();
    sandbox.run(["set", "first", "--expires", &soon]).expect(0);
    let shown = sandbox.show("first");
    assert_eq!(shown["status"], "active");
}

#[test]
fn a_restored_backup_is_complete() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--expires", "1d"]);
    sandbox.run(["backup", "copy.db"]).expect(0);
    at(&sandbox, AHEAD, &["describe", "ci", "of the future"]).expect(0);
    assert_eq!(sandbox.verify(&secret).0, "expired");
    let restore = ["restore", "copy.db", "--confirm", "ci", "--yes"];
    sandbox.run(restore).expect(0);
    assert_eq!(sandbox.verify(&secret).0, "accepted");
    let doctor = sandbox.run(["doctor"]).expect(1);
    assert!(doctor.stdout.contains("✓  clock"), "{doctor:?}");
}

#[test]
fn accepting_the_clock_undoes_a_run_with_a_wrong_clock() {
    for wrong in [
        &["describe", "ci", "of the future"][..],
        &["check"],
        &["deactivate", "other"],
        &["generate", "api", "new"],
    ] {
        let sandbox = Sandbox::new();
        sandbox.generate(["api", "other"]);
        let brief = sandbox.generate(["smtp", "brief", "--expires", "90d"]);
        let old = sandbox.generate(["api", "ci"]);
        let new = sandbox.run(["rotate", "ci"]).expect(0).secret();
        sandbox.run(["doctor"]).expect(0);
        at(&sandbox, AHEAD, wrong);
        let verdicts = || [&brief, &old, &new].map(|secret| sandbox.verify(secret).0);
        assert_eq!(verdicts(), ["expired", "retired", "accepted"], "{wrong:?}");

        let doctor = sandbox.run(["doctor"]).expect(1);
        assert!(doctor.stdout.contains("--accept-clock"), "{doctor:?}");
        let abort = sandbox.run(["rotate", "--abort", "ci", "--yes"]).expect(1);
        assert!(abort.stderr.contains("--accept-clock"), "{abort:?}");
        // Another rotation would replace the old secret, which becomes valid again below.
        let rotate = sandbox.run(["rotate", "ci"]).expect(1);
        assert!(rotate.stderr.contains("--accept-clock"), "{rotate:?}");
        let rotate = sandbox.run(["rotate", "brief"]).expect(1);
        assert!(rotate.stderr.contains("--accept-clock"), "{rotate:?}");
        let changed = sandbox.run(["describe", "other", "now"]).expect(0);
        assert!(
            changed.stderr.contains("is the clock right?"),
            "{changed:?}"
        );
        sandbox.run(["doctor", "--accept-clock"]).expect(2);
        // --yes is not enough, nor is another key's name.
        for confirm in ["--yes", "--confirm=other"] {
            let refused = sandbox.run(["doctor", "--accept-clock", confirm]).expect(2);
            let hint = "hint: pass --confirm brief";
            assert!(refused.stderr.contains(hint), "{refused:?}");
            assert_eq!(verdicts(), ["expired", "retired", "accepted"], "{wrong:?}");
        }
        let confirm = ["doctor", "--accept-clock", "--confirm", "brief"];
        let accepted = sandbox.run(confirm).expect(0);
        assert!(
            accepted.stderr.contains("valid again: `brief`, `ci`"),
            "{accepted:?}"
        );
        assert_eq!(
            verdicts(),
            ["accepted", "accepted", "accepted"],
            "{wrong:?}"
        );
        sandbox.run(["doctor"]).expect(0);
        let changed = sandbox.run(["describe", "other", "again"]).expect(0);
        assert!(!changed.stderr.contains("clock"), "{changed:?}");
        sandbox.run(["log", "verify"]).expect(0);
    }
}

#[test]
fn a_new_expiry_clears_a_recorded_expiry() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--expires", "90d"]);
    at(&sandbox, AHEAD, &["describe", "ci", "of the future"]).expect(0);
    assert_eq!(sandbox.verify(&secret).0, "expired");
    sandbox.run(["describe", "ci", "now"]).expect(0);
    assert_eq!(sandbox.verify(&secret).0, "expired");
    sandbox.run(["set", "ci", "--expires", "60d"]).expect(0);
    assert_eq!(sandbox.verify(&secret).0, "accepted");
    sandbox.run(["doctor"]).expect(0);
}

#[test]
fn use_recorded_by_a_wrong_clock_hides_nothing() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    assert_eq!(verdict_at(&sandbox, "-50d", &secret), "accepted");
    assert_eq!(verdict_at(&sandbox, AHEAD, &secret), "accepted");
    let last = || sandbox.show("ci")["last_used_at"].clone();
    let ago = |value: serde_json::Value| {
        let at: jiff::Timestamp = value.as_str().unwrap().parse().unwrap();
        (jiff::Timestamp::now().as_second() - at.as_second()) / 86_400
    };
    assert_eq!(
        ago(last()),
        50,
        "the days before are kept, those ahead do not count"
    );
    let unused = sandbox.run(["list", "--unused", "45d"]).expect(0);
    assert!(unused.stdout.contains("ci"), "{unused:?}");
    let doctor = sandbox.run(["doctor"]).expect(1);
    assert!(doctor.stdout.contains("behind recorded uses"), "{doctor:?}");
    sandbox.run(["doctor", "--accept-clock"]).expect(0);
    assert_eq!(ago(last()), 0, "it was made by now");
    sandbox.run(["doctor"]).expect(0);
    assert_eq!(sandbox.show("ci")["requests_today"], 1);
}

#[test]
fn use_recorded_by_a_wrong_clock_does_not_displace_later_use() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let verify = |ip: &str| {
        let args = ["verify", "--ip", ip];
        sandbox.run_with_input(args, secret.as_bytes()).expect(0)
    };
    verify("192.0.2.1");
    let usage = Connection::open(sandbox.usage()).unwrap();
    let fill = "
        WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 1100),
          ahead(at) AS (SELECT unixepoch() + 3650 * 86400)
        INSERT INTO addresses (key_id, address, count, last_at)
          SELECT key_id, '10.0.0.' || n, 1, at + n FROM secrets, n, ahead WHERE n < 10;
        WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 1100),
          ahead(at) AS (SELECT unixepoch() + 3650 * 86400)
        INSERT INTO networks (key_id, network, first_at)
          SELECT key_id, n || '/24', at FROM secrets, n, ahead WHERE n < 1000;
        WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 1100),
          ahead(at) AS (SELECT unixepoch() + 3650 * 86400)
        INSERT INTO days (key_id, day, verdict, count, last_at)
          SELECT key_id, at / 86400 + n, 'accepted', 1, at FROM secrets, n, ahead WHERE n < 420;
        DELETE FROM days WHERE day < unixepoch() / 86400 + 10;
        DELETE FROM addresses WHERE address LIKE '192.%'";
    usage.execute_batch(fill).unwrap();
    verify("203.0.113.7");
    let addresses = || {
        let run = sandbox.run(["usage", "ci", "--format", "json"]).expect(0);
        let found = run.json()[0]["addresses"].clone();
        let all = found.as_array().unwrap().iter();
        let all = all.map(|found| found["address"].as_str().unwrap().to_owned());
        all.collect::<Vec<_>>()
    };
    assert_eq!(addresses(), ["203.0.113.7"]);
    verify("198.51.100.7");
    assert_eq!(addresses(), ["198.51.100.7", "203.0.113.7"]);
    assert_eq!(sandbox.show("ci")["requests_today"], 2);
    let networks = "SELECT count(*) FROM networks WHERE first_at <= unixepoch()";
    let networks: i64 = usage.query_row(networks, [], |row| row.get(0)).unwrap();
    assert_eq!(networks, 3, "the first, and two new ones");
}

#[test]
fn a_network_recorded_by_a_wrong_clock_is_reported() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let verify = ["verify", "--ip", "192.0.2.1"];
    sandbox.run_with_input(verify, secret.as_bytes()).expect(0);
    sandbox.run(["doctor"]).expect(0);
    let usage = Connection::open(sandbox.usage()).unwrap();
    let ahead = "UPDATE networks SET first_at = first_at + 86400";
    usage.execute_batch(ahead).unwrap();
    let doctor = sandbox.run(["doctor"]).expect(1);
    assert!(doctor.stdout.contains("behind recorded uses"), "{doctor:?}");
    sandbox.run(["doctor", "--accept-clock"]).expect(0);
    sandbox.run(["doctor"]).expect(0);
}

#[test]
fn a_secret_retired_by_a_wrong_clock_still_revokes_its_key() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    let rotate = sandbox.run(["rotate", "ci", "--grace", "30d"]).expect(0);
    at(&sandbox, "+365d", &["describe", "ci", "x"]).expect(0);
    assert_eq!(sandbox.verify(&old).0, "retired");
    sandbox.run_with_input(["revoke"], old.as_bytes()).expect(0);
    let confirm = ["doctor", "--accept-clock", "--confirm", "ci"];
    sandbox.run(confirm).expect(0);
    assert_eq!(sandbox.verify(&old).0, "inactive");
    assert_eq!(sandbox.verify(&rotate.secret()).0, "inactive");
}
