//! A vault on a read-only file system with an interrupted transaction, as errors=remount-ro leaves
//! it.

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::mounts::{expect_mounts, run_mounted};
use super::read_only::READ_ONLY;
use super::refused::{READING, WRITING};
use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::paths;

/// Where the copy is created.
const TMP: &str = "export TMPDIR=tmp;";

/// A vault whose last transaction was interrupted after its first pages were written.
struct Interrupted {
    sandbox: Sandbox,
    secret: String,
}

impl Interrupted {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let secret = sandbox.generate(["api", "ci"]);
        sandbox.generate(["api", "idle", "--inactive"]);
        sandbox.verify(&secret);
        fs::write(sandbox.home().join("secret"), &secret).unwrap();
        fs::create_dir(sandbox.home().join("tmp")).unwrap();
        let vault = Connection::open(sandbox.vault()).unwrap();
        // More than the cache holds, so that the first pages are already in the file.
        let transaction = "PRAGMA cache_size = 1; BEGIN IMMEDIATE;
            UPDATE keys SET status = 'inactive';
            CREATE TABLE many AS WITH RECURSIVE number(n) AS
              (SELECT 1 UNION ALL SELECT n + 1 FROM number LIMIT 500)
              SELECT randomblob(2000) FROM number";
        vault.execute_batch(transaction).unwrap();
        // Killed here: the files are copied before the rollback.
        let kept = sandbox.home().join("kept");
        fs::create_dir(&kept).unwrap();
        let files = [sandbox.vault(), journal(&sandbox.vault())];
        for file in &files {
            fs::copy(file, kept.join(file.file_name().unwrap())).unwrap();
        }
        drop(vault);
        for file in &files {
            fs::copy(kept.join(file.file_name().unwrap()), file).unwrap();
        }
        fs::remove_dir_all(kept).unwrap();
        Self { sandbox, secret }
    }

    /// Runs a command on the vault in a read-only folder, after some more set-up.
    fn run(&self, setup: &str, args: &[&str]) -> Run {
        let script = format!("exec <secret; {setup} {READ_ONLY}");
        let folder = self.sandbox.vault().parent().unwrap().to_owned();
        run_mounted(&self.sandbox, &script, &folder, args)
    }

    /// Every file, and the contents of the vault and its journal.
    fn state(&self) -> (impl PartialEq + Debug + use<>, Vec<u8>, Vec<u8>) {
        let vault = self.sandbox.vault();
        (
            paths(self.sandbox.home()),
            fs::read(&vault).unwrap(),
            fs::read(journal(&vault)).unwrap(),
        )
    }
}

fn journal(vault: &Path) -> PathBuf {
    vault.with_file_name("vault.db-journal")
}

#[test]
fn an_interrupted_transaction_on_a_read_only_file_system_is_rolled_back_in_a_private_copy() {
    expect_mounts();
    let vault = Interrupted::new();
    let before = vault.state();
    for args in READING {
        let run = vault.run(TMP, args).expect(0);
        assert!(!run.stdout.is_empty(), "{args:?}");
        let told = run.stderr.matches("the state before it").count();
        assert_eq!(told, 1, "{args:?}: {run:?}");
    }
    let listed = vault
        .run(TMP, &["list", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(listed[0]["status"], "active", "{listed}");
    let verdict = vault.run(TMP, &["verify", "--format", "json"]).expect(0);
    assert_eq!(verdict.json()["verdict"], "accepted");
    assert!(vault.secret.starts_with("xkey"));
    vault.run(TMP, &["log", "verify"]).expect(0);
    assert!(vault.state() == before, "something was left behind");
}

#[test]
fn an_unreadable_interrupted_vault_has_a_hint_for_the_rollback() {
    expect_mounts();
    let vault = Interrupted::new();
    let before = vault.state();
    let serve: &[&str] = &["serve", "--listen", "127.0.0.1:0"];
    for args in WRITING.iter().chain([&serve]) {
        let run = vault.run(TMP, args).expect(5);
        assert_eq!(run.stdout, "", "{args:?}");
        assert!(
            run.stderr.contains("interrupted transaction"),
            "{args:?}: {run:?}"
        );
        assert!(run.stderr.contains("remount,rw"), "{args:?}: {run:?}");
    }
    let doctor = vault.run(TMP, &["doctor"]).expect(1).stdout;
    assert!(doctor.contains("interrupted transaction"), "{doctor}");
    assert!(!doctor.contains("the next command takes"), "{doctor}");
    for setup in [
        "export TMPDIR=/nowhere;",
        "mount -t tmpfs -o size=4k none tmp; export TMPDIR=tmp;",
    ] {
        let run = vault.run(setup, &["list"]).expect(5);
        assert!(run.stderr.contains("cannot be copied"), "{setup}: {run:?}");
        assert!(run.stderr.contains("remount,rw"), "{setup}: {run:?}");
    }
    assert!(vault.state() == before, "something was left behind");
}

#[test]
fn the_copy_is_private_and_deleted_while_it_is_read() {
    expect_mounts();
    let vault = Interrupted::new();
    let setup = format!("umask 000; {TMP}");
    let traced = format!(
        "{setup} exec strace -f -qqq -o trace -e trace=mkdir,openat,unlink,unlinkat,rmdir,chmod"
    );
    let script = format!(
        "exec <secret; {}",
        READ_ONLY.replace("exec \"$@\"", &format!("{traced} \"$@\""))
    );
    let folder = vault.sandbox.vault().parent().unwrap().to_owned();
    run_mounted(&vault.sandbox, &script, &folder, &["list"]).expect(0);
    let trace = fs::read_to_string(vault.sandbox.home().join("trace")).unwrap();
    let made: Vec<_> = trace
        .lines()
        .filter(|line| line.contains("mkdir("))
        .collect();
    assert!(
        matches!(made[..], [only] if only.contains("0700")),
        "{made:?}"
    );
    let created: Vec<_> = trace
        .lines()
        .filter(|line| line.contains("/.postkey-") && line.contains("O_CREAT"))
        .collect();
    // The file's own mode is 0666 or 0644; the process's umask, 077, makes it 0600.
    assert!(created.len() >= 2, "{trace}");
    let end = trace
        .lines()
        .filter(|line| line.contains("rmdir(") || line.contains("AT_REMOVEDIR"));
    assert_eq!(end.count(), 1, "{trace}");
    assert_eq!(
        fs::read_dir(vault.sandbox.home().join("tmp"))
            .unwrap()
            .count(),
        0
    );
}
