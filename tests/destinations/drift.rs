//! Destinations that no longer hold what was delivered: `check --delivered` and `apply --dry-run`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::prompts::terminal::until;
use crate::sandbox::Sandbox;

const TO: &str = "pass:shop/app";

/// What `check --delivered` says about `web`.
fn finding(sandbox: &Sandbox) -> Option<String> {
    let run = sandbox.with_path(&["check", "--delivered", "--format", "json"]);
    let all = run.json();
    let all = all.as_array().unwrap().clone();
    let mut of_web = all.iter().filter(|found| found["name"] == "web");
    let found = of_web.find(|found| found["finding"] == "not-delivered")?;
    assert_eq!(run.status, 1);
    assert!(!run.stdout.contains("xkeypost"), "{run:?}");
    Some(found["message"].as_str().unwrap().to_owned())
}

#[test]
fn what_a_destination_holds_instead_is_named() {
    for (to, file) in [
        (TO, "kept"),
        ("file:kept", "kept"),
        ("env:kept#KEY", "kept"),
    ] {
        let sandbox = Sandbox::with_tools();
        let deliver = |command: &[&str]| {
            sandbox
                .with_path(&[command, &["--to", to]].concat())
                .expect(0);
            sandbox.read(file)
        };
        let first = deliver(&["generate", "api", "web"]);
        assert_eq!(finding(&sandbox), None, "{to}");
        let second = deliver(&["rotate", "web"]);
        assert_eq!(finding(&sandbox), None, "{to}");
        sandbox.write(file, &first);
        let found = finding(&sandbox).unwrap();
        assert!(
            found.contains("holds the old secret, which retires"),
            "{found}"
        );
        sandbox
            .run(["rotate", "--finish", "--yes", "web"])
            .expect(0);
        let found = finding(&sandbox).unwrap();
        assert!(
            found.contains("holds the secret that `web` had until"),
            "{found}"
        );
        sandbox.write(file, &first.replace("post-", "post-0"));
        assert!(
            finding(&sandbox).unwrap().contains("holds another value"),
            "{to}"
        );
        std::fs::remove_file(sandbox.home().join(file)).unwrap();
        assert!(
            finding(&sandbox).unwrap().contains("holds no secret"),
            "{to}"
        );
        sandbox.write(file, &second);
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(sandbox.home().join(file), private).unwrap();
        assert_eq!(finding(&sandbox), None, "{to}");
        let other = sandbox.generate(["api", "other"]);
        let own = super::secret_in(&second);
        sandbox.write(file, &second.replace(&own, &other));
        assert!(
            finding(&sandbox)
                .unwrap()
                .contains("holds the secret of `other`"),
            "{to}"
        );
    }
}

#[test]
fn a_destination_that_cannot_be_read_is_named() {
    let sandbox = Sandbox::with_tools();
    let to = "gitlab-var:acme/shop/KEY";
    sandbox
        .with_path(&["generate", "api", "web", "--to", to])
        .expect(0);
    std::fs::remove_file(sandbox.home().join("bin/glab")).unwrap();
    let found = finding(&sandbox).unwrap();
    assert!(found.contains("cannot be read:"), "{found}");
    // Without the flag no tool is run.
    sandbox.with_path(&["check"]).expect(0);
}

#[test]
fn a_dry_run_of_apply_asks_the_secret_manager() {
    let sandbox = Sandbox::with_tools();
    sandbox.manifest(&format!(
        "[[key]]\nname = \"web\"\nkind = \"api\"\nsave = \"{TO}\"\n"
    ));
    sandbox.with_path(&["apply", "keys.toml"]).expect(0);
    sandbox
        .with_path(&["apply", "--dry-run", "keys.toml"])
        .expect(0);
    let old = sandbox.kept();
    sandbox
        .with_path(&["regenerate", "--yes", "web", "--to", "file:elsewhere"])
        .expect(0);
    sandbox.recorded();
    let run = sandbox
        .with_path(&["apply", "--dry-run", "keys.toml"])
        .expect(1);
    assert!(
        run.stderr.contains("holds the secret that `web` had until"),
        "{run:?}"
    );
    assert!(run.stderr.contains("--to 'pass:shop/app'"), "{run:?}");
    assert_eq!(sandbox.kept(), old);
    // Otherwise `apply` only looks at files.
    sandbox.recorded();
    sandbox.with_path(&["apply", "keys.toml"]).expect(0);
    assert_eq!(sandbox.recorded(), Vec::<String>::new());
}

#[test]
fn a_signal_ends_the_check_and_is_no_finding() {
    let sandbox = Sandbox::with_tools();
    sandbox
        .with_path(&["generate", "api", "web", "--to", TO])
        .expect(0);
    sandbox.write(
        "bin/pass",
        "#!/bin/sh\ncd \"$HOME\"\n: >begun\nexec sleep 60\n",
    );
    let path = format!("{}/bin:/usr/bin:/bin", sandbox.home().display());
    let mut command = sandbox.command(["check", "--delivered"]);
    command.env("PATH", path).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    let begun = sandbox.home().join("begun");
    assert!(until(Duration::from_secs(20), || begun.exists()));
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    let run = child.wait_with_output().unwrap();
    assert_eq!(run.status.signal(), Some(Signal::SIGTERM as i32), "{run:?}");
    assert!(run.stdout.is_empty(), "{run:?}");
}
