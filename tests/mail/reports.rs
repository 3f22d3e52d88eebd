//! Dovecot's login reports, and how `serve` handles them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::thread::spawn;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::dovecot::{Accepted, Answer, Client, Mechanism, Refused};
use super::logins::wrong;
use super::machine::{Machine, on_each_debian};
use crate::ledger::{expire, retire};
use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::wait_for;
use crate::serve::recording::recorded;

/// Stands in for `serve` on a machine, and stores nothing.
pub struct Reports(TcpListener);

impl Reports {
    pub fn of(machine: &Machine) -> Self {
        let network = fs::File::open(machine.network()).unwrap();
        let listener = spawn(move || {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            TcpListener::bind("127.0.0.1:7625").unwrap()
        });
        Self(listener.join().unwrap())
    }

    /// The next report.
    pub fn next(&self) -> Value {
        let mut stream = BufReader::new(self.0.accept().unwrap().0);
        let mut length = 0;
        let mut line = String::new();
        while stream.read_line(&mut line).unwrap() > 2 {
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.get_mut().write_all(answer.as_bytes()).unwrap();
        serde_json::from_slice(&body).unwrap()
    }
}

impl Machine {
    /// Starts `serve`.
    pub fn serve(&self) {
        let start = "(setsid postkey serve 2>serve.log &) && \
                     until grep -q 'listening on' serve.log; do sleep 0.05; done";
        self.shell(start).expect(0);
    }
}

/// Checks that a report identifies the presented secret, and nothing else.
#[track_caller]
pub fn expect_named(report: &Value, secret: &str) {
    let tail = &secret[secret.len() - 16..];
    let digest = digest(secret);
    let presented = [&report["presented_tail"], &report["presented_digest"]];
    assert_eq!(presented, [tail, digest.as_str()], "{report}");
    assert!(!report.to_string().contains(&secret[10..18]), "{report}");
}

/// Checks that a report reveals nothing about the password: Dovecot 2.4 sends the digest of an
/// empty text.
#[track_caller]
fn expect_unnamed(report: &Value) {
    assert_eq!(report["presented_tail"], "", "{report}");
    let digest = report["presented_digest"].as_str().unwrap();
    assert!(["", &self::digest("")].contains(&digest), "{report}");
}

/// SHA-256 in hexadecimal digits.
pub fn digest(text: &str) -> String {
    let bytes = Sha256::digest(text);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_login_is_reported_with_its_tail_to_where_serve_listens() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        let reports = Reports::of(&machine);
        assert_eq!(machine.login("shop_prod", &secret), Accepted);
        let accepted = reports.next();
        assert_eq!(machine.login("shop_prod", "guessed"), Refused);
        let refused = reports.next();
        assert_eq!(accepted["tail"], secret[secret.len() - 16..]);
        let tail = &secret[secret.len() - 16..];
        assert_eq!(
            (&accepted["login"], &accepted["success"]),
            (&format!("shop_prod/{tail}").into(), &true.into())
        );
        assert_eq!(
            (&accepted["mech"], &accepted["protocol"]),
            (&"PLAIN".into(), &"smtp".into())
        );
        assert_eq!(
            (&refused["login"], &refused["success"]),
            (&"shop_prod".into(), &false.into())
        );
        for report in [accepted, refused] {
            let hash = report.get("pwhash").unwrap_or(&Value::Null);
            assert!(hash.is_null() || hash == "", "{report}");
        }
    });
}

#[test]
fn a_report_names_each_secret_that_is_presented_accepted_or_not() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        let postkey = &machine.sandbox;
        let idle = postkey.generate(["smtp", "idle", "--username", "ops@example.com"]);
        postkey.run(["deactivate", "idle"]).expect(0);
        let reports = Reports::of(&machine);
        for (username, presented, answer) in [
            ("shop_prod", &secret, Accepted),
            ("shop_prod", &wrong(&secret), Refused),
            ("ops@example.com", &idle, Refused),
            ("ops@example.com", &secret, Refused),
            ("nobody", &secret, Refused),
        ] {
            for mechanism in [Mechanism::Plain, Mechanism::Login] {
                let login = Client::new(&machine).login(mechanism, username, presented);
                assert_eq!(login, answer, "{username}");
                let report = reports.next();
                assert_eq!(report["success"], answer == Accepted, "{report}");
                expect_named(&report, presented);
            }
        }
        machine.expect_no_errors();
    });
}

