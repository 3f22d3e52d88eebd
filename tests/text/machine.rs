//! Results for programs are the same everywhere.

use std::fs;

use crate::sandbox::{Run, Sandbox};

/// Irrelevant differences between two places.
const PLACES: [(&str, &str); 17] = [
    ("LANG", "de_DE.UTF-8"),
    ("LANG", "C"),
    ("LC_ALL", "tr_TR.UTF-8"),
    ("LC_ALL", "POSIX"),
    ("LC_NUMERIC", "de_DE.UTF-8"),
    ("TZ", "Asia/Kathmandu"),
    ("TZ", "nonsense"),
    ("TZ", ""),
    ("TERM", "dumb"),
    ("TERM", "xterm-256color"),
    ("NO_COLOR", "1"),
    ("CLICOLOR_FORCE", "1"),
    ("COLUMNS", "20"),
    ("HOME", "/nonexistent"),
    ("HOME", ""),
    ("XDG_DATA_HOME", "/nonexistent"),
    ("RUST_BACKTRACE", "full"),
];

#[test]
fn results_for_programs_are_the_same_bytes_everywhere() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate([
        "api",
        "ci",
        "--description",
        "Größe 邮件",
        "--expires",
        "90d",
        "--plan",
        "starter",
    ]);
    sandbox.generate(["smtp", "mail", "--inactive"]);
    assert_eq!(sandbox.verify(&secret).1, 0);
    fs::write(sandbox.home().join("secret"), secret).unwrap();
    let (mut same, mut all) = (0, 0);
    for args in [
        &["list"][..],
        &["list", "--sort", "expires"],
        &["list", "nothing"],
        &["show", "ci"],
        &["show", "no"],
        &["log"],
        &["log", "ci", "--since", "2026-01-01", "--action", "generate"],
        &["log", "verify"],
        &["verify", "--no-record"],
        &["identify"],
        &["explain"],
        &["usage"],
        &["usage", "mail", "ci"],
        &["doctor"],
        &["check"],
        &["check", "--expiring", "100d"],
        &["export", "json"],
        &["export", "json", "keys.json"],
        &["deactivate", "mail"],
        &["activate", "ci"],
        &["revoke", "mail"],
    ] {
        for format in ["json", "jsonl", "csv"] {
            let usual = bytes(&sandbox, args, format, ("A", "B"));
            for place in PLACES {
                same += usize::from(bytes(&sandbox, args, format, place) == usual);
                all += 1;
            }
        }
    }
    assert_eq!((same, all), (21 * 3 * 17, 21 * 3 * 17));
}

#[test]
fn a_new_key_for_programs_differs_only_in_what_is_new() {
    let sandbox = Sandbox::new();
    let make = |name: &str, (variable, value): (&str, &str)| {
        let vault = sandbox.vault();
        let mut command = sandbox.command([
            "generate",
            "api",
            name,
            "--format",
            "json",
            "--vault",
            vault.to_str().unwrap(),
        ]);
        let mut key = Run::of(command.env(variable, value).output().unwrap())
            .expect(0)
            .json();
        for field in ["name", "secret", "tail", "created_at"] {
            assert!(key[field].take().is_string());
        }
        serde_json::to_string(&key).unwrap()
    };
    let usual = make("usual", ("A", "B"));
    for (at, place) in PLACES.into_iter().enumerate() {
        assert_eq!(make(&format!("place-{at}"), place), usual, "{place:?}");
    }
}

fn bytes(
    sandbox: &Sandbox,
    args: &[&str],
    format: &str,
    (variable, value): (&str, &str),
) -> Vec<u8> {
    let vault = sandbox.vault();
    let flags = ["--vault", vault.to_str().unwrap(), "--format", format];
    let mut command = sandbox.command([args, &flags].concat());
    command.stdin(fs::File::open(sandbox.home().join("secret")).unwrap());
    command.env(variable, value).output().unwrap().stdout
}
