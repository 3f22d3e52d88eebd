//! `TZ` and `TZDIR` with arbitrary values.

use std::fs;
use std::os::unix::fs::symlink;

use jiff::civil::DateTime;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::watch::program;

/// Runs with that environment, for at most 10 seconds and in 256 MiB.
fn bounded(sandbox: &Sandbox, name: &str, value: &str, args: &[&str]) -> Run {
    let words = ["--as=268435456", "timeout", "10", POSTKEY];
    let words = words.into_iter().chain(args.iter().copied());
    let mut command = program(&sandbox.command(words), "prlimit");
    Run::of(command.env(name, value).output().unwrap())
}

#[test]
fn a_time_zone_is_never_read_from_a_device_or_a_fifo() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci", "--expires", "90d"]);
    let place = |name: &str| sandbox.home().join(name);
    mkfifo(&place("fifo"), Mode::S_IRWXU).unwrap();
    symlink("/dev/zero", place("zero")).unwrap();
    fs::create_dir(place("zones")).unwrap();
    mkfifo(&place("zones/UTC"), Mode::S_IRWXU).unwrap();
    fs::write(place("endless"), vec![b'x'; 20 << 20]).unwrap();
    let text = |name: &str| place(name).to_str().unwrap().to_owned();
    for value in [
        "/dev/zero".to_owned(),
        ":/dev/zero".to_owned(),
        "/proc/kmsg".to_owned(),
        "zero".to_owned(),
        "./fifo".to_owned(),
        "../zoneinfo/fifo".to_owned(),
        text("fifo"),
        text("zero"),
        text("endless"),
        text("zones"),
        "nonsense".to_owned(),
    ] {
        for args in [
            &["show", "ci"][..],
            &["log"],
            &["check", "--older-than", "1d"],
        ] {
            let run = bounded(&sandbox, "TZ", &value, args).expect(0);
            assert!(run.stderr.contains("TZ must be"), "{value}: {run:?}");
            assert!(run.stderr.contains("times are in UTC"), "{value}: {run:?}");
            assert_eq!(
                run.stderr.matches("TZ must be").count(),
                1,
                "{value}: {run:?}"
            );
        }
    }
    for value in [
        text("zones"),
        text("fifo"),
        "/".to_owned(),
        "/dev".to_owned(),
    ] {
        let run = bounded(&sandbox, "TZDIR", &value, &["log"]).expect(0);
        assert!(run.stdout.contains("WHEN (UTC) "), "{value}: {run:?}");
    }
}

/// The time of a log's first entry.
fn first_moment(log: &str) -> DateTime {
    let row = log.lines().nth(1).unwrap();
    DateTime::strptime("%Y-%m-%d %H:%M", &row[..16]).unwrap()
}

#[test]
fn a_named_zone_a_rule_and_a_file_are_understood() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let utc = first_moment(&bounded(&sandbox, "TZ", "UTC", &["log"]).expect(0).stdout);
    for (value, name, minutes) in [
        ("Asia/Kathmandu", "Asia/Kathmandu", 345),
        (":Asia/Kathmandu", "Asia/Kathmandu", 345),
        ("/usr/share/zoneinfo/Asia/Kathmandu", "Asia/Kathmandu", 345),
        ("<+0545>-5:45", "local time", 345),
        ("", "UTC", 0),
    ] {
        let run = bounded(&sandbox, "TZ", value, &["log"]).expect(0);
        let title = format!("WHEN ({name})");
        assert!(run.stdout.starts_with(&title), "{value}: {run:?}");
        let shift = first_moment(&run.stdout).duration_since(utc);
        assert_eq!(shift.as_mins(), minutes, "{value}");
        assert_eq!(run.stderr, "", "{value}");
    }
}
