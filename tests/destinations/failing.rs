//! Deliveries that fail: the old secret stays valid, and the new one never is.

use std::process::{Child, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::secret_in;
use crate::prompts::terminal::until;
use crate::sandbox::{Run, Sandbox};

const TO: &str = "pass:shop/app";

/// A key whose secret is in the secret manager, and that secret.
fn delivered() -> (Sandbox, String) {
    let sandbox = Sandbox::with_tools();
    sandbox.settings(
        "[destinations.slow]\nprogram = [\"vault\"]\naddress = \"{path*}#{key}\"\n\
         example = \"a#b\"\nupdate = [\"kv\", \"put\", \"{path}\", \"{key}=-\"]\ntimeout = \"1s\"\n\
         read = [\"kv\", \"get\", \"{path}\"]\n",
    );
    sandbox
        .with_path(&["generate", "api", "web", "--to", TO])
        .expect(0);
    let old = sandbox.kept();
    (sandbox, old)
}

/// Rotates the key until the stub has taken the new secret for the first time: then `then` runs in the
/// stub. Every later secret is taken at once.
fn rotating(sandbox: &Sandbox, then: &str) -> Child {
    sandbox.write(
        "bin/pass",
        &format!(
            "#!/bin/sh\ncd \"$HOME\"\ncase $1 in\nshow) cat kept ;;\n\
             *) cat >kept; [ -e once ] || {{ : >once; {then}; }} ;;\nesac\n"
        ),
    );
    let path = format!("{}/bin:/usr/bin:/bin", sandbox.home().display());
    let mut command = sandbox.command(["rotate", "web", "--to", TO]);
    command.env("PATH", path).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let once = sandbox.home().join("once");
    assert!(until(Duration::from_secs(20), || once.exists()));
    child
}

fn expect_unchanged(sandbox: &Sandbox, old: &str, run: &Run) {
    assert_eq!(sandbox.verify(old).1, 0, "{run:?}");
    let shown = sandbox.show("web");
    assert_eq!(shown["status"], "active", "{run:?}");
    assert!(old.ends_with(shown["tail"].as_str().unwrap()), "{run:?}");
    assert_eq!(
        secret_in(&format!("{}{}", run.stdout, run.stderr)),
        "",
        "{run:?}"
    );
}

#[test]
fn the_old_secret_stays_valid_and_the_new_one_never_is() {
    for (mode, to, why) in [
        ("fail", TO, "exited with status 3: permission denied"),
        ("half", TO, "exited 0 without reading the secret"),
        ("print", TO, "exited with status 3: [secret not shown]"),
        ("differ", TO, "reading it back shows another value"),
        ("cut", TO, "reading it back shows another value"),
        ("hang", "slow:secret/app#key", "timed out after 1s"),
        ("late", TO, "exited with status 3: connection lost"),
        ("stuck", "slow:secret/app#key", "timed out after 1s"),
        ("blind", TO, "exited with status 3: permission denied"),
    ] {
        for command in [&["rotate", "web"][..], &["regenerate", "--yes", "web"]] {
            let (sandbox, old) = delivered();
            sandbox.mode(mode);
            let run = sandbox
                .with_path(&[command, &["--to", to]].concat())
                .expect(6);
            assert!(run.stderr.contains(why), "{mode}: {run:?}");
            assert!(
                run.stderr.contains("no key was created or changed"),
                "{mode}: {run:?}"
            );
            expect_unchanged(&sandbox, &old, &run);
            let kept = sandbox.kept();
            // The stub cuts off what is restored, too.
            let is_lost = matches!(mode, "differ" | "cut");
            assert_eq!(is_lost, kept != old, "{mode}: {kept}");
            let is_restored = matches!(mode, "late" | "stuck");
            for (part, is_expected) in [
                ("what was there before was restored", is_restored),
                ("may hold a secret that is not valid", is_lost),
                ("nothing was written", mode == "blind"),
            ] {
                assert_eq!(run.stderr.contains(part), is_expected, "{mode}: {run:?}");
            }
        }
    }
}

#[test]
fn a_key_whose_secret_could_not_be_delivered_is_not_created() {
    for mode in ["fail", "half", "print", "differ", "cut"] {
        let sandbox = Sandbox::with_tools();
        sandbox.mode(mode);
        sandbox
            .with_path(&["generate", "api", "web", "--to", TO])
            .expect(6);
        sandbox.run(["show", "web"]).expect(3);
        // Nothing is left over.
        sandbox.mode("");
        let _ = std::fs::remove_file(sandbox.home().join("kept"));
        sandbox
            .with_path(&["generate", "api", "web", "--to", TO])
            .expect(0);
        assert_eq!(sandbox.verify(&sandbox.kept()).1, 0, "{mode}");
    }
}

#[test]
fn a_missing_tool_is_named_before_anything_is_done() {
    let sandbox = Sandbox::with_tools();
    std::fs::remove_file(sandbox.home().join("bin/glab")).unwrap();
    let run = sandbox.with_path(&["generate", "api", "web", "--to", "gitlab-var:KEY"]);
    if run.stderr.contains("program `glab` not found") {
        assert!(!sandbox.vault().exists(), "{run:?}");
    } else {
        panic!("{run:?}");
    }
}

#[test]
fn what_was_there_before_is_restored_if_the_read_back_fails() {
    let (sandbox, old) = delivered();
    // Fails only until the old secret is written again.
    sandbox.write(
        "bin/pass",
        "#!/bin/sh\ncd \"$HOME\"\ncase $1 in\nshow) cat kept ;;\n\
         *) if [ -e once ]; then cat >kept; else head -c 30 >kept; cat >/dev/null; : >once; fi ;;\n\
         esac\n",
    );
    let run = sandbox.with_path(&["rotate", "web", "--to", TO]).expect(6);
    assert!(
        run.stderr.contains("what was there before was restored"),
        "{run:?}"
    );
    assert_eq!(sandbox.kept(), old);
    expect_unchanged(&sandbox, &old, &run);
}

#[test]
fn what_was_there_before_is_restored_if_the_secret_cannot_be_activated() {
    let (sandbox, old) = delivered();
    // While the tool runs, another command replaces the secret.
    let script = format!(
        "#!/bin/sh\ncd \"$HOME\"\ncase $1 in\nshow) cat kept ;;\n\
         *) cat >kept\n[ -e once ] || {{ : >once; {} --vault {} --yes regenerate web >other \
         2>/dev/null; }} ;;\nesac\n",
        env!("CARGO_BIN_EXE_postkey"),
        sandbox.vault().display(),
    );
    sandbox.write("bin/pass", &script);
    let run = sandbox.with_path(&["rotate", "web", "--to", TO]);
    assert!(run.stderr.contains("was not activated"), "{run:?}");
    assert_eq!(sandbox.kept(), old);
    assert_eq!(sandbox.verify(&secret_in(&sandbox.read("other"))).1, 0);
}

#[test]
fn what_somebody_else_wrote_meanwhile_stays() {
    let (sandbox, old) = delivered();
    sandbox.write(
        "bin/pass",
        "#!/bin/sh\ncd \"$HOME\"\ncase $1 in\nshow) cat kept ;;\n\
         *) cat >/dev/null; echo theirs >kept; exit 3 ;;\nesac\n",
    );
    let run = sandbox.with_path(&["rotate", "web", "--to", TO]).expect(6);
    assert_eq!(sandbox.kept(), "theirs\n");
    expect_unchanged(&sandbox, &old, &run);
}

#[test]
fn where_nothing_can_be_read_the_secret_may_be_left() {
    for to in ["github-secret:acme/shop/KEY", "docker-secret:key"] {
        let sandbox = Sandbox::with_tools();
        sandbox.mode("late");
        let run = sandbox
            .with_path(&["generate", "api", "web", "--to", to])
            .expect(6);
        let says = format!("`{to}` may hold a secret that is not valid");
        assert!(run.stderr.contains(&says), "{run:?}");
    }
}

#[test]
fn what_was_there_before_is_restored_after_a_signal() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (sandbox, old) = delivered();
        let child = rotating(&sandbox, "sleep 60");
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        let run = Run::of(child.wait_with_output().unwrap());
        assert!(
            run.stderr.contains("what was there before was restored"),
            "{run:?}"
        );
        assert_eq!(sandbox.kept(), old);
        expect_unchanged(&sandbox, &old, &run);
    }
}