#[test]
fn a_report_tells_nothing_of_a_password_of_another_shape() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        let human = "correct horse battery staple";
        let users = format!("rails_prod:{{PLAIN}}{human}");
        machine.sandbox.import("dovecot", users).expect(0);
        let reports = Reports::of(&machine);
        let next = |username: &str, password: &str| -> (Answer, Value) {
            (machine.login(username, password), reports.next())
        };
        let (answer, report) = next("rails_prod", human);
        assert_eq!(answer, Accepted);
        expect_unnamed(&report);
        let (_, guessed) = next("shop_prod", "guessed");
        expect_unnamed(&guessed);
        let passwords = [
            human.to_owned(),
            "a'b\"c|d%w%{password}%%\\;~:}\\1".to_owned(),
            "' | upper}%{password}".to_owned(),
            "\u{1}\t\u{7f}\u{e4}\u{1f600}".to_owned(),
            "x".repeat(300),
            format!("xsmtpa-{}-a", "0".repeat(300)),
            format!("xsmtppost-{}-correcthorse", &secret[10..74]),
            "xsmtp1-1-correcthorsebatterystaple".to_owned(),
            secret[..secret.len() - 1].to_owned(),
            secret[1..].to_owned(),
            format!("{secret}0"),
            format!("{secret}\n"),
            format!("x\n{secret}"),
            format!("{secret}\""),
            secret.to_uppercase(),
        ];
        for password in passwords {
            let (answer, report) = next("shop_prod", &password);
            assert_eq!(answer, Refused, "{password}");
            // Whatever it is, it is reported like any other.
            assert_eq!(report, guessed, "{password}");
        }
        // For a username that Dovecot refuses to look up, it reports neither name nor password.
        let (_, report) = next("shop'prod|\"", &secret);
        expect_unnamed(&report);
        machine.expect_no_errors();
    });
}

/// Events of a key with the shared login, and the verdict on its first secret afterwards. `RETIRE`
/// and `EXPIRE` end the grace period and the key.
const ENDS: [(&[&str], &str); 8] = [
    (&[], "mismatch"),
    (&["deactivate k"], "inactive"),
    (&[EXPIRE], "expired"),
    (&["rotate k", RETIRE], "retired"),
    (&["rotate k", "rotate --finish --yes k"], "retired"),
    (&["regenerate --yes k"], "replaced"),
    (&["revoke --replace k"], "revoked"),
    (&["delete --yes k"], "deleted"),
];
const RETIRE: &str = "retire";
const EXPIRE: &str = "expire";
/// The time of that.
const LONG_AGO: i64 = 1_000_000_000;

/// Creates a key and runs an event; returns its first secret.
fn ended(postkey: &Sandbox, name: &str, login: &str, steps: &[&str]) -> String {
    let secret = postkey.generate(["smtp", name, "--username", login]);
    for step in steps {
        match *step {
            RETIRE => retire(postkey, name, LONG_AGO),
            EXPIRE => expire(postkey, name, LONG_AGO),
            command => {
                let words = command.split(' ');
                let words = words.map(|word| if word == "k" { name } else { word });
                Run::of(postkey.command(words).output().unwrap()).expect(0);
            }
        }
    }
    secret
}

