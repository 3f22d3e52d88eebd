//! Unsafe files and folders for a vault are refused and left unchanged.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};
use rusqlite::Connection;

use crate::apply::THREE;
use crate::sandbox::Sandbox;
use crate::secrecy::watch::{NOBODY, run_with_input};

/// Every command that only reads the vault.
pub const READING: [&[&str]; 12] = [
    &["list"],
    &["show", "ci"],
    &["log"],
    &["log", "verify"],
    &["verify"],
    &["identify"],
    &["explain"],
    &["usage"],
    &["check", "--format", "ics"],
    &["connect", "dovecot"],
    &["connect", "postfix"],
    &["export", "json"],
];

/// The command that runs until it is stopped; it has no address to listen on here.
const SERVING: &[&str] = &["serve", "--listen", "unix:/nowhere/socket"];

/// Those that need a passphrase; none is given, nor prompted for.
const SEALING: [&[&str]; 2] = [&["reveal"], &["generate", "smtp", "new", "--default"]];

/// Every command that changes the vault.
pub const WRITING: [&[&str]; 16] = [
    &["generate", "api", "new"],
    &["generate", "smtp", "new", "--if-absent"],
    &["regenerate", "--yes", "ci"],
    &["rotate", "ci"],
    &["rotate", "--finish", "--yes", "ci"],
    &["deactivate", "ci"],
    &["activate", "idle"],
    &["rename", "ci", "other"],
    &["describe", "ci", "something"],
    &["set", "ci", "--expires", "90d"],
    &["set", "ci", "--rotate-every", "30d"],
    &["set", "ci", "--permission", "read-only"],
    &["revoke", "ci"],
    &["revoke", "--replace", "--yes", "ci"],
    &["run", "--", "true"],
    &["delete", "--yes", "ci"],
];

/// The command that reads the vault to write another, and logs that.
const COPYING: &[&str] = &["backup", "copy.db"];

/// The command with other input.
const IMPORTING: &[&str] = &["import", "dovecot", "-"];

/// The command that works with a damaged vault, but requires a safe location.
const RESTORING: &[&str] = &["restore", "--yes", "copy.db"];

/// The command that needs a manifest, which is in the home folder.
const APPLYING: &[&str] = &["apply", "keys.toml"];

/// Every command that opens the vault and requires it to be intact; `doctor` does not.
pub fn commands() -> impl Iterator<Item = &'static [&'static str]> {
    let writing = WRITING.into_iter().chain(SEALING);
    let others = [SERVING, COPYING, IMPORTING];
    READING.into_iter().chain(writing).chain(others)
}

/// What is done to an intact vault: the path to open, and the one in the message.
type Spoil = fn(&Path) -> (PathBuf, PathBuf);

const CASES: [(&str, Spoil); 21] = [
    ("a symbolic link", |vault| {
        at(beside(vault, |link| symlink(vault, link)))
    }),
    ("a dangling link", |vault| {
        at(beside(vault, |link| symlink("nowhere", link)))
    }),
    ("a link to a device", |vault| {
        at(beside(vault, |link| symlink("/dev/zero", link)))
    }),
    ("a FIFO", |vault| {
        at(beside(vault, |path| {
            Ok(mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR)?)
        }))
    }),
    ("a socket", |vault| {
        at(beside(vault, |path| UnixListener::bind(path).map(drop)))
    }),
    ("a hard link", |vault| {
        at(beside(vault, |link| fs::hard_link(vault, link)))
    }),
    ("another owner's file", owned_by_another),
    ("readable by group", |vault| at(with_mode(vault, 0o640))),
    ("writable by group", |vault| at(with_mode(vault, 0o620))),
    ("readable by others", |vault| at(with_mode(vault, 0o604))),
    ("writable by others", |vault| at(with_mode(vault, 0o602))),
    ("a folder", |vault| {
        at(beside(vault, |path| fs::create_dir(path)))
    }),
    ("a device", |_| at("/dev/null".into())),
    ("an endless device", |_| at("/dev/zero".into())),
    ("a folder that group can write", |vault| {
        give_to_a_group(vault.parent().unwrap());
        in_folder(vault, 0o770)
    }),
    ("a folder that others can write", |vault| {
        in_folder(vault, 0o703)
    }),
    ("a folder like /tmp", |vault| in_folder(vault, 0o1777)),
    ("below a folder that others can write", below_open_folder),
    ("a database of something else", |vault| {
        at(beside(vault, foreign_database))
    }),
    ("a short text", |vault| {
        at(beside(vault, |path| fs::write(path, "no vault\n")))
    }),
    ("a long text", |vault| {
        at(beside(vault, |path| {
            fs::write(path, "no vault\n".repeat(999))
        }))
    }),
];

