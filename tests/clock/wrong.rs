//! An impossible clock: no command aborts, those that can wait for a correction are refused, and
//! nothing is recorded as ended.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::thread::sleep;
use std::time::Duration;

use super::{Served, fake};
use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::wait_for;

/// Possible clocks, even if 31 and 32 bit counters end there.
const RIGHT: [&str; 6] = [
    "@1970-01-01 00:00:00",
    "@2038-01-19 03:14:07",
    "@2038-01-19 03:14:08",
    "@2106-02-07 06:28:15",
    "@2106-02-07 06:28:16",
    "@8999-06-01 00:00:00",
];

/// Impossible ones, with their messages.
const WRONG: [(&str, &str); 6] = [
    ("@0001-01-01 00:00:00", "0001-01-01T00:00:"),
    ("@1969-12-31 23:59:50", "1969-12-31T23:59:"),
    ("@9000-01-02 00:00:00", "9000-01-02T00:00:"),
    ("@9999-12-31 00:00:00", "2534022144"),
    ("@9999-12-31 23:59:59", "2534023"),
    ("+30000y", "seconds since 1970"),
];

/// A command, its input, and its exit status with a possible and an impossible clock.
type Case = (&'static str, Option<&'static str>, i32, i32);

/// Its answer depends on the clock.
const ANSWER: i32 = -2;

const COMMANDS: &[Case] = &[
    ("list", None, 0, 0),
    ("show web", None, 0, 0),
    ("show old", None, 0, 0),
    ("identify", Some("web"), 0, 0),
    ("log", None, 0, 0),
    ("log verify", None, 0, 0),
    ("doctor", None, ANSWER, 1),
    ("doctor --accept-clock --yes", None, 0, 5),
    ("verify", Some("web"), 0, 5),
    ("explain", Some("web"), 0, 5),
    ("usage", None, 0, 5),
    ("usage --month 1970-01", None, 0, 5),
    ("check", None, ANSWER, 5),
    ("check --format ics", None, 0, 5),
    ("check --format prometheus", None, 0, 5),
    ("deactivate web", None, 0, 0),
    ("activate web", None, 0, 5),
    ("describe web --expires", None, 2, 2),
    ("describe web text", None, 0, 5),
    ("set web --expires 90d", None, 0, 5),
    ("set web --permission read-only", None, 0, 5),
    ("rename other another", None, 0, 5),
    ("regenerate web --yes", None, 0, 5),
    ("rotate web --grace 365d", None, 0, 5),
    ("rotate --abort web --yes", None, 0, 5),
    ("rotate --due --label a=b", None, 0, 5),
    ("rotate --finish old --yes", None, 0, 5),
    ("reveal --passphrase-file pass", None, 0, 5),
    ("generate api new --expires 90d", None, 0, 5),
    ("generate smtp newer", None, 0, 5),
    ("run -- true", None, 0, 5),
    ("apply keys.toml --yes", None, 0, 5),
    ("import htpasswd users", None, 0, 5),
    ("backup copy.db", None, 0, 5),
    ("export dovecot", None, 0, 5),
    ("restore whole.db --yes --keep-inactive", None, 0, 5),
    ("revoke lost", None, 0, 0),
    ("delete gone --yes", None, 0, 0),
    ("connect dovecot", None, 0, 0),
    ("completions bash", None, 0, 0),
    ("config", None, 0, 0),
    ("help list", None, 0, 0),
    ("serve --listen unix:/nowhere/at/all", None, 5, 5),
];

/// A vault with everything that the commands need, created with the right clock.
fn prepared() -> Sandbox {
    let sandbox = Sandbox::new();
    let write = |name: &str, text: &str| {
        let path = sandbox.home().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    };
    write("pass", "a long enough passphrase of words\n");
    write(
        "users",
        "user_1:$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC\n",
    );
    write(
        "keys.toml",
        "[[key]]\nname = \"made\"\nkind = \"api\"\nsave = { file = \"made.key\" }\n",
    );
    let secret = sandbox.generate(["api", "web"]);
    write("web", &secret);
    for name in ["old", "other", "lost", "gone"] {
        sandbox.generate(["api", name]);
    }
    sandbox.generate(["smtp", "mail", "--default", "--passphrase-file", "pass"]);
    sandbox.run(["rotate", "old", "--grace", "365d"]).expect(0);
    sandbox.run(["backup", "whole.db"]).expect(0);
    sandbox
}

fn run(sandbox: &Sandbox, clock: &str, (words, input, ..): &Case) -> Run {
    let mut command = sandbox.command(words.split(' '));
    fake(&mut command, clock);
    if let Some(input) = input {
        command.stdin(fs::File::open(sandbox.home().join(input)).unwrap());
    }
    let run = Run::of(command.output().unwrap());
    let is_abort = [101, 134, -1].contains(&run.status);
    let is_bug = run.stderr.contains("panicked") || run.stderr.contains("this is a bug");
    assert!(!is_abort && !is_bug, "{words} at {clock}: {run:?}");
    run
}

