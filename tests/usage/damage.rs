//! The usage record may be lost, corrupted or replaced: no key or verdict is affected.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};
use rusqlite::Connection;

use super::verify;
use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::{NOBODY, run_with_input};

/// What is done to an intact record.
type Spoil = fn(&Path) -> io::Result<()>;

/// What must be warned of.
const SPOILED: [(&str, Spoil); 14] = [
    ("a symbolic link", |path| {
        instead(path, |path| symlink("/etc/passwd", path))
    }),
    ("a dangling link", |path| {
        instead(path, |path| symlink("nowhere", path))
    }),
    ("a FIFO", |path| {
        instead(path, |path| {
            Ok(mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR)?)
        })
    }),
    ("a folder", |path| {
        instead(path, |path| fs::create_dir(path))
    }),
    ("open to others", |path| set_mode(path, 0o644)),
    ("a second name", |path| {
        fs::hard_link(path, path.with_file_name("other.db"))
    }),
    ("another user's", |path| match geteuid().is_root() {
        true => chown(path, Some(NOBODY), None),
        false => set_mode(path, 0o666),
    }),
    ("another program's", |path| {
        instead(path, |path| foreign(path, 0))
    }),
    ("another program's first version", |path| {
        instead(path, |path| foreign(path, 1))
    }),
    ("a newer version", |path| {
        changed(path, "PRAGMA user_version = 7")
    }),
    ("without a table", |path| {
        changed(path, "DROP TABLE days; DROP TABLE windows")
    }),
    ("times that are none", |path| {
        changed(
            path,
            "UPDATE days SET last_at = 9e18; UPDATE windows SET count = 'x'",
        )
    }),
    ("garbage", |path| {
        instead(path, |path| private(path, &b"garbage\n".repeat(9999)))
    }),
    ("a short text", |path| {
        instead(path, |path| private(path, b"no record\n"))
    }),
];

/// What may go unnoticed, or be repaired.
const WORN: [(&str, Spoil); 9] = [
    ("missing", |path| instead(path, |_| Ok(()))),
    ("empty", |path| instead(path, |path| private(path, b""))),
    ("without its log", |path| {
        fs::remove_file(with_end(path, "-wal"))
    }),
    ("without its index", |path| {
        fs::remove_file(with_end(path, "-shm"))
    }),
    ("its log alone", |path| fs::remove_file(path)),
    ("a log cut short", |path| cut(&with_end(path, "-wal"))),
    ("a garbled log", |path| garble(&with_end(path, "-wal"))),
    ("a garbled index", |path| garble(&with_end(path, "-shm"))),
    ("a garbled file", |path| {
        changed(path, "PRAGMA wal_checkpoint(TRUNCATE)")?;
        garble(path)
    }),
];

#[test]
fn a_corrupted_usage_record_is_a_warning() {
    for (case, spoil) in SPOILED {
        let (sandbox, secret) = used();
        spoil(&sandbox.usage()).unwrap();
        for args in READING {
            let run = run_with_input(&sandbox, args, &secret).expect(0);
            let warnings = run.stderr.lines().filter(|line| !is_all_well(line));
            assert_eq!(warnings.count(), 1, "{case}: {args:?} {run:?}");
            assert!(is_warning(&run), "{case}: {args:?} {run:?}");
        }
        expect_all_else(&sandbox, &secret, case);
    }
    assert!(fs::read_to_string("/etc/passwd").unwrap().contains("root"));
}

#[test]
fn a_damaged_usage_record_affects_no_key() {
    for (case, spoil) in WORN {
        let (sandbox, secret) = used();
        spoil(&sandbox.usage()).unwrap();
        for args in READING {
            let run = run_with_input(&sandbox, args, &secret).expect(0);
            let is_quiet = run.stderr.is_empty() || run.stderr.starts_with("no usage is recorded");
            let is_told = run.stderr.starts_with("warning: no usage is recorded");
            let is_quiet = is_quiet || is_told || is_all_well(&run.stderr);
            assert!(is_quiet || is_warning(&run), "{case}: {args:?} {run:?}");
        }
        expect_all_else(&sandbox, &secret, case);
    }
}

#[test]
fn another_vaults_usage_record_is_not_used() {
    let (other, secret_of_other) = used();
    verify(&other, &secret_of_other, &[]).expect(0);
    changed(&other.usage(), "PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--limit", "3/day"]);
    fs::copy(other.usage(), sandbox.usage()).unwrap();
    for args in [&["list"][..], &["show", "ci"], &["usage"]] {
        let run = run_with_input(&sandbox, args, "").expect(0);
        assert!(
            is_warning(&run) && run.stderr.contains("another vault"),
            "{run:?}"
        );
        assert!(!run.stdout.contains("203.0.113.9"), "{run:?}");
    }
    let first = verify(&sandbox, &secret, &["--format", "json"]).expect(0);
    assert_eq!(
        (&first.json()["remaining"], first.stderr.as_str()),
        (&2.into(), "")
    );
    let key = sandbox.show("ci");
    assert_eq!(
        (&key["requests_today"], &key["usage"]["addresses"]),
        (&1.into(), &[0; 0][..].into())
    );
}

