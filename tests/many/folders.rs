//! The folder for the secrets.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::many::{file_name, files, mode};
use crate::place::mounts::{expect_mounts, run_mounted};
use crate::place::refused::give_to_a_group;
use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::watch::program;

#[test]
fn files_and_folders_are_private_whatever_the_umask() {
    for umask in ["000", "022", "077", "777"] {
        let sandbox = Sandbox::new();
        sandbox.names(3);
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        let args = ["generate", "api", "--from", "names", "--save-dir", "a/b"];
        let words = ["-c", &script, POSTKEY].into_iter().chain(args);
        let mut shell = program(&sandbox.command(words), "sh");
        Run::of(shell.output().unwrap()).expect(0);
        let folder = sandbox.home().join("a/b");
        assert_eq!(
            (mode(&folder), mode(&sandbox.home().join("a"))),
            (0o700, 0o700)
        );
        let files = files(&folder);
        assert_eq!(files.len(), 3);
        for path in files {
            assert_eq!(mode(&path), 0o600, "{path:?} at umask {umask}");
        }
    }
}

#[test]
fn no_key_is_valid_before_its_file_is_durable() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "first"]);
    sandbox.names(3);
    let trace = [
        "-f",
        "-y",
        "-o",
        "trace",
        "-e",
        "trace=renameat2,fsync",
        POSTKEY,
    ];
    let args = ["generate", "api", "--from", "names", "--save-dir", "keys"];
    let command = sandbox.command(trace.into_iter().chain(args));
    Run::of(program(&command, "strace").output().unwrap()).expect(0);
    let trace = fs::read_to_string(sandbox.home().join("trace")).unwrap();
    let last = |what: &str| {
        let at = trace.lines().rev().position(|line| line.contains(what));
        let at = at.unwrap_or_else(|| panic!("no {what}: {trace}"));
        trace.lines().count() - at
    };
    let folder = format!("<{}>)", sandbox.secrets().display());
    let vault = format!("<{}>)", sandbox.vault().display());
    let order = [last("\"key-3\""), last(&folder), last(&vault)];
    assert!(order.is_sorted(), "{order:?}: {trace}");
}

#[test]
fn each_format_has_its_ending() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.home().join("names"), "ci").unwrap();
    for (format, ending) in [
        ("text", ""),
        ("json", ".json"),
        ("jsonl", ".jsonl"),
        ("csv", ".csv"),
        ("env", ".env"),
    ] {
        let run = sandbox
            .make_many(&["--format", format, "--quiet"])
            .expect(0);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
        let opened = sandbox.opened(&sandbox.secrets());
        assert_eq!(opened[&format!("ci{ending}")], Some("ci".to_owned()));
        sandbox.run(["delete", "--yes", "ci"]).expect(0);
    }
    assert_eq!(files(&sandbox.secrets()).len(), 5);
}

#[test]
fn existing_files_in_the_folder_are_never_replaced() {
    let sandbox = Sandbox::new();
    sandbox.names(5);
    let other = Sandbox::new().generate(["api", "another-vaults"]);
    fs::create_dir(sandbox.secrets()).unwrap();
    fs::write(sandbox.secrets().join("key-1"), "notes").unwrap();
    fs::write(sandbox.secrets().join("key-2"), &other).unwrap();
    symlink("key-1", sandbox.secrets().join("key-3")).unwrap();
    fs::create_dir(sandbox.secrets().join("key-4")).unwrap();
    let run = sandbox.make_many(&[]).expect(4);
    for line in 1..=4 {
        let told = format!("line {line} of `names`: `keys/key-{line}` already exists");
        assert!(run.stderr.contains(&told), "{run:?}");
    }
    assert!(!sandbox.vault().exists());
    assert_eq!(
        fs::read_to_string(sandbox.secrets().join("key-2")).unwrap(),
        other
    );
    assert_eq!(files(&sandbox.secrets()).len(), 4);
}

#[test]
fn a_folder_that_others_can_write_to_and_a_file_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.names(2);
    for mode in [0o770, 0o703, 0o1777] {
        fs::create_dir_all(sandbox.secrets()).unwrap();
        give_to_a_group(&sandbox.secrets());
        fs::set_permissions(sandbox.secrets(), Permissions::from_mode(mode)).unwrap();
        let run = sandbox.make_many(&[]).expect(5);
        assert!(
            run.stderr
                .contains("/keys` is a folder that other users can write to")
        );
    }
    fs::remove_dir(sandbox.secrets()).unwrap();
    fs::write(sandbox.secrets(), "").unwrap();
    assert!(
        sandbox
            .make_many(&[])
            .expect(5)
            .stderr
            .contains("is not a folder")
    );
    assert!(!sandbox.vault().exists());
}

#[test]
fn the_vaults_own_folder_is_no_place_for_secrets() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "first"]);
    fs::write(sandbox.home().join("names"), "vault.db-journal\n").unwrap();
    symlink(sandbox.vault().parent().unwrap(), sandbox.secrets()).unwrap();
    let run = sandbox.make_many(&[]).expect(5);
    assert!(run.stderr.contains("the vault's own folder"), "{run:?}");
    assert_eq!(sandbox.count(), 1);
}

#[test]
fn a_full_disk_leaves_no_key_without_its_file() {
    expect_mounts();
    let sandbox = Sandbox::new();
    sandbox.names(40);
    fs::create_dir_all(sandbox.secrets()).unwrap();
    fs::create_dir(sandbox.home().join("out")).unwrap();
    let args = ["generate", "api", "--from", "names", "--save-dir", "keys"];
    let script = "mount -t tmpfs -o mode=700,size=64k none \"$0\" || exit 99
                  \"$@\"; status=$?; ls -A \"$0\" >out/left; exit $status";
    let run = run_mounted(&sandbox, script, &sandbox.secrets(), &args).expect(6);
    assert!(run.stderr.contains("No space left"), "{run:?}");
    let left = fs::read_to_string(sandbox.home().join("out/left")).unwrap();
    let mut left: Vec<_> = left.lines().collect();
    left.sort_unstable();
    assert!((1..40).contains(&left.len()), "{left:?}");
    let told = format!("{} of 40 keys are created", left.len());
    assert!(run.stderr.contains(&told), "{run:?}");
    let listed = sandbox.run(["list", "--names", "--sort", "name"]).expect(0);
    assert_eq!(listed.stdout.lines().collect::<Vec<_>>(), left);
    sandbox.make_many(&["--if-absent"]).expect(0);
    assert_eq!(sandbox.opened(&sandbox.secrets()).len(), 40 - left.len());
    assert!(
        files(&sandbox.secrets())
            .iter()
            .all(|path| !file_name(path).starts_with('.'))
    );
}
