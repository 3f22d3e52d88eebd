//! A run that ends early: it leaves complete keys, and the same command creates the rest.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::thread::sleep;
use std::time::Duration;

use rusqlite::Connection;

use crate::many::files;
use crate::sandbox::Sandbox;
use crate::secrecy::stock::Chance;
use crate::secrecy::watch::{paths, stuck, wait_for};

/// A vault in which the run that created the key `ci` was killed: its secret is saved and pending,
/// since this long ago.
fn with_one_left(seconds: u32) -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    fs::write(sandbox.home().join("names"), "other\nci\n").unwrap();
    sandbox.make_many(&[]).expect(0);
    let vault = Connection::open(sandbox.vault()).unwrap();
    let script = format!(
        "PRAGMA foreign_keys = ON;
         INSERT INTO pending SELECT tail, digest, hash, unixepoch() - {seconds} FROM secrets;
         DELETE FROM keys"
    );
    vault.execute_batch(&script).unwrap();
    fs::remove_file(sandbox.secrets().join("other")).unwrap();
    let secret = fs::read_to_string(sandbox.secrets().join("ci")).unwrap();
    (sandbox, secret)
}

#[test]
fn a_pending_secret_in_a_file_is_activated() {
    for seconds in [1, 100_000] {
        let (sandbox, secret) = with_one_left(seconds);
        assert_eq!(sandbox.verify(secret.trim()).1, 1);
        sandbox.make_many(&[]).expect(0);
        sandbox.expect_all(&["other", "ci"].map(str::to_owned));
        assert_eq!(
            fs::read_to_string(sandbox.secrets().join("ci")).unwrap(),
            secret
        );
        let vault = Connection::open(sandbox.vault()).unwrap();
        let pending = vault.query_row("SELECT tail FROM pending", [], |row| {
            row.get::<_, String>(0)
        });
        // That of `other`, whose file is gone, will be dropped.
        assert_eq!(pending.is_ok(), seconds == 1);
    }
}

#[test]
fn an_unusable_file_does_not_prevent_other_keys() {
    let (sandbox, _) = with_one_left(1);
    let left = sandbox.secrets().join("ci");
    fs::set_permissions(&left, Permissions::from_mode(0o644)).unwrap();
    let run = sandbox.make_many(&[]).expect(6);
    assert!(
        run.stderr.contains("is accessible to every user")
            && run.stderr.contains("1 of 2 keys are created"),
        "{run:?}"
    );
    fs::set_permissions(&left, Permissions::from_mode(0o600)).unwrap();
    sandbox.make_many(&["--if-absent"]).expect(0);
    sandbox.expect_all(&["other", "ci"].map(str::to_owned));
}

#[test]
fn a_pending_secret_is_not_reused_if_its_kind_differs_or_it_is_not_alone() {
    let (sandbox, secret) = with_one_left(1);
    let smtp = ["generate", "smtp", "--from", "names", "--save-dir", "keys"];
    sandbox.run(smtp).expect(4);
    let file = sandbox.secrets().join("ci");
    fs::write(&file, format!("{secret}{secret}")).unwrap();
    sandbox.make_many(&[]).expect(4);
    fs::write(&file, secret.replace("xkeypost-", "xkeypost-0")).unwrap();
    sandbox.make_many(&[]).expect(4);
    assert_eq!(sandbox.count(), 0);
}

