//! No command overwrites a file of another kind.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::sandbox::{Run, Sandbox};

/// What is written, and by which command; `@` is the file.
const WRITERS: [(&str, &[&str]); 13] = [
    ("secret", &["generate", "api", "new", "--save", "@"]),
    (
        "secret as JSON",
        &["rotate", "web", "--save", "@", "--format", "json"],
    ),
    (
        "variable",
        &["generate", "api", "new", "--save", "@", "--env-name", "K"],
    ),
    (
        "variable of a job",
        &["generate", "api", "new", "--github", "env"],
    ),
    (
        "folder",
        &["generate", "api", "--from", "names", "--save-dir", "@/.."],
    ),
    ("replacement", &["regenerate", "web", "-y", "--save", "@"]),
    ("applied secret", &["apply", "whole.toml"]),
    ("applied variable", &["apply", "variable.toml"]),
    ("dovecot", &["export", "dovecot", "@"]),
    ("json", &["export", "json", "@"]),
    ("report", &["revoke", "web", "--report", "@"]),
    ("backup", &["backup", "--replace", "@"]),
    ("head", &["log", "verify", "--save-head", "@"]),
];

/// Existing files, and the writers that may replace them.
const TARGETS: [(&str, &[&str]); 19] = [
    ("vault.db", &[]),
    ("vault.db-journal", &[]),
    ("vault.db-wal", &[]),
    ("vault.db.schema-3", &[]),
    ("vault.db.before-restore-1", &[]),
    ("usage.db", &[]),
    ("usage.db-shm", &[]),
    ("config.toml", &[]),
    ("configured", &["dovecot"]),
    ("other.db-journal", &[]),
    ("secret.key", &["secret", "replacement", "applied secret"]),
    ("secret.json", &["secret as JSON"]),
    (
        "app.env",
        &["variable", "variable of a job", "applied variable"],
    ),
    ("users.dovecot", &["dovecot"]),
    ("users.json", &["json"]),
    ("report.md", &[]),
    ("copy.db", &["backup"]),
    ("other.db", &[]),
    ("log.head", &["head"]),
];

/// A home with a file of each kind that postkey writes.
fn stocked() -> Sandbox {
    static STOCKED: LazyLock<Sandbox> = LazyLock::new(stock);
    let sandbox = Sandbox::new();
    let from = STOCKED.home().join(".");
    let mut copy = Command::new("cp");
    copy.arg("-a").args([&from, sandbox.home()]);
    assert!(copy.status().unwrap().success());
    name_export(&sandbox);
    sandbox
}

/// Adds the export to the settings.
fn name_export(sandbox: &Sandbox) {
    sandbox.settings(&format!(
        "[[export]]\nformat = \"dovecot\"\nfile = \"{}/configured\"\n",
        sandbox.home().display()
    ));
}

fn stock() -> Sandbox {
    let sandbox = Sandbox::new();
    name_export(&sandbox);
    let home = sandbox.home().to_owned();
    sandbox.generate(["api", "web"]);
    let run = |args: &[&str]| Run::of(sandbox.command(args.iter().copied()).output().unwrap());
    for args in [
        &["generate", "smtp", "mail"][..],
        &["generate", "api", "a", "--save", "secret.key"],
        &[
            "generate",
            "api",
            "b",
            "--save",
            "secret.json",
            "--format",
            "json",
        ],
        &[
            "generate",
            "api",
            "c",
            "--save",
            "app.env",
            "--env-name",
            "K",
        ],
        &["export", "dovecot", "users.dovecot"],
        &["export", "json", "users.json"],
        &["generate", "api", "leaked"],
        &["revoke", "leaked", "--report", "report.md"],
        &["backup", "copy.db"],
        &["log", "verify", "--save-head", "log.head"],
        &["generate", "api", "else", "--vault", "other.db"],
        &["delete", "a", "b", "c", "-y"],
    ] {
        run(args).expect(0);
    }
    let secret = run(&["rotate", "mail"]).expect(0).stdout;
    sandbox
        .run_with_input(["verify"], secret.as_bytes())
        .expect(0);
    assert!(sandbox.usage().exists());
    let copy = fs::read(home.join("copy.db")).unwrap();
    for name in ["vault.db.schema-3", "vault.db.before-restore-1"] {
        fs::write(beside_vault(&sandbox, name), &copy).unwrap();
    }
    fs::write(home.join("names"), "new\n").unwrap();
    sandbox
}

fn beside_vault(sandbox: &Sandbox, name: &str) -> PathBuf {
    sandbox.vault().with_file_name(name)
}

