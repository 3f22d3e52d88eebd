//! Files below a git work tree: git must not get the secret.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::sandbox::Sandbox;

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
