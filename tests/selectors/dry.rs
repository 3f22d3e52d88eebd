//! Dry runs: they print what would change, change nothing, and end like the change.

use std::fs;

use super::{run, stocked};
use crate::sandbox::Sandbox;
use crate::secrecy::watch::paths;

/// The contents of all files of a sandbox.
fn contents(sandbox: &Sandbox) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let files = paths(sandbox.home())
        .into_iter()
        .filter(|path| path.is_file());
    files
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

#[test]
fn a_dry_run_ends_like_the_change_and_changes_nothing() {
    let secret = regex::Regex::new(crate::sandbox::SECRET).unwrap();
    for (line, printed) in [
        (
            "generate api new",
            "would create API key `new` (active, permission full",
        ),
        (
            "generate smtp new --save new.key --label env=prod",
            "would create SMTP key `new`",
        ),
        ("generate api web --if-absent", "`web` already exists"),
        ("generate api web", "already exists"),
        (
            "generate smtp mail2 --default --passphrase-file none",
            "cannot be read",
        ),
        ("activate off", "`off` would be active"),
        ("activate web off", "`web` is already active"),
        ("activate none", "no key named `none`"),
        ("activate --label team=shop", "`off` would be active"),
        ("deactivate web", "`web` would be inactive"),
        ("deactivate --label team=shop", "`mail` would be inactive"),
        ("delete web", "`web` would be deleted"),
        ("delete --forget web other", "`other` would be deleted"),
        ("delete --label team=shop", "`web` would be deleted"),
        ("delete web web", "no key named `web`"),
        ("delete none", "no key named `none`"),
        (
            "set web --owner eve --permission full",
            "`web`: permission read-only → full, owner ada → eve",
        ),
        ("set web --name other", "already exists"),
        (
            "set mail --permission full",
            "an SMTP key has no --permission",
        ),
        (
            "set --where-label team=shop --permission full",
            "`mail`: an SMTP key has no --permission\nhint: add --where-kind api",
        ),
        (
            "set --where-label team=shop --owner eve",
            "`mail`: owner eve",
        ),
        ("rotate web --save r.key", "`web` would get a new secret"),
        ("rotate other --save r.key", "is already being rotated"),
        (
            "rotate --format env --label team=shop",
            "`web` would get a new secret",
        ),
        ("rotate --finish other", "the old secret of `other`"),
        ("rotate --abort other", "the new secret of `other`"),
        ("rotate --abort web", "is not being rotated"),
        (
            "regenerate web --save r.key",
            "the secret of `web` that ends in",
        ),
        (
            "regenerate --format env --label team=shop",
            "the secret of `mail` that ends in",
        ),
        ("regenerate none", "no key named `none`"),
        ("revoke web", "`web` would be inactive"),
        ("revoke --label team=shop", "`mail` would be inactive"),
        ("revoke bait", "is a decoy"),
        ("revoke web --report no/folder.md", "no"),
        ("revoke web --replace --save no/file.key", "no"),
    ] {
        let sandbox = stocked();
        let before = contents(&sandbox);
        for format in ["", " --json"] {
            let dry = run(&sandbox, &format!("{line} --dry-run --yes{format}"));
            assert!(contents(&sandbox) == before, "{line}{format}: {dry:?}");
            if format.is_empty() {
                assert!(dry.stderr.contains(printed), "{line}: {dry:?}");
                let is_noted = dry.stderr.contains("dry run: nothing was done");
                assert!(
                    is_noted || dry.status != 0 || line.contains("if-absent"),
                    "{dry:?}"
                );
            }
            assert!(!secret.is_match(&dry.stdout), "{line}: {dry:?}");
        }
        let dry = run(&sandbox, &format!("{line} --dry-run --yes"));
        let real = run(&sandbox, &format!("{line} --yes"));
        assert_eq!(dry.status, real.status, "{line}: {dry:?} {real:?}");
    }
}

#[test]
fn a_dry_run_asks_nothing_and_creates_no_vault() {
    let sandbox = Sandbox::new();
    let dry = run(&sandbox, "generate api ci --dry-run").expect(0);
    assert!(dry.stderr.contains("it would be created"), "{dry:?}");
    assert!(!sandbox.vault().exists());
    let sandbox = stocked();
    for line in [
        "delete web",
        "regenerate web",
        "rotate --finish other",
        "deactivate --label team=shop",
    ] {
        run(&sandbox, &format!("{line} --dry-run")).expect(0);
    }
    let json = run(&sandbox, "deactivate --label team=shop --dry-run --json").expect(0);
    let keys = json.json();
    let statuses: Vec<_> = keys
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["status"])
        .collect();
    assert_eq!(statuses, ["inactive", "inactive"]);
    let table = run(&sandbox, "deactivate --label team=shop --dry-run")
        .expect(0)
        .stdout;
    assert!(
        table.starts_with("NAME") && table.contains("active"),
        "{table}"
    );
}

#[test]
fn a_dry_run_of_a_leaked_secret_names_its_key() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let before = contents(&sandbox);
    let dry = sandbox
        .run_with_input(["revoke", "--dry-run"], secret.as_bytes())
        .expect(0);
    assert!(dry.stderr.contains("`ci` would be inactive"), "{dry:?}");
    assert!(contents(&sandbox) == before);
    let names = sandbox.home().join("names");
    fs::write(&names, "a\nb\n").unwrap();
    let many = run(
        &sandbox,
        "generate api --from names --save-dir keys --dry-run",
    )
    .expect(0);
    assert!(many.stderr.contains("would create 2 keys"), "{many:?}");
    assert!(!sandbox.home().join("keys").exists());
}