#[test]
fn a_removed_usage_record_is_recreated() {
    let (sandbox, secret) = used();
    sandbox.generate(["api", "other"]);
    instead(&sandbox.usage(), |_| Ok(())).unwrap();
    assert_eq!(sandbox.show("ci")["last_used_at"], serde_json::Value::Null);
    verify(&sandbox, &secret, &[]).expect(0);
    assert_eq!(sandbox.show("ci")["requests_today"], 1);
}

#[test]
fn several_vaults_in_one_folder_have_records_of_their_own() {
    let (sandbox, secret) = used();
    let other = sandbox.vault().with_file_name("other.db");
    let other = other.to_str().unwrap();
    sandbox.generate(["api", "ci", "--vault", other]);
    verify(&sandbox, &secret, &["--vault", other]).expect(1);
    let run = sandbox.run(["show", "ci", "--vault", other, "--format", "json"]);
    assert_eq!(run.expect(0).json()["usage"], serde_json::Value::Null);
    assert_eq!(sandbox.show("ci")["requests_today"], 2);
    assert!(sandbox.vault().with_file_name("other.usage.db").exists());
}

/// Commands that read the usage record.
const READING: [&[&str]; 7] = [
    &["list"],
    &["show", "ci"],
    &["usage"],
    &["check", "--unused", "never"],
    &["identify"],
    &["explain"],
    &["verify", "--no-record"],
];

/// A vault with one key, with a limit of 9 a day, used twice; and its secret.
fn used() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--limit", "9/day"]);
    verify(&sandbox, &secret, &["--ip", "203.0.113.9"]).expect(0);
    verify(&sandbox, &secret, &[]).expect(0);
    (sandbox, secret)
}

fn is_warning(run: &Run) -> bool {
    let starts = run.stderr.starts_with("warning: ");
    starts && run.stderr.contains("usage.db`") && !run.stderr.contains("a bug in postkey")
}

/// `check`'s output without findings.
fn is_all_well(said: &str) -> bool {
    said.starts_with("nothing needs attention")
}

/// Verdicts are unchanged, and keys can be changed.
#[track_caller]
fn expect_all_else(sandbox: &Sandbox, secret: &str, case: &str) {
    let accepted = verify(sandbox, secret, &[]).expect(0);
    assert!(
        accepted.stdout.starts_with("accepted"),
        "{case}: {accepted:?}"
    );
    sandbox
        .run(["deactivate", "ci", "--format", "json"])
        .expect(0);
    let refused = verify(sandbox, secret, &[]).expect(1);
    assert!(
        refused.stdout.starts_with("inactive"),
        "{case}: {refused:?}"
    );
    sandbox
        .run(["regenerate", "--yes", "ci", "--format", "json"])
        .expect(0);
    sandbox
        .run(["list", "--unused", "45d", "--sort", "used"])
        .expect(0);
    sandbox.run(["delete", "--yes", "ci"]).expect(0);
    sandbox.run(["log", "verify"]).expect(0);
}

/// Replaces the record and its WAL with something else.
fn instead(path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    for end in ["", "-wal", "-shm"] {
        fs::remove_file(with_end(path, end))?;
    }
    make(path)
}

fn with_end(path: &Path, end: &str) -> std::path::PathBuf {
    path.with_file_name(format!("usage.db{end}"))
}

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
}

fn private(path: &Path, contents: &[u8]) -> io::Result<()> {
    fs::write(path, contents)?;
    set_mode(path, 0o600)
}

fn foreign(path: &Path, version: i64) -> io::Result<()> {
    let make = "CREATE TABLE days (x); CREATE TABLE bookmarks (url TEXT)";
    let database = Connection::open(path).unwrap();
    database.execute_batch(make).unwrap();
    database
        .pragma_update(None, "user_version", version)
        .unwrap();
    set_mode(path, 0o600)
}

fn changed(path: &Path, statements: &str) -> io::Result<()> {
    let usage = Connection::open(path).unwrap();
    usage.execute_batch(statements).unwrap();
    Ok(())
}

fn cut(path: &Path) -> io::Result<()> {
    let file = fs::OpenOptions::new().write(true).open(path)?;
    file.set_len(file.metadata()?.len() / 2 + 7)
}

/// Overwrites every third part of the file.
fn garble(path: &Path) -> io::Result<()> {
    let mut bytes = fs::read(path)?;
    for part in bytes.chunks_mut(700).skip(1).step_by(3) {
        part.fill(0xa5);
    }
    fs::write(path, bytes)
}
