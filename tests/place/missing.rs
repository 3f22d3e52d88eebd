//! A missing vault is a distinct error, and never an answer about its keys.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::paths;

/// Every command except those that create a vault or need none.
const NEEDING: [&str; 35] = [
    "list",
    "list --kind api",
    "show ci",
    "deactivate ci",
    "activate ci",
    "regenerate --yes ci",
    "rotate ci",
    "rotate --finish --yes ci",
    "rotate --abort --yes ci",
    "rotate --due",
    "reveal --passphrase-file p",
    "delete --yes ci",
    "rename ci web",
    "describe ci text",
    "set ci --limit 1/day",
    "verify",
    "verify --no-record",
    "identify",
    "explain",
    "revoke",
    "revoke ci",
    "usage",
    "usage ci",
    "check",
    "check ci",
    "log",
    "log ci",
    "log verify",
    "serve",
    "run -- true",
    "backup b.db",
    "export json",
    "doctor",
    "connect dovecot",
    "connect curl ci",
];

/// The messages if the settings, the environment or a flag name a vault, or nothing does.
const NAMED: [(&str, &str, &str); 4] = [
    ("--vault", "flag.db", "named by --vault"),
    ("POSTKEY_VAULT", "variable.db", "named by POSTKEY_VAULT"),
    (
        "settings",
        "settings.db",
        "named by `vault` in the settings",
    ),
    ("", ".local/share/postkey/vault.db", "the default"),
];

#[test]
fn every_command_reports_a_missing_vault_with_its_path() {
    let other = Sandbox::new();
    let secret = other.generate(["api", "ci"]);
    for line in NEEDING {
        for (how, path, why) in NAMED {
            for input in [secret.as_str(), "no secret at all", ""] {
                let sandbox = Sandbox::new();
                let run = without_a_vault(&sandbox, how, path, line, input);
                let told = format!("there is no vault at `{}` ({why})", home(&sandbox, path));
                assert!(run.status == 5, "{line}, {how}: {run:?}");
                assert!(run.stderr.contains(&told), "{line}, {how}: {run:?}");
                assert!(run.stderr.contains("hint"), "{line}, {how}: {run:?}");
                assert_eq!(run.stdout, "", "{line}, {how}");
                assert!(files(&sandbox).is_empty(), "{line}: {:?}", files(&sandbox));
                if how.is_empty() || !["verify", "identify", "explain", "revoke"].contains(&line) {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_missing_vault_is_not_an_empty_list_in_machine_formats() {
    for format in ["json", "jsonl", "csv"] {
        for line in ["list", "log", "usage", "check", "export"] {
            let sandbox = Sandbox::new();
            let args = match line {
                "export" => vec!["export", "json", "--format", format],
                line => vec![line, "--format", format],
            };
            let run = Run::of(sandbox.command(args).output().unwrap()).expect(5);
            assert_eq!(run.stdout, "", "{line}");
            let error: serde_json::Value = serde_json::from_str(&run.stderr).unwrap();
            assert_eq!(error["error"]["code"], "trouble", "{line}");
        }
    }
}

#[test]
fn commands_that_need_no_vault_work_without_one() {
    let sandbox = Sandbox::new();
    for line in [
        "completions bash",
        "config",
        "connect nginx",
        "help list",
        "--version",
    ] {
        let args = line.split(' ');
        Run::of(sandbox.command(args).output().unwrap()).expect(0);
    }
    assert!(files(&sandbox).is_empty());
}

#[test]
fn creating_a_vault_is_reported_with_its_path() {
    let manifest = "[[key]]\nname = \"web\"\nkind = \"api\"\nsave = { file = \"web.key\" }\n";
    let backup = {
        let sandbox = Sandbox::with_three_keys();
        sandbox.run(["backup", "b.db"]).expect(0);
        fs::read(sandbox.home().join("b.db")).unwrap()
    };
    for line in [
        "generate api ci",
        "generate api --from names --save-dir keys",
        "import htpasswd users",
        "apply keys.toml",
        "restore --yes b.db",
    ] {
        for (format, how) in [("text", "created vault"), ("json", "{\"warning\":")] {
            let sandbox = Sandbox::new();
            let write = |name, text: &[u8]| fs::write(sandbox.home().join(name), text).unwrap();
            write("keys.toml", manifest.as_bytes());
            write("names", b"a\nb\n");
            write("users", b"someone:{SHA}fEqNCco3Yq9h5ZUglD3CZJT4lBs=\n");
            write("b.db", &backup);
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(sandbox.home().join("b.db"), private).unwrap();
            let args = || line.split(' ').chain(["--format", format]);
            let run = Run::of(sandbox.command(args()).output().unwrap()).expect(0);
            let told = format!("created vault `{}`", sandbox.vault().display());
            assert_eq!(run.stderr.matches(&told).count(), 1, "{line}: {run:?}");
            assert!(run.stderr.starts_with(how) || line.starts_with("restore"));
            let again = Run::of(sandbox.command(args()).output().unwrap());
            assert!(!again.stderr.contains("created vault"), "{again:?}");
        }
    }
}

#[test]
fn a_dry_run_reports_where_the_vault_would_be_created() {
    let sandbox = Sandbox::new();
    let manifest = "[[key]]\nname = \"web\"\nkind = \"api\"\nsave = { file = \"web.key\" }\n";
    fs::write(sandbox.home().join("keys.toml"), manifest).unwrap();
    let run = sandbox.run(["apply", "--dry-run", "keys.toml"]).expect(1);
    let told = format!("there is no vault at `{}`", sandbox.vault().display());
    assert!(run.stderr.contains(&told), "{run:?}");
    let users = b"someone:{SHA}fEqNCco3Yq9h5ZUglD3CZJT4lBs=\n";
    let run = sandbox
        .run_with_input(["import", "htpasswd", "--dry-run", "-"], users)
        .expect(1);
    assert!(run.stderr.contains(&told), "{run:?}");
    assert!(!sandbox.vault().exists());
}

/// Runs a command where a vault is named in this way, and missing.
fn without_a_vault(sandbox: &Sandbox, how: &str, path: &str, line: &str, input: &str) -> Run {
    let path = home(sandbox, path);
    let mut args = Vec::new();
    if how == "settings" {
        sandbox.settings(&format!("vault = \"{path}\"\n"));
    }
    if how == "--vault" {
        args.extend([how, &path]);
    }
    args.extend(line.split(' '));
    let mut command = sandbox.command(args);
    if how == "POSTKEY_VAULT" {
        command.env(how, &path);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without reading it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    Run::of(child.wait_with_output().unwrap())
}

fn home(sandbox: &Sandbox, path: &str) -> String {
    sandbox.home().join(path).display().to_string()
}

/// Everything in the home except the settings.
fn files(sandbox: &Sandbox) -> Vec<PathBuf> {
    let mut all = paths(sandbox.home());
    all.retain(|path| !path.components().any(|part| part.as_os_str() == ".config"));
    all
}
