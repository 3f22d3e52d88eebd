//! Dead secrets: they are refused, and it is known whose they were, and why.

use std::fs;

use rusqlite::{Connection, params};

use super::lookalikes::Lookalikes;
use super::server::Server;
use super::socket::start;
use crate::clock::at;
use crate::ledger::{make_older, retire};
use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::wait_for;

/// How the key `k` loses a secret: the commands, which of the shown secrets is dead then, and its
/// cause. An empty line ends the grace period.
const DEATHS: [(&[&str], usize, &str); 8] = [
    (&["regenerate --yes k"], 0, "replaced"),
    (&["rotate k", "rotate --abort --yes k"], 1, "replaced"),
    (&["rotate k", "rotate --finish --yes k"], 0, "retired"),
    (&["rotate k", "", "rotate k"], 0, "retired"),
    (&["rotate k", "", "regenerate --yes k"], 0, "retired"),
    (&["revoke --replace k"], 0, "revoked"),
    (&["delete --yes k"], 0, "deleted"),
    (&["rotate k", "delete --yes k"], 1, "deleted"),
];

/// A way to present a secret; returns the HTTP or exit status.
type Way = fn(&Sandbox, &Server, &str) -> i32;

const WAYS: [(&str, Way); 3] = [
    ("api", |_, server, secret| {
        server.verify(secret).status.into()
    }),
    ("smtp", |_, server, secret| {
        server.login("own_name", secret).status.into()
    }),
    ("", |sandbox, _, secret| sandbox.verify(secret).1),
];

/// A key with its first secret, and the last output.
fn dead(kind: &str, steps: &[&str], dies: usize) -> (Sandbox, Server, String) {
    let sandbox = Sandbox::new();
    let first = match kind {
        "smtp" => sandbox.generate(["smtp", "k", "--username", "own_name"]),
        _ => sandbox.generate([kind, "k"]),
    };
    let server = start(&sandbox);
    let mut shown = vec![first];
    for step in steps {
        if step.is_empty() {
            retire(&sandbox, "k", 1_000_000_000);
            continue;
        }
        let run = Run::of(sandbox.command(step.split(' ')).output().unwrap()).expect(0);
        let secrets = run.stdout.lines().filter(|line| line.starts_with('x'));
        shown.extend(secrets.map(str::to_owned));
    }
    let secret = shown.swap_remove(dies);
    (sandbox, server, secret)
}

/// How often the first key's secret got a verdict.
fn count(sandbox: &Sandbox, verdict: &str) -> i64 {
    let usage = Connection::open(sandbox.usage()).unwrap();
    let query = "SELECT ifnull(sum(count), 0) FROM days WHERE key_id = 1 AND verdict = ?1";
    usage
        .query_row(query, params![verdict], |row| row.get(0))
        .unwrap()
}

#[test]
fn each_cause_of_death_is_reported_and_counted_everywhere() {
    for kind in ["api", "smtp"] {
        for (steps, dies, cause) in DEATHS {
            let (sandbox, server, secret) = dead(kind, steps, dies);
            let mut presented = 0;
            for (of, way) in WAYS {
                if of.is_empty() || of == kind {
                    let status = way(&sandbox, &server, &secret);
                    assert!([401, 1].contains(&status), "{kind} {steps:?}: {status}");
                    presented += 1;
                }
            }
            assert_eq!(sandbox.verify(&secret).0, cause, "{kind} {steps:?}");
            presented += 1;
            wait_for("the record", || count(&sandbox, cause) == presented);
            let identify = ["identify", "--format", "json"];
            let told = sandbox.run_with_input(identify, secret.as_bytes());
            let told = told.expect(0).json();
            assert_eq!(told["verdict"], cause, "{told}");
            assert_eq!(told["former_name"], "k", "{told}");
            assert_eq!(
                (&told["identified"], &told["good"]),
                (&true.into(), &false.into())
            );
            assert_eq!(told["presented_since"], presented, "{told}");
            // Reading is not a use.
            assert_eq!(count(&sandbox, cause), presented);
            let metric = match kind {
                "api" => format!("postkey_requests_total{{path=\"/verify\",verdict=\"{cause}\"}}"),
                _ => format!("postkey_mail_logins_total{{verdict=\"{cause}\"}}"),
            };
            assert_eq!(server.metric(&metric), 1, "{kind} {steps:?}");
            // Its tail is public.
            let lookalike = Lookalikes::of(&secret).next().filter(|_| kind == "api");
            if let Some(lookalike) = lookalike {
                assert_eq!(sandbox.verify(&lookalike).0, "unknown");
                server.verify(&lookalike).expect(401);
                assert_eq!(count(&sandbox, cause), presented);
            }
        }
    }
}