#[test]
fn a_refusal_is_counted_for_the_key_whose_secret_it_was() {
    on_each_debian(|debian| {
        let (machine, own) = Machine::with_dovecot(debian);
        let postkey = &machine.sandbox;
        let login = "ops@example.com";
        let ended = |number: usize| {
            let (steps, verdict) = ENDS[number];
            let secret = ended(postkey, &format!("key-{number}"), login, steps);
            match verdict {
                "mismatch" => (wrong(&secret), number + 2, verdict),
                _ => (secret, number + 2, verdict),
            }
        };
        let mut refused: Vec<_> = (0..ENDS.len()).map(ended).collect();
        refused.push((own, 1, "mismatch"));
        refused.push((Sandbox::new().generate(["smtp", "other"]), 0, "unknown"));
        machine.serve();
        for (password, key, verdict) in refused {
            let what = format!("{debian:?}: {verdict} of key {key}");
            assert_eq!(machine.login(login, &password), Refused, "{what}");
            let query = format!(
                "SELECT sum(count) FROM days WHERE key_id = {key} AND verdict = '{verdict}'"
            );
            wait_for(&what, || recorded(postkey, &query) == Some(1));
        }
        machine.expect_no_errors();
    });
}

#[test]
fn dovecot_refuses_a_decoy_and_each_attempt_is_reported() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        let postkey = &machine.sandbox;
        let decoy = ["smtp", "decoy", "--decoy", "--username", "old_prod"];
        let decoy = postkey.generate(decoy);
        let shared = ["smtp", "shared", "--decoy", "--username", "ops@example.com"];
        let shared = postkey.generate(shared);
        machine.serve();
        let tried = |key: i64, verdict: &str| {
            let query = format!(
                "SELECT sum(count) FROM refusals WHERE key_id = {key} AND verdict = '{verdict}'"
            );
            recorded(postkey, &query).unwrap_or_default()
        };
        for (username, password, key, verdict, count) in [
            ("old_prod", &decoy, 2, "decoy", 1),
            ("OLD_PROD", &decoy, 2, "decoy", 2),
            ("shop_prod", &decoy, 2, "decoy", 3),
            ("old_prod", &wrong(&decoy), 2, "mismatch", 1),
            ("ops@example.com", &shared, 3, "decoy", 1),
        ] {
            assert_eq!(machine.login(username, password), Refused, "{username}");
            let what = format!("{debian:?}: {verdict} of {username}");
            wait_for(&what, || tried(key, verdict) == count);
        }
        assert_eq!(machine.login("shop_prod", &secret), Accepted);
        let found = postkey.run(["check", "--format", "csv"]).expect(1).stdout;
        assert_eq!(found.matches("decoy-used").count(), 2, "{found}");
        assert!(
            found.contains("presented 3 times, most recently "),
            "{found}"
        );
        machine.expect_no_errors();
    });
}

#[test]
fn serve_only_accepts_dovecots_reports() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        machine.serve();
        assert_eq!(machine.login("shop_prod", &secret), Accepted);
        assert_eq!(machine.login("shop_prod", "guessed"), Refused);
        let metrics = || {
            machine
                .shell("curl -s 127.0.0.1:7625/metrics")
                .expect(0)
                .stdout
        };
        let logins = |verdict: &str, count: u32| {
            let line = format!("postkey_mail_logins_total{{verdict=\"{verdict}\"}} {count}\n");
            metrics().contains(&line)
        };
        wait_for("two reports", || {
            logins("accepted", 1) && logins("mismatch", 1)
        });
        // Any local user could send that.
        let forged = "curl -s -o /dev/null -w '%{http_code}' 127.0.0.1:7625/dovecot?command=report \
                  --json '{\"login\":\"shop_prod\",\"success\":true,\"remote\":\"192.0.2.1\"}'";
        assert_eq!(machine.shell(forged).expect(0).stdout, "401");
        assert!(logins("accepted", 1) && logins("mismatch", 1));
        // Its proof is not in a configuration that others can read.
        let token = fs::read_to_string(machine.sandbox.token()).unwrap();
        let token = token.rsplit_once(' ').unwrap().1;
        let run = machine
            .shell("cat /etc/dovecot/dovecot.conf; doveconf -n")
            .expect(0);
        assert!(run.stdout.contains("dovecot-token") && !run.stdout.contains(token));
        assert!(!machine.dovecot_log().contains(token));
        assert!(!machine.dovecot_log().contains("Policy server HTTP error"));
        machine.expect_no_errors();
    });
}
