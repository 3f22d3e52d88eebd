//! How long an old secret works: the grace period, the key's own expiry, and a clock that goes
//! back.

use jiff::Timestamp;

use super::{end_grace, rotate, rotating, seconds_left, verdicts};
use crate::clock::at;
use crate::ledger;
use crate::sandbox::Sandbox;

#[test]
fn grace_times_of_nothing_and_of_more_than_a_year_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    for grace in [
        "0s",
        "0",
        "-1h",
        "366d",
        "1y",
        "never",
        "1ms",
        "",
        "2027-01-31",
    ] {
        let run = rotate(&sandbox, &[&format!("--grace={grace}")]).expect(2);
        assert!(
            run.stderr.contains("is not a grace period"),
            "{grace}: {run:?}"
        );
        assert!(
            run.stderr.contains("`postkey regenerate`"),
            "{grace}: {run:?}"
        );
    }
    assert_eq!(sandbox.show("ci")["status"], "active");
    rotate(&sandbox, &["--grace", "365d"]).expect(0);
}

#[test]
fn an_old_secret_never_outlasts_its_key() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci", "--expires", "1h"]);
    let run = rotate(&sandbox, &["--grace", "48h"]).expect(0);
    assert!(run.stderr.contains("`ci` expires then"), "{run:?}");
    assert!(run.stderr.contains("48h"), "{run:?}");
    assert!((3500..=3600).contains(&seconds_left(&sandbox)));
    sandbox.run(["set", "ci", "--expires", "never"]).expect(0);
    assert!((3500..=3600).contains(&seconds_left(&sandbox)));
}

#[test]
fn an_earlier_expiry_shortens_the_grace_period_and_a_later_one_does_not_extend_it() {
    let sandbox = Sandbox::new();
    rotating(&sandbox);
    let set = sandbox.run(["set", "ci", "--expires", "1h"]).expect(0);
    assert!(set.stderr.contains("retires"), "{set:?}");
    assert!((3500..=3600).contains(&seconds_left(&sandbox)));
    for expires in ["90d", "never"] {
        sandbox.run(["set", "ci", "--expires", expires]).expect(0);
        assert!((3500..=3600).contains(&seconds_left(&sandbox)), "{expires}");
    }
    let sooner = sandbox.run(["set", "ci", "--limit", "1/day"]).expect(0);
    assert!(!sooner.stderr.contains("retires"), "{sooner:?}");
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn an_expired_key_is_not_rotated_and_both_its_secrets_are_refused() {
    let sandbox = Sandbox::new();
    let (old, new) = rotating(&sandbox);
    ledger::expire(&sandbox, "ci", Timestamp::now().as_second() - 1);
    assert_eq!(verdicts(&sandbox, &old, &new), ["expired", "expired"]);
    assert_eq!(sandbox.show("ci")["status"], "expired");
    end_grace(&sandbox);
    let refused = rotate(&sandbox, &[]).expect(1);
    assert!(refused.stderr.contains("`ci` has expired"), "{refused:?}");
    assert!(refused.stderr.contains("--expires 90d"), "{refused:?}");
    assert_eq!(refused.stdout, "");
}

#[test]
fn a_clock_set_back_does_not_revive_retired_secrets() {
    let sandbox = Sandbox::new();
    let (old, new) = rotating(&sandbox);
    // Two days later that was seen; then the clock went back.
    at(&sandbox, "+2d", &["check"]);
    assert_eq!(verdicts(&sandbox, &old, &new), ["retired", "accepted"]);
    assert_eq!(sandbox.show("ci")["status"], "active");
    rotate(&sandbox, &["--abort", "--yes"]).expect(1);
    // Either clock may be wrong, so the old secret is not removed.
    let refused = rotate(&sandbox, &["--grace", "1h"]).expect(1);
    assert!(refused.stderr.contains("--accept-clock"), "{refused:?}");
    assert_eq!(verdicts(&sandbox, &old, &new), ["retired", "accepted"]);
}

#[test]
fn how_long_a_key_stays_valid_is_reported() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let show = || sandbox.run(["show", "ci"]).expect(0).stdout;
    let never = |line: &str| line.starts_with("expires ") && line.ends_with(" never");
    assert!(show().lines().any(never), "{}", show());
    sandbox.run(["set", "ci", "--expires", "90d"]).expect(0);
    assert!(show().contains("(in 3 months)"), "{}", show());
    ledger::expire(&sandbox, "ci", Timestamp::now().as_second() - 7200);
    assert!(show().contains("(2 hours ago)"), "{}", show());
    let list = sandbox
        .run(["list", "--status", "expired"])
        .expect(0)
        .stdout;
    assert!(
        list.contains("expired") && list.contains("2 hours ago"),
        "{list}"
    );
    let verify = sandbox
        .run_with_input(["verify"], secret.as_bytes())
        .expect(1);
    assert!(verify.stdout.contains("(2 hours ago)"), "{verify:?}");
    let set = sandbox.run(["set", "ci", "--expires", "never"]).expect(0);
    assert!(set.stderr.contains("→ never"), "{set:?}");
    assert_eq!(sandbox.verify(&secret).1, 0);
}

#[test]
fn an_expired_key_stays_expired_when_the_clock_goes_back() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--expires", "1d"]);
    sandbox.generate(["api", "other"]);
    at(&sandbox, "+2d", &["describe", "other", "later"]).expect(0);
    assert_eq!(sandbox.verify(&secret), ("expired".to_owned(), 1));
    assert_eq!(sandbox.show("ci")["status"], "expired");
    sandbox.run(["activate", "ci"]).expect(0);
    assert_eq!(sandbox.verify(&secret), ("expired".to_owned(), 1));
}
