//! A read-only vault can still be read and verified against.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::Connection;

use super::mounts::{expect_mounts, run_mounted};
use super::refused::{READING, WRITING};
use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::watch::{paths, program};

/// Makes the folder `$0` read-only, then runs the rest.
pub const READ_ONLY: &str =
    "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";

#[test]
fn a_vault_on_a_read_only_file_system_can_be_read() {
    expect_mounts();
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    sandbox.generate(["api", "idle", "--inactive"]);
    sandbox.verify(&secret);
    fs::write(sandbox.home().join("secret"), &secret).unwrap();
    let folder = sandbox.vault().parent().unwrap().to_owned();
    let script = format!("exec <secret; {READ_ONLY}");
    let run = |args: &[&str]| run_mounted(&sandbox, &script, &folder, args);
    expect_reading_only(&sandbox, run);
    without_log(&sandbox.usage());
    expect_reading_only(&sandbox, run);
    fs::remove_file(sandbox.usage()).unwrap();
    let listed = run(&["list"]).expect(0);
    assert_eq!(listed.stderr, "");
}

#[test]
fn a_vault_without_write_permission_can_be_read() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    sandbox.generate(["api", "idle", "--inactive"]);
    sandbox.verify(&secret);
    fs::write(sandbox.home().join("secret"), &secret).unwrap();
    let folder = sandbox.vault().parent().unwrap().to_owned();
    let set = |path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for file in fs::read_dir(&folder).unwrap() {
        set(file.unwrap().path(), 0o400);
    }
    set(folder.clone(), 0o500);
    expect_reading_only(&sandbox, |args| with_modes(&sandbox, args));
    let run = with_modes(&sandbox, &["connect", "dovecot"]).expect(0);
    let why = "the vault is read-only: the token\n# that its reports come with cannot be created";
    assert!(run.stdout.contains(why), "{run:?}");
    set(folder, 0o700);
}

/// Runs with the secret on standard input, and with permissions enforced, for root only without
/// these capabilities.
fn with_modes(sandbox: &Sandbox, args: &[&str]) -> Run {
    let script = "set -- \"$0\" \"$@\"; [ $(id -u) != 0 ] ||
        set -- setpriv --bounding-set -dac_override,-dac_read_search \"$@\"; exec \"$@\" <secret";
    let words = ["-c", script, POSTKEY].into_iter();
    let words = words.chain(args.iter().copied());
    Run::of(program(&sandbox.command(words), "sh").output().unwrap())
}

/// Checkpoints the WAL, and removes it with its index.
fn without_log(usage: &Path) {
    let connection = Connection::open(usage).unwrap();
    let moved = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    moved.unwrap();
    drop(connection);
    assert!(!usage.with_file_name("usage.db-shm").exists());
}

/// Reading commands work; writing ones exit with 5, say why, and leave no file behind.
fn expect_reading_only(sandbox: &Sandbox, run: impl Fn(&[&str]) -> Run) {
    let before = (paths(sandbox.home()), fs::read(sandbox.vault()).unwrap());
    for args in READING {
        let run = run(args).expect(0);
        if args == ["verify"] {
            assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
            assert!(run.stderr.contains("the use was not recorded"), "{run:?}");
        } else {
            assert_eq!(run.stderr, "", "{args:?}");
        }
        assert!(!run.stdout.is_empty(), "{args:?}");
    }
    for args in WRITING {
        let run = run(args).expect(5);
        assert_eq!(run.stdout, "", "{args:?}");
        assert!(run.stderr.contains("read-only"), "{args:?}: {run:?}");
    }
    assert_eq!(
        (paths(sandbox.home()), fs::read(sandbox.vault()).unwrap()),
        before
    );
}
