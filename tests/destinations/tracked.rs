//! Files below a git work tree: git must not get the secret.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::sandbox::{Run, Sandbox};

/// A home with a work tree `shop`, which tracks `tracked.env` and ignores `*.key`.
fn work_tree() -> Sandbox {
    let sandbox = Sandbox::new();
    let shop = sandbox.home().join("shop");
    fs::create_dir_all(shop.join("app")).unwrap();
    let git = |args: &[&str]| {
        let run = Command::new("git")
            .args(args)
            .current_dir(&shop)
            .env("HOME", sandbox.home())
            .output();
        let run = run.unwrap();
        assert!(run.status.success(), "{run:?}");
    };
    git(&["init", "--quiet"]);
    sandbox.write("shop/.gitignore", "*.key\n");
    sandbox.write("shop/app/tracked.env", "");
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(shop.join("app/tracked.env"), private).unwrap();
    git(&["add", "."]);
    sandbox
}

#[test]
fn a_tracked_file_is_refused_and_one_that_is_not_ignored_is_warned_of() {
    for (flags, status, part) in [
        (
            &["--to", "env:shop/app/tracked.env#KEY"][..],
            6,
            "is tracked by git",
        ),
        (
            &["--save", "shop/app/tracked.env", "--env-name", "K"],
            6,
            "git rm --cached shop/app/tracked.env",
        ),
        (
            &["--save", "shop/app/a"],
            0,
            "git does not ignore `shop/app/a`: add the line `/app/a` to",
        ),
        (&["--to", "dir:shop"], 0, "add the line `/web` to"),
        (&["--save", "shop/app/a.key"], 0, ""),
        (&["--save", "elsewhere"], 0, ""),
    ] {
        let sandbox = work_tree();
        let args = [&["generate", "api", "web"], flags].concat();
        let run = sandbox.with_path(&args).expect(status);
        assert!(run.stderr.contains(part), "{args:?}: {run:?}");
        assert_eq!(
            run.stderr.contains("git"),
            !part.is_empty(),
            "{args:?}: {run:?}"
        );
        if status != 0 {
            assert!(!sandbox.vault().exists());
            assert_eq!(sandbox.read("shop/app/tracked.env"), "");
        }
    }
}

#[test]
fn a_manifest_and_many_keys_are_checked_too() {
    let sandbox = work_tree();
    sandbox.manifest(
        "[[key]]\nname = \"web\"\nkind = \"api\"\nsave = \"env:shop/app/tracked.env#KEY\"\n",
    );
    let run = sandbox.apply(&[]).expect(5);
    assert!(run.stderr.contains("is tracked by git"), "{run:?}");
    sandbox.write("names", "a\nb\n");
    let run = sandbox
        .run([
            "generate",
            "api",
            "--from",
            "names",
            "--save-dir",
            "shop/app",
        ])
        .expect(0);
    assert!(run.stderr.contains("git does not ignore"), "{run:?}");
}

#[test]
fn without_git_nothing_is_checked() {
    let sandbox = work_tree();
    let mut command = sandbox.command([
        "generate",
        "api",
        "web",
        "--to",
        "env:shop/app/tracked.env#KEY",
    ]);
    let run = command.env("PATH", sandbox.home()).output().unwrap();
    assert!(run.status.success(), "{run:?}");
}

const TRACKED: [&str; 5] = [
    "generate",
    "api",
    "web",
    "--to",
    "env:shop/app/tracked.env#KEY",
];

#[test]
fn neither_the_environment_nor_the_work_tree_replaces_git() {
    let sandbox = work_tree();
    let hostile = sandbox.home().join("shop/git");
    fs::write(&hostile, "#!/bin/sh\n: >\"$HOME/ran\"\nexit 1\n").unwrap();
    fs::set_permissions(&hostile, fs::Permissions::from_mode(0o700)).unwrap();
    let path = std::env::var("PATH").unwrap();
    for (variable, value) in [
        ("PATH", format!(":.:{path}")),
        ("GIT_COMMON_DIR", "/tmp".to_owned()),
        ("GIT_INDEX_FILE", "/dev/null".to_owned()),
        ("GIT_CEILING_DIRECTORIES", "/".to_owned()),
    ] {
        let mut command = sandbox.command(TRACKED);
        let run = Run::of(command.env(variable, value).output().unwrap()).expect(6);
        assert!(
            run.stderr.contains("is tracked by git"),
            "{variable}: {run:?}"
        );
        assert!(!sandbox.home().join("ran").exists(), "{variable}");
    }
}

#[test]
fn a_work_tree_that_git_does_not_understand_is_warned_of() {
    let sandbox = work_tree();
    fs::remove_file(sandbox.home().join("shop/.git/HEAD")).unwrap();
    let run = sandbox.run(TRACKED).expect(0);
    assert!(
        run.stderr
            .contains("cannot tell whether git tracks `shop/app/tracked.env`"),
        "{run:?}"
    );
}
