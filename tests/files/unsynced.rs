//! Files that were renamed, but could not be made durable.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::watch::program;

/// Runs with one folder whose sync fails.
fn run(sandbox: &Sandbox, folder: &Path, args: &[&str]) -> Run {
    let folder = fs::canonicalize(folder).unwrap();
    let words = ["-f", "-qqq", "-o", "/dev/null", "-P"];
    let words = words.into_iter().chain([folder.to_str().unwrap()]);
    let words = words.chain(["-e", "inject=fsync:error=EIO", POSTKEY]);
    let words = words.chain(args.iter().copied());
    Run::of(program(&sandbox.command(words), "strace").output().unwrap())
}

fn folder(sandbox: &Sandbox) -> PathBuf {
    let folder = sandbox.home().join("out");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

#[test]
fn a_written_secret_is_not_reported_missing() {
    for (args, file, status) in [
        (&["log", "verify", "--save-head", "out/head"][..], "head", 7),
        (&["backup", "out/copy.db"], "copy.db", 7),
        (&["export", "json", "out/keys.json"], "keys.json", 7),
        (
            &["revoke", "ci", "--report", "out/report.md"],
            "report.md",
            7,
        ),
    ] {
        let sandbox = Sandbox::new();
        sandbox.generate(["api", "ci"]);
        let folder = folder(&sandbox);
        let run = run(&sandbox, &folder, args).expect(status);
        let text = fs::read(folder.join(file)).unwrap();
        assert!(!text.is_empty(), "{args:?}");
        let told =
            format!("{file}` was written, but may not survive a power failure: Input/output");
        assert!(run.stderr.contains(&told), "{args:?}: {run:?}");
        assert!(run.stderr.contains("dmesg"), "{args:?}: {run:?}");
        for wrong in [
            "cannot write",
            "nothing changed",
            "writes the report again",
            "lacks",
        ] {
            assert!(!run.stderr.contains(wrong), "{args:?}: {run:?}");
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "{args:?}");
    }
}

#[test]
fn a_rewritten_export_is_not_reported_as_outdated() {
    let sandbox = Sandbox::new();
    let folder = folder(&sandbox);
    let file = folder.join("keys.json");
    let file = file.to_str().unwrap();
    sandbox.settings(&format!(
        "[[export]]\nformat = \"json\"\nfile = \"{file}\"\n"
    ));
    sandbox.generate(["api", "ci"]);
    let run = run(&sandbox, &folder, &["generate", "api", "new"]).expect(8);
    assert!(
        fs::read_to_string(folder.join("keys.json"))
            .unwrap()
            .contains("\"new\"")
    );
    assert!(
        run.stderr.contains("may not survive a power failure"),
        "{run:?}"
    );
    assert!(!run.stderr.contains("lacks"), "{run:?}");
}

#[test]
fn an_undurable_secret_is_removed() {
    let sandbox = Sandbox::new();
    let folder = folder(&sandbox);
    let run = run(
        &sandbox,
        &folder,
        &["generate", "api", "ci", "--save", "out/key"],
    )
    .expect(6);
    assert!(
        run.stderr.contains("cannot write `out/key`: Input/output"),
        "{run:?}"
    );
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    sandbox.run(["show", "ci"]).expect(3);
}