#[test]
fn verify_and_revoke_say_whose_a_dead_secret_was() {
    let (sandbox, _server, secret) = dead("api", &["regenerate --yes k"], 0);
    let verify = sandbox
        .run_with_input(["verify"], secret.as_bytes())
        .expect(1);
    let said = "replaced: it was the secret of `k`, replaced ";
    assert!(verify.stdout.starts_with(said), "{verify:?}");
    let revoke = sandbox
        .run_with_input(["revoke"], secret.as_bytes())
        .expect(1);
    assert!(revoke.stderr.contains("an old one of `k`"), "{revoke:?}");
    sandbox.run(["delete", "--yes", "k"]).expect(0);
    // The first cause stays.
    assert_eq!(sandbox.verify(&secret).0, "replaced");
    let (sandbox, _server, secret) = dead("api", &["delete --yes k"], 0);
    let revoke = sandbox
        .run_with_input(["revoke"], secret.as_bytes())
        .expect(1);
    assert!(
        revoke.stderr.contains("there is nothing to revoke"),
        "{revoke:?}"
    );
}

#[test]
fn identify_reports_the_use_of_dead_secrets() {
    let (sandbox, _server, secret) = dead("api", &["regenerate --yes k"], 0);
    let identify = |expected: &str| {
        let run = sandbox
            .run_with_input(["identify"], secret.as_bytes())
            .expect(0);
        assert!(run.stdout.contains(expected), "{run:?}");
    };
    identify("; no recorded use since");
    for address in ["203.0.113.66", "203.0.113.67", "203.0.113.66"] {
        let verify = ["verify", "--ip", address];
        sandbox.run_with_input(verify, secret.as_bytes()).expect(1);
    }
    identify("; presented 3 times since, most recently ");
    identify(" from 203.0.113.66");
}

#[test]
fn delete_forget_leaves_nothing_of_the_secrets() {
    let (sandbox, server, secret) = dead("api", &["regenerate --yes k"], 0);
    let digest = |sandbox: &Sandbox| -> Vec<u8> {
        let vault = Connection::open(sandbox.vault()).unwrap();
        let query = "SELECT digest FROM dead_secrets";
        vault.query_row(query, [], |row| row.get(0)).unwrap()
    };
    let digest = digest(&sandbox);
    let is_left = || {
        let bytes = fs::read(sandbox.vault()).unwrap();
        bytes.windows(8).any(|part| part == &digest[..8])
    };
    assert!(is_left());
    assert_eq!(sandbox.verify(&secret).0, "replaced");
    sandbox.run(["delete", "--yes", "--forget", "k"]).expect(0);
    assert!(!is_left());
    assert_eq!(count(&sandbox, "replaced"), 0);
    assert_eq!(sandbox.verify(&secret).0, "unknown");
    server.verify(&secret).expect(401);
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn old_dead_secrets_are_removed_when_another_dies() {
    for (settings, late) in [("", "+401d"), ("[usage]\nkeep = \"10d\"\n", "+11d")] {
        let sandbox = Sandbox::new();
        sandbox.settings(settings);
        let secret = sandbox.generate(["api", "k"]);
        sandbox.generate(["api", "other"]);
        sandbox.run(["delete", "--yes", "k"]).expect(0);
        at(&sandbox, "+9d", &["regenerate", "--yes", "other"]).expect(0);
        assert_eq!(sandbox.verify(&secret).0, "deleted");
        at(&sandbox, late, &["regenerate", "--yes", "other"]).expect(0);
        assert_eq!(sandbox.verify(&secret).0, "unknown", "{late}");
    }
}

#[test]
fn a_secret_without_a_digest_leaves_nothing_when_it_dies() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "k"]);
    make_older(&sandbox, &secret);
    sandbox.run(["regenerate", "--yes", "k"]).expect(0);
    assert_eq!(sandbox.verify(&secret).0, "unknown");
}

#[test]
fn secrets_missing_from_a_restored_backup_are_dead() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "k"]);
    sandbox.run(["backup", "copy.db"]).expect(0);
    let new = sandbox.run(["regenerate", "--yes", "k"]).expect(0).secret();
    let gone = sandbox.generate(["api", "later"]);
    sandbox
        .run(["restore", "--yes", "--confirm", "k", "copy.db"])
        .expect(0);
    assert_eq!(sandbox.verify(&old).0, "accepted");
    for secret in [&new, &gone] {
        assert_eq!(sandbox.verify(secret).0, "replaced");
    }
    let doctor = sandbox.run(["doctor"]);
    assert!(doctor.stdout.contains("✓  facts"), "{doctor:?}");
}
