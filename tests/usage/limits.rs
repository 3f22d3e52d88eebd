//! Limits: fixed windows on the clock, counted across processes.

use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::{now, verify};
use crate::sandbox::{Run, Sandbox};

/// How many processes run at once.
const MANY: usize = 64;

#[test]
fn a_key_over_its_limit_is_refused_until_the_window_resets() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--limit", "2/minute"]);
    // All of it must happen within one minute.
    if now() % 60 > 50 {
        sleep(Duration::from_secs(10));
    }
    let reset = (now() / 60 + 1) * 60;
    for remaining in [1, 0] {
        let answer = verify(&sandbox, &secret, &["--format", "json"])
            .expect(0)
            .json();
        assert_eq!(
            (&answer["limit"], &answer["remaining"]),
            (&"2/minute".into(), &remaining.into())
        );
    }
    for _ in 0..2 {
        let answer = verify(&sandbox, &secret, &["--format", "json"])
            .expect(1)
            .json();
        assert_eq!(answer["verdict"], "over-limit");
        assert_eq!(
            (&answer["http_status"], &answer["code"]),
            (&429.into(), &"too_many_requests".into())
        );
        let resets_at: jiff::Timestamp = answer["resets_at"].as_str().unwrap().parse().unwrap();
        assert_eq!(resets_at.as_second(), reset);
    }
    let key = sandbox.show("ci");
    assert_eq!(key["requests_today"], 2);
    assert_eq!(key["usage"]["refusals"][0]["count"], 2);
    sandbox.run(["set", "ci", "--limit", "none"]).expect(0);
    verify(&sandbox, &secret, &[]).expect(0);
}

#[test]
fn a_limit_of_another_window_counts_from_its_first_request_on() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--limit", "9/minute"]);
    // In the first minute of the day both windows began at the same time, and are one.
    if jiff::Timestamp::now().as_second() % 86_400 >= 60 {
        verify(&sandbox, &secret, &[]).expect(0);
    }
    sandbox.run(["set", "ci", "--limit", "2/day"]).expect(0);
    for status in [0, 0, 1] {
        verify(&sandbox, &secret, &[]).expect(status);
    }
}

#[test]
fn a_window_from_a_wrong_clock_is_ignored() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--limit", "2/day"]);
    verify(&sandbox, &secret, &[]).expect(0);
    let usage = sandbox.vault().with_file_name("usage.db");
    let move_window = |days: i64| {
        let usage = rusqlite::Connection::open(&usage).unwrap();
        let query = "UPDATE windows SET since = since + ?1 * 86400";
        assert_eq!(usage.execute(query, [days]).unwrap(), 1);
    };
    for days in [1, 365] {
        move_window(days);
        for status in [0, 0, 1] {
            verify(&sandbox, &secret, &[]).expect(status);
        }
    }
}

#[test]
fn many_processes_at_once_are_all_counted() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let runs = at_once(&sandbox, &secret);
    assert!(
        runs.iter()
            .all(|run| run.status == 0 && run.stderr.is_empty()),
        "{runs:?}"
    );
    assert_eq!(sandbox.show("ci")["requests_today"], MANY);
}

#[test]
fn a_record_that_somebody_else_begins_is_waited_for() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    std::fs::write(sandbox.usage(), "").unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(sandbox.usage(), private).unwrap();
    let other = rusqlite::Connection::open(sandbox.usage()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let beginning = std::thread::spawn(move || {
        sleep(Duration::from_millis(500));
        drop(other);
    });
    let run = verify(&sandbox, &secret, &["--wait", "60s"]).expect(0);
    beginning.join().unwrap();
    assert_eq!(run.stderr, "");
    assert_eq!(sandbox.show("ci")["requests_today"], 1);
}

#[test]
fn concurrent_processes_cannot_exceed_the_limit() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--limit", "20/day"]);
    let runs = at_once(&sandbox, &secret);
    let accepted = runs.iter().filter(|run| run.status == 0).count();
    let over = runs
        .iter()
        .filter(|run| run.stdout.starts_with("over-limit"))
        .count();
    assert_eq!((accepted, over), (20, MANY - 20));
}

fn at_once(sandbox: &Sandbox, secret: &str) -> Vec<Run> {
    std::fs::write(sandbox.home().join("secret"), secret).unwrap();
    let start = |_| -> Child {
        let mut command = sandbox.command(["verify", "--wait", "60s"]);
        command.stdin(std::fs::File::open(sandbox.home().join("secret")).unwrap());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let children: Vec<Child> = (0..MANY).map(start).collect();
    let end = |child: Child| Run::of(child.wait_with_output().unwrap());
    children.into_iter().map(end).collect()
}