#[test]
fn an_unsafe_vault_is_refused_by_every_command_and_not_touched() {
    let secret = Sandbox::new().generate(["api", "ci"]);
    let (mut refused, mut all) = (0, 0);
    for (case, spoil) in CASES {
        let sandbox = Sandbox::new();
        sandbox.generate(["api", "ci"]);
        sandbox.manifest(THREE);
        let (vault, named) = spoil(&sandbox.vault());
        let before = state(&vault);
        for args in commands().chain([RESTORING, APPLYING]) {
            let args = [&["--vault", vault.to_str().unwrap()], args].concat();
            let run = run_with_input(&sandbox, &args, &secret);
            let says = run.stderr.contains(&format!("`{}`", named.display()));
            let has_hint = run.stderr.contains("\nhint: ");
            assert!(
                run.status == 5 && says && has_hint && run.stdout.is_empty(),
                "{case}: {args:?} {run:?}"
            );
            assert_eq!(state(&vault), before, "{case} was touched by {args:?}");
            refused += 1;
        }
        all += commands().count() + 2;
    }
    assert_eq!((refused, all), (21 * 35, 21 * 35));
}

#[test]
fn no_folders_are_created_for_a_refused_path() {
    let sandbox = Sandbox::new();
    let open = sandbox.home().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    let vault = open.join("a/b/vault.db");
    sandbox
        .run(["generate", "api", "ci", "--vault", vault.to_str().unwrap()])
        .expect(5);
    assert!(
        !open.join("a").exists(),
        "the refused command made a folder"
    );
}

#[test]
fn every_command_is_tried_on_unsafe_vaults() {
    let definition = postkey::cli::definition();
    let all: BTreeSet<_> = definition
        .get_subcommands()
        .map(|verb| verb.get_name())
        .collect();
    let tried: BTreeSet<_> = commands()
        .map(|args| args[0])
        .chain(["completions", "config", "restore", "doctor", "apply"])
        .collect();
    assert_eq!(tried, all, "list the new command in READING or WRITING");
}

/// The message has the path itself.
fn at(path: PathBuf) -> (PathBuf, PathBuf) {
    (path.clone(), path)
}

fn beside(vault: &Path, make: impl FnOnce(&Path) -> std::io::Result<()>) -> PathBuf {
    let path = vault.with_file_name("other.db");
    make(&path).unwrap();
    path
}

fn owned_by_another(vault: &Path) -> (PathBuf, PathBuf) {
    if !geteuid().is_root() {
        return at("/etc/passwd".into());
    }
    chown(vault, Some(NOBODY), None).unwrap();
    at(vault.to_owned())
}

fn with_mode(path: &Path, mode: u32) -> PathBuf {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    path.to_owned()
}

fn in_folder(vault: &Path, mode: u32) -> (PathBuf, PathBuf) {
    (vault.to_owned(), with_mode(vault.parent().unwrap(), mode))
}

/// Gives a file to a group with other members, as only root may; assumes that another user's group
/// has some.
pub fn give_to_a_group(path: &Path) {
    if geteuid().is_root() {
        chown(path, None, Some(NOBODY)).unwrap();
    }
}

fn below_open_folder(vault: &Path) -> (PathBuf, PathBuf) {
    let above = vault.ancestors().nth(2).unwrap();
    (vault.to_owned(), with_mode(above, 0o777))
}

fn foreign_database(path: &Path) -> std::io::Result<()> {
    let database = Connection::open(path).unwrap();
    database
        .execute_batch("CREATE TABLE keys (name TEXT); INSERT INTO keys VALUES ('ci')")
        .unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600))
}

/// Everything that a command could have changed: the file, its attributes, its folder.
fn state(path: &Path) -> String {
    let found = fs::symlink_metadata(path).unwrap();
    let contents = found.is_file().then(|| fs::read(path).unwrap());
    let folder = fs::read_dir(path.parent().unwrap()).unwrap();
    // Files in /dev come and go.
    let names: BTreeSet<_> = folder.map(|entry| entry.unwrap().file_name()).collect();
    let names = (!path.starts_with("/dev")).then_some(names);
    let marks = (
        found.mode(),
        found.uid(),
        found.nlink(),
        found.mtime(),
        found.mtime_nsec(),
    );
    format!("{marks:?} {names:?} {contents:?}")
}
