//! `doctor --accept-clock`: its confirmation, its report, and later failures.

use std::fs;

use super::at;
use crate::sandbox::Sandbox;

/// A key that expires in a month, and was recorded as expired by a clock a year ahead.
fn ended_ahead() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "other"]);
    let secret = sandbox.generate(["api", "ci", "--expires", "30d"]);
    at(&sandbox, "+365d", &["describe", "other", "later"]).expect(0);
    assert_eq!(sandbox.verify(&secret).0, "expired");
    (sandbox, secret)
}

#[test]
fn secrets_become_valid_again_only_if_the_name_of_one_of_their_keys_is_typed() {
    let (sandbox, secret) = ended_ahead();
    for (keys, status) in [("y\r", 1), ("other\r", 1), ("\r", 1), ("ci\r", 0)] {
        for args in [
            &["doctor", "--accept-clock"][..],
            &["-y", "doctor", "--accept-clock"],
        ] {
            if sandbox.verify(&secret).0 == "accepted" {
                break;
            }
            let mut terminal = sandbox.on_terminal(args.iter().copied());
            terminal.expect("become valid again: `ci`");
            terminal
                .expect("Type the name of one of these keys")
                .press(keys);
            assert_eq!(terminal.end(), status, "{keys:?}: {}", terminal.shown());
            let verdict = if status == 0 { "accepted" } else { "expired" };
            assert_eq!(sandbox.verify(&secret).0, verdict, "{keys:?}");
        }
    }
}

#[test]
fn a_name_to_confirm_belongs_to_an_accepted_clock() {
    let (sandbox, _) = ended_ahead();
    sandbox.run(["doctor", "--confirm", "ci"]).expect(2);
    let help = sandbox.run(["doctor", "--help"]).expect(0);
    assert!(help.stdout.contains("--confirm <NAME>"), "{help:?}");
}

#[test]
fn terms_from_a_wrong_clock_are_listed_until_they_are_set_again() {
    let sandbox = Sandbox::new();
    for name in ["set-right", "rotated", "both", "finished"] {
        sandbox.generate(["api", name]);
    }
    sandbox.generate(["api", "right", "--expires", "1h"]);
    let ahead = |args: &[&str]| at(&sandbox, "+365d", args).expect(0);
    ahead(&["generate", "api", "brief", "--expires", "1h"]);
    ahead(&["generate", "api", "endless"]);
    ahead(&["set", "set-right", "--expires", "2d"]);
    ahead(&["rotate", "rotated", "--grace", "2h"]);
    ahead(&["rotate", "finished", "--grace", "2h"]);
    ahead(&["set", "both", "--expires", "90d"]);
    ahead(&["rotate", "both", "--grace", "3h"]);
    sandbox
        .run(["set", "set-right", "--expires", "2d"])
        .expect(0);
    sandbox.run(["describe", "brief", "for an hour"]).expect(0);
    sandbox
        .run(["rotate", "--finish", "finished", "--yes"])
        .expect(0);

    let expected = [
        (
            "the expiry of `brief` was computed",
            "`postkey set brief --expires 1h`",
        ),
        (
            "the expiry of `both` was computed",
            "`postkey set both --expires 90d`",
        ),
        (
            "the grace period of `both` was",
            "`postkey rotate --finish both`",
        ),
        (
            "the grace period of `rotated` was",
            "`postkey rotate --abort rotated`",
        ),
    ];
    let doctor = || {
        sandbox
            .run(["doctor", "--format", "jsonl"])
            .expect(1)
            .stdout
    };
    let told = doctor();
    let accepted = sandbox
        .run(["doctor", "--accept-clock", "--confirm", "right"])
        .expect(0);
    for text in [told, accepted.stderr, doctor()] {
        for (what, command) in expected {
            assert!(text.contains(what) && text.contains(command), "{text}");
        }
        assert_eq!(
            text.matches("computed while the clock was ahead").count(),
            4,
            "{text}"
        );
    }
    sandbox.run(["set", "brief", "--expires", "1h"]).expect(0);
    sandbox.run(["set", "both", "--expires", "never"]).expect(0);
    sandbox
        .run(["rotate", "--finish", "both", "--yes"])
        .expect(0);
    sandbox
        .run(["rotate", "--abort", "rotated", "--yes"])
        .expect(0);
    sandbox.run(["doctor"]).expect(0);
}

#[test]
fn for_a_key_expired_by_a_wrong_clock_accepting_the_clock_is_suggested() {
    let (sandbox, _) = ended_ahead();
    let check = sandbox.run(["check", "--format", "json"]).expect(1);
    let finding = &check.json()[0];
    assert_eq!(finding["finding"], "expired", "{check:?}");
    assert_eq!(
        finding["hint"],
        "postkey doctor --accept-clock --confirm ci"
    );
    let message = finding["message"].as_str().unwrap();
    assert!(
        message.contains("a fast clock marked it expired"),
        "{message}"
    );
}

#[test]
fn accepting_the_clock_fails_if_usage_cannot_be_corrected() {
    let (sandbox, secret) = ended_ahead();
    sandbox.verify(&secret);
    for end in ["-wal", "-shm"] {
        let beside = format!("{}{end}", sandbox.usage().display());
        let _ = fs::remove_file(beside);
    }
    fs::write(sandbox.usage(), "no database at all ".repeat(99)).unwrap();
    let accepted = sandbox
        .run(["doctor", "--accept-clock", "--confirm", "ci"])
        .expect(8);
    let message = "error: the clock was accepted, but uses stay as recorded: ";
    assert!(accepted.stderr.contains(message), "{accepted:?}");
    assert!(
        accepted.stderr.contains("valid again: `ci`"),
        "{accepted:?}"
    );
    assert_eq!(sandbox.verify(&secret).0, "accepted");
}