#[test]
fn rerunning_after_a_kill_completes_every_key_and_file() {
    let mut chance = Chance(41);
    let (mut round, mut interrupted) = (0, 0);
    while interrupted < 5 {
        round += 1;
        assert!(round < 60, "{interrupted} were killed before the end");
        let sandbox = Sandbox::new();
        let names = sandbox.names(300);
        let more: &[&str] = if round % 2 == 0 {
            &[]
        } else {
            &["--format", "text"]
        };
        let mut child = sandbox.start_many(more);
        sleep(Duration::from_millis(chance.below(150) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        interrupted += usize::from(files(&sandbox.secrets()).len() < 300);
        expect_no_key_without_file(&sandbox);
        sandbox.make_many(&["--if-absent"]).expect(0);
        sandbox.expect_all(&names);
    }
}

#[test]
fn rerunning_after_a_kill_uses_the_written_files() {
    let mut taken_up = 0;
    for _ in 0..6 {
        let sandbox = Sandbox::new();
        let names = sandbox.names(24);
        let mut child = sandbox.start_many(&[]);
        wait_for("a file", || !files(&sandbox.secrets()).is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
        expect_no_key_without_file(&sandbox);
        taken_up += usize::from(!files(&sandbox.secrets()).is_empty() && sandbox.count() == 0);
        sandbox.make_many(&["--if-absent"]).expect(0);
        sandbox.expect_all(&names);
    }
    assert!(
        taken_up > 0,
        "no run was killed between its files and its keys"
    );
}

/// Each listed key has its file with a valid secret; the other secrets are not valid.
fn expect_no_key_without_file(sandbox: &Sandbox) {
    // An empty file is not a vault.
    if fs::metadata(sandbox.vault()).is_ok_and(|vault| vault.len() == 0)
        || !sandbox.vault().exists()
    {
        assert!(files(&sandbox.secrets()).is_empty());
        return;
    }
    let opened = sandbox.opened(&sandbox.secrets());
    let good = opened
        .iter()
        .filter(|(file, name)| name.as_ref() == Some(*file));
    assert_eq!(good.count(), sandbox.count(), "{opened:?}");
}

#[test]
fn a_signal_waits_for_the_batch() {
    let sandbox = Sandbox::new();
    sandbox.names(2000);
    let child = sandbox.start_many(&[]);
    wait_for("a file", || !files(&sandbox.secrets()).is_empty());
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains(
            "of 2000 keys are created; the same command with --if-absent creates the rest"
        ),
        "{told}"
    );
    let opened = sandbox.opened(&sandbox.secrets());
    assert!(
        opened
            .iter()
            .all(|(file, name)| name.as_ref() == Some(file)),
        "{opened:?}"
    );
    assert!(!opened.is_empty() && opened.len() == sandbox.count());
    let unfinished = paths(&sandbox.secrets()).len() - opened.len();
    assert_eq!(unfinished, 0);
}

#[test]
fn a_second_signal_terminates_at_once() {
    let sandbox = Sandbox::new();
    sandbox.names(3);
    let args = ["generate", "api", "--from", "names", "--format", "jsonl"];
    sandbox.generate(["api", "first"]);
    // Nobody reads: the delivery blocks.
    let (mut child, _reader) = stuck(&sandbox, &args, 3);
    signal(&child, "TERM");
    sleep(Duration::from_millis(300));
    assert!(
        child.try_wait().unwrap().is_none(),
        "the batch was cut in two"
    );
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    assert_eq!(sandbox.count(), 1);
}

#[test]
fn it_survives_its_terminal_under_nohup() {
    let sandbox = Sandbox::new();
    let names = sandbox.names(40);
    let args = ["sh", "-c", "exec \"$0\" \"$@\"", crate::sandbox::POSTKEY];
    let words =
        args.into_iter()
            .chain(["generate", "api", "--from", "names", "--save-dir", "keys"]);
    let mut nohup = crate::secrecy::watch::program(&sandbox.command(words), "nohup");
    nohup
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut child = nohup.spawn().unwrap();
    wait_for("a folder", || sandbox.secrets().exists());
    signal(&child, "HUP");
    assert!(child.wait().unwrap().success());
    sandbox.expect_all(&names);
}

fn signal(child: &Child, name: &str) {
    let kill = format!("kill -s {name} {}", child.id());
    let status = std::process::Command::new("sh")
        .args(["-c", &kill])
        .status();
    assert!(status.unwrap().success());
}