fn path_of(sandbox: &Sandbox, target: &str) -> PathBuf {
    match target {
        "config.toml" => sandbox.home().join(".config/postkey/config.toml"),
        _ if target.starts_with("vault.db") || target.starts_with("usage.db") => {
            beside_vault(sandbox, target)
        }
        _ => sandbox.home().join(target),
    }
}

/// Runs a writer on a file; returns the exit status.
fn write(sandbox: &Sandbox, writer: &str, args: &[&str], path: &Path) -> Run {
    let file = path.to_str().unwrap();
    let key = "[[key]]\nname = \"new\"\nkind = \"api\"\n";
    let whole = format!("{key}save = {{ file = \"{file}\" }}\n");
    let variable = format!("{key}save = {{ file = \"{file}\", secret = \"K\" }}\n");
    fs::write(sandbox.home().join("whole.toml"), whole).unwrap();
    fs::write(sandbox.home().join("variable.toml"), variable).unwrap();
    if writer == "folder" {
        // The file created in the folder has the target's name.
        let name = path.file_name().unwrap().to_str().unwrap();
        fs::write(sandbox.home().join("names"), format!("{name}\n")).unwrap();
    }
    let folder = path.parent().unwrap().to_str().unwrap();
    let args = args.iter().map(|arg| match *arg {
        "@" => file,
        "@/.." => folder,
        arg => arg,
    });
    let mut command: Command = sandbox.command(args);
    command
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_ENV", file);
    Run::of(command.output().unwrap())
}

/// The state of a file: its contents, owner and mode.
fn state(path: &Path) -> Option<(Vec<u8>, u32, u32)> {
    let found = fs::symlink_metadata(path).ok()?;
    let text = fs::read(path).unwrap();
    Some((text, found.mode(), found.uid()))
}

#[test]
fn no_writer_overwrites_another_kind_of_file() {
    let (mut refused, mut replaced) = (0, 0);
    for (writer, args) in WRITERS {
        let sandbox = stocked();
        if writer == "report" {
            // The key is revoked even if the report fails.
            sandbox.run(["revoke", "web"]).expect(0);
        }
        let keys = sandbox.run(["list", "--format", "json"]).stdout;
        for (target, may) in TARGETS {
            if may.contains(&writer) {
                continue;
            }
            for mode in [0o600, 0o400] {
                let path = path_of(&sandbox, target);
                if path.exists() {
                    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
                }
                let before = state(&path);
                let run = write(&sandbox, writer, args, &path);
                assert!(run.status > 1, "{writer} over {target} {mode:o}: {run:?}");
                assert!(
                    run.stderr.contains("hint"),
                    "{writer} over {target}: {run:?}"
                );
                // The usage record and the log grow; a refused command changes neither.
                let is_logged = (writer, target) == ("report", "vault.db");
                assert!(
                    is_logged || state(&path) == before,
                    "{writer} changed {target}: {run:?}"
                );
                refused += 1;
                if path.exists() {
                    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
                }
            }
        }
        let after = sandbox.run(["list", "--format", "json"]).stdout;
        assert_eq!(after, keys, "{writer}");
    }
    for (target, may) in TARGETS {
        for writer in may {
            let args = WRITERS.iter().find(|(name, _)| name == writer).unwrap().1;
            for mode in [0o600, 0o400] {
                let sandbox = stocked();
                let path = path_of(&sandbox, target);
                fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
                let run = write(&sandbox, writer, args, &path);
                assert_eq!(run.status, 0, "{writer} over {target} {mode:o}: {run:?}");
                assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, mode);
                replaced += 1;
            }
        }
    }
    let likes: usize = TARGETS.iter().map(|(_, may)| may.len()).sum();
    let others = WRITERS.len() * TARGETS.len() - likes;
    assert_eq!((refused, replaced), (others * 2, likes * 2));
}

#[test]
fn a_configured_export_does_not_overwrite_another_kind_of_file() {
    let sandbox = stocked();
    for (target, may) in TARGETS {
        if may.contains(&"json") {
            continue;
        }
        let path = path_of(&sandbox, target);
        sandbox.settings(&format!(
            "[[export]]\nformat = \"json\"\nfile = \"{}\"\n",
            path.display()
        ));
        let before = state(&path);
        // The command itself changes the vault.
        let is_vault = target == "vault.db";
        let run = sandbox.run(["describe", "web", "changed"]).expect(8);
        assert!(is_vault || state(&path) == before, "{target}: {run:?}");
        sandbox.run(["log", "verify"]).expect(0);
    }
}
