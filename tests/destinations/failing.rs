//! Deliveries that fail: the old secret stays valid, and the new one never is.

use super::secret_in;
use crate::sandbox::{Run, Sandbox};

const TO: &str = "vault:secret/data/app#key";

/// A key whose secret is in the secret manager, and that secret.
fn delivered() -> (Sandbox, String) {
    let sandbox = Sandbox::with_tools();
    sandbox.settings(
        "[destinations.slow]\nprogram = [\"vault\"]\naddress = \"{path*}#{key}\"\n\
         example = \"a#b\"\nupdate = [\"kv\", \"put\", \"{path}\", \"{key}=-\"]\ntimeout = \"1s\"\n",
    );
    sandbox
        .with_path(&["generate", "api", "web", "--to", TO])
        .expect(0);
    let old = sandbox.kept();
    (sandbox, old)
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
            assert_eq!(
                mode == "differ" || mode == "cut",
                kept != old,
                "{mode}: {kept}"
            );
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
        "bin/vault",
        "#!/bin/sh\ncd \"$HOME\"\ncase $2 in\nget) cat kept ;;\n\
         *) if [ -e once ]; then cat >kept; else cat >/dev/null; echo other >kept; : >once; fi ;;\n\
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
        "#!/bin/sh\ncd \"$HOME\"\ncase $2 in\nget) cat kept ;;\n\
         *) cat >kept\n[ -e once ] || {{ : >once; {} --vault {} --yes regenerate web >other \
         2>/dev/null; }} ;;\nesac\n",
        env!("CARGO_BIN_EXE_postkey"),
        sandbox.vault().display(),
    );
    sandbox.write("bin/vault", &script);
    let run = sandbox.with_path(&["rotate", "web", "--to", TO]);
    assert!(run.stderr.contains("was not activated"), "{run:?}");
    assert_eq!(sandbox.kept(), old);
    assert_eq!(sandbox.verify(&secret_in(&sandbox.read("other"))).1, 0);
}
