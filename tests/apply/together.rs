//! Several runs at once, and a run that is killed.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::THREE;
use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::watch::program;

#[test]
fn every_secret_delivered_concurrently_is_valid() {
    let sandbox = Sandbox::with_manifest(THREE);
    let children: Vec<_> = (0..8)
        .map(|_| {
            let mut command = sandbox.command(["apply", "keys.toml", "--wait", "60s"]);
            let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for child in children {
        Run::of(child.wait_with_output().unwrap()).expect(0);
    }
    for secret in [
        sandbox.variable(".env", "SMTP_PASSWORD"),
        sandbox.read("reports.secret").trim_end().to_owned(),
        sandbox.read("deploy.secret"),
    ] {
        assert_eq!(sandbox.verify(&secret).1, 0);
    }
    assert_eq!((sandbox.how_many(), sandbox.logged()), (3, 3));
}

#[test]
fn a_second_apply_reports_that_it_waits() {
    let slow = THREE.replace("cat >deploy.secret", "cat >deploy.secret; sleep 3");
    let sandbox = Sandbox::with_manifest(&slow);
    let mut child = sandbox
        .command(["apply", "keys.toml", "-q"])
        .spawn()
        .unwrap();
    let is_under_way = crate::prompts::terminal::until(std::time::Duration::from_secs(20), || {
        sandbox.home().join("deploy.secret").exists()
    });
    assert!(is_under_way);
    let run = sandbox.apply(&["--wait", "1s"]).expect(5);
    assert!(
        run.stderr.contains("another `postkey apply` is running"),
        "{run:?}"
    );
    assert!(run.stderr.contains("--wait"), "{run:?}");
    assert!(child.wait().unwrap().success());
    sandbox.apply(&[]).expect(0);
}

#[test]
fn an_inaccessible_lock_is_an_error() {
    let sandbox = Sandbox::with_manifest(THREE);
    sandbox.generate(["api", "first"]);
    let lock = sandbox.vault().with_file_name("vault.db.apply");
    let lock = lock.to_str().unwrap();
    // A locked file cannot be inspected, or has been replaced by then.
    for (inject, says) in [
        ("inject=statx:error=EIO", "cannot access the lock file"),
        (
            "inject=statx:error=ENOENT:when=2+2",
            "another `postkey apply` is running",
        ),
    ] {
        let strace = ["-qq", "-o", "/dev/null", "-P", lock, "-e", inject, POSTKEY];
        let args = ["apply", "keys.toml", "--wait", "1s"];
        let command = sandbox.command(strace.into_iter().chain(args));
        let begun = Instant::now();
        let run = Run::of(program(&command, "strace").output().unwrap()).expect(5);
        assert!(run.stderr.contains(says), "{inject}: {run:?}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{inject}");
        assert_eq!(sandbox.how_many(), 1);
    }
    sandbox.apply(&[]).expect(0);
}