#[test]
fn every_command_works_by_every_clock_that_can_be_right() {
    for clock in RIGHT {
        let sandbox = prepared();
        for case in COMMANDS {
            let run = run(&sandbox, clock, case);
            let is_right = match case.2 {
                ANSWER => run.status <= 1,
                status => run.status == status,
            };
            assert!(is_right, "{} at {clock}: {run:?}", case.0);
        }
    }
}

#[test]
fn no_command_crashes_with_an_impossible_clock() {
    for (clock, said) in WRONG {
        let sandbox = prepared();
        for case in COMMANDS {
            let run = run(&sandbox, clock, case);
            assert_eq!(run.status, case.3, "{} at {clock}: {run:?}", case.0);
            let is_told = run.stderr.contains("the system clock is wrong: it says");
            if case.2 != case.3 && case.3 == 5 {
                assert!(is_told && run.stderr.contains(said), "{run:?}");
                assert!(run.stderr.contains("hint: set the clock"), "{run:?}");
            } else if case.0 == "doctor" {
                assert!(run.stdout.contains("the system clock is wrong"), "{run:?}");
            } else if case.3 == 0 && case.0 != "help list" {
                assert!(is_told && run.stderr.contains("assuming"), "{run:?}");
            }
        }
    }
}

#[test]
fn the_table_has_every_command() {
    let definition = postkey::cli::definition();
    let words = definition.get_subcommands().map(|verb| verb.get_name());
    let words = words.chain(["help"]);
    let known = COMMANDS
        .iter()
        .map(|case| case.0.split(' ').next().unwrap());
    assert_eq!(
        words.collect::<BTreeSet<_>>(),
        known.collect::<BTreeSet<_>>()
    );
}

#[test]
fn an_impossible_clock_ends_nothing() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "other"]);
    let brief = sandbox.generate(["api", "brief", "--expires", "90d"]);
    let old = sandbox.generate(["api", "ci"]);
    sandbox.run(["rotate", "ci"]).expect(0);
    let deactivate: Case = ("deactivate other", None, 0, 0);
    run(&sandbox, "@9999-12-31 23:59:59", &deactivate).expect(0);
    assert_eq!(sandbox.show("other")["status"], "inactive");
    for secret in [&brief, &old] {
        assert_eq!(sandbox.verify(secret).0, "accepted");
    }
    let doctor = sandbox.run(["doctor"]).expect(1);
    assert!(!doctor.stdout.contains("expired or retired"), "{doctor:?}");
}

#[test]
fn a_server_recovers_when_its_clock_is_right_again() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let brief = sandbox.generate(["api", "brief", "--expires", "90d"]);
    let mut served = Served::start(&sandbox);
    let both = |served: &Served| [&secret, &brief].map(|secret| served.status(secret));
    assert_eq!(both(&served), [200, 200]);
    let told = |served: &Served, what: &str, count: usize| {
        wait_for("a notice", || {
            served.server.log().matches(what).count() == count
        });
    };
    let wrong = "the system clock is wrong";
    // Whether HTTP can represent it.
    let clocks = [
        ("@0001-01-01 00:00:00", false),
        ("@1969-12-31 23:59:50", false),
        ("@9000-01-02 00:00:00", true),
        ("@9999-12-31 23:00:00", true),
        ("+30000y", false),
    ];
    for (count, (clock, has_date)) in clocks.into_iter().enumerate() {
        served.set(clock);
        if has_date {
            assert_eq!(both(&served), [200, 401], "{clock}");
        } else {
            assert_eq!(answer(&served.server.address, &secret), "", "{clock}");
        }
        told(&served, wrong, count + 1);
        served.set("+0");
        told(&served, "is plausible again", count + 1);
        assert_eq!(both(&served), [200, 200], "{clock}");
        assert_eq!(served.server.daemon.0.try_wait().unwrap(), None, "{clock}");
    }
    sleep(Duration::from_millis(1500));
    assert_eq!(sandbox.verify(&brief).0, "accepted");
    served.server.stop();
}

/// The whole response, which may be empty.
fn answer(address: &str, secret: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET /verify HTTP/1.1\r\nhost: x\r\napi-key: {secret}\r\n\r\n");
    let mut text = String::new();
    // The server may reset the connection.
    let _ = stream.write_all(request.as_bytes());
    let _ = stream.read_to_string(&mut text);
    text
}

#[test]
fn a_stopped_clock_does_not_hide_changes_from_a_server() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let served = Served::start(&sandbox);
    served.set("2026-11-29 12:00:00");
    assert_eq!(served.status(&secret), 200);
    let away = sandbox.home().join("away.db");
    fs::rename(sandbox.vault(), &away).unwrap();
    // A removal may be noticed a millisecond later.
    sleep(Duration::from_millis(5));
    assert_eq!(served.status(&secret), 503);
    fs::rename(&away, sandbox.vault()).unwrap();
    assert_eq!(served.status(&secret), 200);
}