#[test]
fn deliveries_to_one_place_take_turns() {
    let (sandbox, old) = delivered();
    // The first delivery is slow and fails: the second begins only after it was undone.
    let child = rotating(&sandbox, "sleep 4; exit 3");
    let rotate = ["rotate", "web", "--to", TO, "--wait"];
    let run = sandbox
        .with_path(&[&rotate[..], &["1s"]].concat())
        .expect(6);
    assert!(
        run.stderr
            .contains("is still delivering a secret to `pass:shop/app`"),
        "{run:?}"
    );
    let holder = format!("another process ({})", child.id());
    assert!(run.stderr.contains(&holder), "{run:?}");
    let hint =
        "hint: try again when it has ended, or wait longer with --wait 5m; no key was created";
    assert!(run.stderr.contains(hint), "{run:?}");
    sandbox
        .with_path(&[&rotate[..], &["20s"]].concat())
        .expect(0);
    let failed = child.wait_with_output().unwrap();
    assert_eq!(failed.status.code(), Some(6), "{failed:?}");
    assert_ne!(sandbox.kept(), old);
    assert_eq!(sandbox.verify(&sandbox.kept()).1, 0);
    let locks = std::fs::read_dir(sandbox.vault().parent().unwrap()).unwrap();
    let mut names = locks.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.find(|name| name.contains("delivery")), None);
}

#[test]
fn a_secret_without_the_key_holds_nothing_to_restore() {
    let sandbox = Sandbox::with_tools();
    // As kubectl prints it by a template of one's own.
    sandbox.write(
        "bin/kubectl",
        "#!/bin/sh\ncd \"$HOME\"\ncase $1 in\napply) cat >>applied; exit 3 ;;\n\
         *) printf '<no value>' ;;\nesac\n",
    );
    let run = sandbox
        .with_path(&["generate", "api", "web", "--to", "kubernetes:shop/app#key"])
        .expect(6);
    assert!(!run.stderr.contains("restored"), "{run:?}");
    assert_eq!(sandbox.read("applied").matches("apiVersion").count(), 1);
}
