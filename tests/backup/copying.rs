//! `backup`: what it writes, and where.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::scope;

use rusqlite::Connection;

use crate::place::mounts::{expect_mounts, run_mounted};
use crate::place::read_only::READ_ONLY;
use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::stock::stock;
use crate::secrecy::watch::{paths, program};

/// How many backups are created while others write.
const BACKUPS: usize = 8;

#[test]
fn a_backup_under_two_writers_is_consistent_and_no_writer_fails() {
    let sandbox = Sandbox::with_three_keys();
    stock(&sandbox, 500);
    let (is_over, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    scope(|scope| {
        for name in ["prod-web", "dev"] {
            let (sandbox, is_over, written) = (&sandbox, &is_over, &written);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let count = written.fetch_add(1, Ordering::Relaxed).to_string();
                    sandbox.run(["describe", name, &count]).expect(0);
                }
            });
        }
        for number in 0..BACKUPS {
            let copy = sandbox.backup(&format!("{number}.db"));
            let head = head_in_log(&sandbox, &copy);
            let found = expect_consistent(&sandbox, &copy);
            assert_eq!(found, head, "the log tells of another backup");
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(written.into_inner() > BACKUPS, "nobody wrote meanwhile");
}

/// A complete, consistent backup; returns the newest entry of its log.
fn expect_consistent(sandbox: &Sandbox, copy: &Path) -> String {
    let vault = Connection::open(copy).unwrap();
    let check: String = vault
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    let log = sandbox
        .run([
            "log",
            "--verify",
            "--format",
            "json",
            "--vault",
            copy.to_str().unwrap(),
        ])
        .expect(0)
        .json();
    // The newest entry of a key matches the key.
    for name in ["prod-web", "dev"] {
        let query = "SELECT description, (SELECT json_extract(change, '$[0].to') FROM log
                       WHERE key_id = keys.id AND command = 'describe'
                       ORDER BY sequence DESC LIMIT 1) FROM keys WHERE name = ?1";
        let (is, logged): (Option<String>, Option<String>) = vault
            .query_row(query, [name], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(is, logged, "{name}");
    }
    format!("{} {}", log["entries"], log["head"].as_str().unwrap())
}

/// The newest entry in the backup, according to the vault's log.
fn head_in_log(sandbox: &Sandbox, copy: &Path) -> String {
    let log = sandbox.run(["log", "--format", "jsonl"]).expect(0).stdout;
    let told = |line: &str| -> Option<String> {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        let value = |field: &str| {
            let change = entry["change"].as_array().unwrap().iter();
            let found = change.clone().find(|change| change["field"] == field);
            found.map(|found| found["to"].as_str().unwrap().to_owned())
        };
        (value("file").as_deref() == copy.to_str()).then(|| value("head").unwrap())
    };
    log.lines().find_map(told).expect("a logged backup")
}

#[test]
fn a_backup_is_0600_at_every_umask_and_leaves_nothing_beside_it() {
    for umask in ["000", "022", "077", "777"] {
        let sandbox = Sandbox::with_three_keys();
        let before = paths(sandbox.home()).len();
        for args in [
            &["backup", "copy.db"][..],
            &["backup", "--replace", "copy.db"],
        ] {
            let script = format!("umask {umask}; exec \"$@\"");
            let words = ["-c", &script, "sh", POSTKEY];
            let words = words.into_iter().chain(args.iter().copied());
            let run = program(&sandbox.command(words), "sh").output().unwrap();
            Run::of(run).expect(0);
            let mode = fs::metadata(sandbox.home().join("copy.db")).unwrap().mode();
            assert_eq!(mode & 0o7777, 0o600, "at umask {umask}");
            assert_eq!(paths(sandbox.home()).len(), before + 1);
        }
    }
}

#[test]
fn an_existing_file_is_kept_unless_replacing_it_is_requested() {
    let sandbox = Sandbox::with_three_keys();
    let copy = sandbox.backup("copy.db");
    let first = fs::read(&copy).unwrap();
    sandbox.generate(["api", "later"]);
    let run = sandbox.run(["backup", "copy.db"]).expect(5);
    assert!(run.stderr.contains("--replace"), "{run:?}");
    assert_eq!(fs::read(&copy).unwrap(), first);
    sandbox.run(["backup", "--replace", "copy.db"]).expect(0);
    assert!(
        sandbox
            .restore(&["--dry-run"], &copy)
            .expect(0)
            .stdout
            .is_empty()
    );
}

#[test]
fn a_backup_does_not_follow_links_or_overwrite_the_vault() {
    let sandbox = Sandbox::with_three_keys();
    let target = sandbox.home().join("target");
    fs::write(&target, "precious").unwrap();
    symlink(&target, sandbox.home().join("link")).unwrap();
    symlink(
        sandbox.home().join("nowhere"),
        sandbox.home().join("dangling"),
    )
    .unwrap();
    let before = fs::read(sandbox.vault()).unwrap();
    let own =
        ["", "-journal", "-wal", "-shm"].map(|end| format!("{}{end}", sandbox.vault().display()));
    let links = ["link", "dangling"].map(str::to_owned);
    for path in own.iter().chain(&links) {
        for args in [
            &["backup", path.as_str()][..],
            &["backup", "--replace", path],
        ] {
            let files = paths(sandbox.home());
            let run = Run::of(sandbox.command(args.iter().copied()).output().unwrap()).expect(5);
            assert!(
                run.stderr.contains("hint: ") && run.stdout.is_empty(),
                "{run:?}"
            );
            assert_eq!(paths(sandbox.home()), files, "{args:?}");
        }
    }
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    assert_eq!(fs::read(sandbox.vault()).unwrap(), before);
}

#[test]
fn a_folder_that_others_can_write_gets_no_backup() {
    let sandbox = Sandbox::with_three_keys();
    let open = sandbox.home().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let run = sandbox.run(["backup", "open/copy.db"]).expect(5);
    assert!(run.stderr.contains("other users can write"), "{run:?}");
    assert_eq!(fs::read_dir(&open).unwrap().count(), 0);
}

#[test]
fn a_full_disk_leaves_no_half_a_backup() {
    expect_mounts();
    let sandbox = Sandbox::with_three_keys();
    let folder = sandbox.home().join("small");
    fs::create_dir(&folder).unwrap();
    let before = fs::read(sandbox.vault()).unwrap();
    let size = before.len() as u64;
    for room in [0, 4096, size / 2, size - 4096] {
        let script = format!(
            "mount -t tmpfs -o mode=700,size={} none \"$0\" || exit 99
             \"$@\"; status=$?; test -z \"$(ls -A \"$0\")\" || exit 98; exit $status",
            room.max(4096)
        );
        let run = run_mounted(&sandbox, &script, &folder, &["backup", "small/copy.db"]).expect(5);
        assert!(run.stderr.contains("the disk is full"), "{room}: {run:?}");
    }
    assert_eq!(fs::read(sandbox.vault()).unwrap(), before, "it was logged");
}

#[test]
fn a_read_only_vault_can_be_backed_up() {
    expect_mounts();
    let sandbox = Sandbox::with_three_keys();
    let folder = sandbox.vault().parent().unwrap().to_owned();
    let run = run_mounted(&sandbox, READ_ONLY, &folder, &["backup", "copy.db"]).expect(0);
    assert!(
        run.stderr
            .contains("warning: the backup is valid, but was not logged"),
        "{run:?}"
    );
    let copy = sandbox.home().join("copy.db");
    assert!(
        sandbox
            .restore(&["--dry-run"], &copy)
            .expect(0)
            .stdout
            .is_empty()
    );
}

#[test]
fn a_damaged_vault_is_not_accepted_as_a_backup() {
    let sandbox = Sandbox::with_three_keys();
    stock(&sandbox, 300);
    let good = fs::read(sandbox.vault()).unwrap();
    let mut refused = 0;
    for page in 1..good.len() / 4096 {
        let mut damaged = good.clone();
        damaged[page * 4096..][..4096].fill(0);
        fs::write(sandbox.vault(), &damaged).unwrap();
        let run = sandbox.run(["backup", "copy.db"]).expect(5);
        assert!(run.stderr.contains("damaged"), "page {page}: {run:?}");
        assert!(!sandbox.home().join("copy.db").exists());
        refused += 1;
    }
    assert!(refused > 20, "only {refused} vaults");
}

#[test]
fn a_backup_is_reported_in_every_format_and_logged_when_complete() {
    let sandbox = Sandbox::with_three_keys();
    let run = sandbox
        .run(["backup", "copy.db", "--format", "json"])
        .expect(0);
    let told = run.json();
    let file = sandbox.home().join("copy.db");
    assert_eq!((&told["keys"], &told["entries"]), (&3.into(), &3.into()));
    assert_eq!(told["file"], file.to_str().unwrap());
    assert_eq!(run.stderr, "");
    let log = sandbox.run(["log", "--format", "json"]).expect(0).json();
    assert_eq!(log.as_array().unwrap().len(), 4);
    assert_eq!(
        (&log[3]["command"], &log[3]["key"]),
        (&"backup".into(), &"".into())
    );
    sandbox.run(["log", "verify"]).expect(0);
}
