//! The location of a vault: private from creation, and in whose home.

mod interrupted;
mod missing;
pub mod mounts;
pub mod read_only;
pub mod refused;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::geteuid;
use rusqlite::Connection;

use crate::sandbox::{POSTKEY, Run, Sandbox, copy_binary};
use crate::secrecy::watch::{NOBODY, as_user, paths, program, run_with_input, wait_for};

#[test]
fn folders_are_0700_and_files_0600_at_every_umask() {
    let mut seen = 0;
    for umask in ["000", "022", "077", "777"] {
        let sandbox = Sandbox::new();
        let run = |args: &[&str]| Run::of(at_umask(&sandbox, umask, args).output().unwrap());
        let secret = run(&["generate", "api", "ci"]).expect(0).secret();
        run(&["generate", "smtp", "mail"]).expect(0);
        fs::write(sandbox.home().join("secret"), &secret).unwrap();
        let mut verify = at_umask(&sandbox, umask, &["verify"]);
        verify.stdin(fs::File::open(sandbox.home().join("secret")).unwrap());
        Run::of(verify.output().unwrap()).expect(0);
        fs::remove_file(sandbox.home().join("secret")).unwrap();
        run(&["regenerate", "--yes", "ci"]).expect(0);
        run(&["rotate", "ci"]).expect(0);
        run(&["deactivate", "ci", "mail"]).expect(0);
        for path in paths(sandbox.home()) {
            let mode = fs::symlink_metadata(&path).unwrap().mode() & 0o7777;
            let right = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode, right, "{} at umask {umask}", path.display());
            seen += 1;
        }
    }
    // .local, share, postkey, vault.db, usage.db and its log and index
    assert_eq!(seen, 4 * 7);
}

#[test]
fn the_journal_is_0600_at_every_umask() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let journal = sandbox.vault().with_file_name("vault.db-journal");
    for (umask, verb) in [
        ("000", "deactivate"),
        ("022", "activate"),
        ("777", "deactivate"),
    ] {
        // A reader blocks the writer's commit, so that its journal stays.
        let reader = Connection::open(sandbox.vault()).unwrap();
        let query = "BEGIN; SELECT count(*) FROM keys";
        reader.execute_batch(query).unwrap();
        let mut command = at_umask(&sandbox, umask, &[verb, "ci", "--wait", "30s"]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        wait_for("a journal", || journal.exists());
        let mode = fs::metadata(&journal).unwrap().mode() & 0o7777;
        drop(reader);
        assert!(child.wait().unwrap().success());
        assert_eq!(mode, 0o600, "at umask {umask}");
    }
}

#[test]
fn generate_creates_missing_folders() {
    let sandbox = Sandbox::new();
    let vault = sandbox.home().join("a/b/keys.db");
    let vault = vault.to_str().unwrap();
    sandbox.run(["list", "--vault", vault]).expect(5);
    assert!(
        !sandbox.home().join("a").exists(),
        "a reading command made a folder"
    );
    sandbox
        .run(["generate", "api", "ci", "--vault", vault])
        .expect(0);
    sandbox.run(["show", "ci", "--vault", vault]).expect(0);
    let missing = sandbox.home().join("no/home");
    let run = run_at_home(&sandbox, &missing, &["generate", "api", "ci"]).expect(0);
    assert!(
        missing.join(".local/share/postkey/vault.db").exists(),
        "{run:?}"
    );
}

#[test]
fn root_with_another_users_home_is_refused_with_a_hint() {
    if !geteuid().is_root() {
        return;
    }
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    chown(sandbox.home(), Some(NOBODY), None).unwrap();
    let before = fs::read(sandbox.vault()).unwrap();
    let is_refused = |args: &&[&str]| {
        let run = run_with_input(&sandbox, args, &secret);
        let is_explained = run.stderr.contains("another user's HOME");
        run.status == 5 && is_explained && run.stderr.contains("sudo -H")
    };
    let others = [&["restore", "x"][..], &["doctor"]];
    let let_through: Vec<_> = refused::commands()
        .chain(others)
        .filter(|args| !is_refused(args))
        .collect();
    assert!(let_through.is_empty(), "{let_through:?}");
    assert_eq!(fs::read(sandbox.vault()).unwrap(), before);
    let other = Sandbox::new();
    other.generate(["api", "ci"]);
    sandbox
        .run(["list", "--vault", other.vault().to_str().unwrap()])
        .expect(0);
}

#[test]
fn an_unusable_home_is_an_error_and_no_panic() {
    let sandbox = Sandbox::new();
    for home in [
        "relative/home",
        "/dev/null",
        "/nonexistent",
        "/proc/self/nothing",
    ] {
        for args in [
            &["list"][..],
            &["verify"],
            &["log"],
            &["show", "ci"],
            &["deactivate", "ci"],
        ] {
            let run = run_at_home(&sandbox, Path::new(home), args);
            assert!(
                (0..=5).contains(&run.status),
                "HOME={home:?} {args:?}: {run:?}"
            );
            assert!(
                !run.stderr.contains("a bug in postkey"),
                "HOME={home:?} {args:?}: {run:?}"
            );
            assert!(
                run.status == 1 || !run.stderr.is_empty(),
                "HOME={home:?} {args:?}: {run:?}"
            );
        }
    }
    assert_eq!(paths(sandbox.home()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn without_a_home_naming_a_vault_is_suggested() {
    // Only a user without an entry in passwd has no home at all.
    if !geteuid().is_root() {
        return;
    }
    let sandbox = Sandbox::new();
    for home in [None, Some("")] {
        for args in [&["list"][..], &["generate", "api", "ci"], &["log"]] {
            let run = as_nobody(&sandbox, home, args).expect(5);
            assert!(
                run.stderr.contains("--vault"),
                "HOME={home:?} {args:?}: {run:?}"
            );
        }
    }
}

#[test]
fn a_relative_home_is_ignored() {
    let sandbox = Sandbox::new();
    for args in [&["list"][..], &["generate", "api", "ci"], &["log"]] {
        let run = run_at_home(&sandbox, Path::new("relative"), args).expect(5);
        assert!(run.stderr.contains("HOME"), "{args:?}: {run:?}");
    }
}

/// The binary as the shell starts it with that umask.
fn at_umask(sandbox: &Sandbox, umask: &str, args: &[&str]) -> Command {
    let script = format!("umask {umask}; exec \"$@\"");
    let words = ["-c", &script, "sh", POSTKEY]
        .into_iter()
        .chain(args.iter().copied());
    program(&sandbox.command(words), "sh")
}

fn run_at_home(sandbox: &Sandbox, home: &Path, args: &[&str]) -> Run {
    let mut command = sandbox.command(args.iter().copied());
    Run::of(command.env("HOME", home).output().unwrap())
}

fn as_nobody(sandbox: &Sandbox, home: Option<&str>, args: &[&str]) -> Run {
    fs::set_permissions(sandbox.home(), fs::Permissions::from_mode(0o777)).unwrap();
    let copy = sandbox.home().join("postkey");
    if !copy.exists() {
        copy_binary(&copy);
    }
    let mut command = program(
        &sandbox.command(args.iter().copied()),
        copy.to_str().unwrap(),
    );
    command
        .env_remove("HOME")
        .envs(home.map(|home| ("HOME", home)));
    Run::of(as_user(&mut command, NOBODY).output().unwrap())
}
