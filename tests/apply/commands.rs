//! Commands that receive secrets: their input, and what happens to the key if they fail.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::each;
use crate::prompts::terminal::until;
use crate::sandbox::Sandbox;

/// A manifest of one key, followed by `more`.
fn with(script: &str, more: &str) -> Sandbox {
    let script = script.replace('\\', "\\\\").replace('"', "\\\"");
    Sandbox::with_manifest(&format!(
        "[[key]]\nname = \"first\"\nkind = \"smtp\"\nusername = \"shop_prod\"\n\
         save = {{ command = [\"sh\", \"-c\", \"{script}\"], timeout = \"2s\" }}\n{more}"
    ))
}

const SECOND: &str = "[[key]]\nname = \"second\"\nkind = \"api\"\nsave = { file = \"second\" }\n";

#[test]
fn a_command_receives_only_the_secret_and_its_key_in_the_environment() {
    let sandbox = with(
        "cat >got; env >env; tr '\\0' ' ' </proc/$$/cmdline >args; pwd >folder",
        "",
    );
    let run = sandbox.apply(&[]).expect(0);
    assert_eq!(
        (run.stdout.contains("xsmtp"), run.stderr.contains("xsmtp")),
        (false, false)
    );
    let secret = sandbox.read("got");
    assert_eq!(sandbox.verify(&secret).1, 0, "{secret:?}");
    let env = sandbox.read("env");
    for line in [
        "POSTKEY_NAME=first",
        "POSTKEY_KIND=smtp",
        "POSTKEY_USERNAME=shop_prod",
    ] {
        assert!(env.lines().any(|found| found == line), "{line}: {env}");
    }
    for text in [env, sandbox.read("args")] {
        assert!(!text.contains(&secret[10..18]), "{text}");
    }
    assert_eq!(
        fs::canonicalize(sandbox.read("folder").trim_end()).unwrap(),
        fs::canonicalize(sandbox.home()).unwrap()
    );
}

#[test]
fn a_program_is_found_in_path_or_beside_the_manifest() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.home().join("deploy")).unwrap();
    sandbox.write("deploy/store", "#!/bin/sh\ncat >\"$1\"\n");
    let program = sandbox.home().join("deploy/store");
    let keys =
        "[[key]]\nname = \"a\"\nkind = \"api\"\nsave = { command = [\"./store\", \"kept\"] }\n";
    sandbox.write("deploy/keys.toml", keys);
    let run = sandbox.run(["apply", "deploy/keys.toml"]).expect(5);
    assert!(
        run.stderr.contains("program `./store` not found"),
        "{run:?}"
    );
    fs::set_permissions(program, fs::Permissions::from_mode(0o700)).unwrap();
    sandbox.run(["apply", "deploy/keys.toml"]).expect(0);
    assert_eq!(sandbox.verify(&sandbox.read("deploy/kept")).1, 0);
}

#[test]
fn a_failing_command_only_prevents_its_own_key() {
    for (script, why) in [
        (
            "cat >/dev/null; echo no such vault >&2; exit 3",
            "exited with status 3: no such vault",
        ),
        ("kill -KILL $$", "killed by signal 9"),
        ("exit 0", "without reading the secret"),
        ("head -c 20 >/dev/null", "without reading the secret"),
        ("cat >/dev/null; sleep 60", "timed out after 2s"),
    ] {
        let sandbox = with(script, SECOND);
        let run = sandbox.apply(&[]).expect(6);
        let first = run
            .stderr
            .lines()
            .find(|line| line.starts_with("error: `first`: "));
        assert!(
            first.is_some_and(|line| line.contains(why)),
            "{script}: {run:?}"
        );
        assert!(run.stderr.contains("run `postkey apply` again"), "{run:?}");
        assert_eq!(sandbox.how_many(), 1, "{script}");
        assert_eq!(sandbox.verify(sandbox.read("second").trim_end()).1, 0);
        let rows = sandbox.rows(&[], 6);
        assert_eq!(each(&rows, "outcome"), ["failed", "kept"], "{script}");
        let text = sandbox.read("keys.toml");
        let good = format!(
            "cat >first{}",
            if script.contains("head") { " #" } else { "; #" }
        );
        let start = text.find("\"-c\", \"").unwrap() + "\"-c\", \"".len();
        sandbox.manifest(&format!("{}{good}{}", &text[..start], &text[start..]));
        sandbox.apply(&[]).expect(0);
        assert_eq!(sandbox.verify(&sandbox.read("first")).1, 0, "{script}");
    }
}

#[test]
fn a_command_that_times_out_is_killed_with_its_children() {
    let sandbox = with(
        "cat >/dev/null; trap '' TERM; sleep 61 & echo $! >child; sleep 62; sleep 63",
        "",
    );
    let began = Instant::now();
    sandbox.apply(&[]).expect(6);
    assert!(began.elapsed() < Duration::from_secs(20));
    let child = sandbox.read("child");
    let state = format!("/proc/{}/stat", child.trim());
    let is_gone = until(Duration::from_secs(5), || {
        fs::read_to_string(&state).map_or(true, |stat| stat.contains(") Z "))
    });
    assert!(is_gone, "{child}");
}

#[test]
fn children_of_a_command_are_not_waited_for() {
    let sandbox = with("cat >got; sleep 30 & echo $! >child", "");
    let began = Instant::now();
    sandbox.apply(&[]).expect(0);
    assert!(began.elapsed() < Duration::from_secs(20));
    let kill = format!("kill {}", sandbox.read("child"));
    Command::new("sh").args(["-c", &kill]).status().unwrap();
}

#[test]
fn a_commands_output_is_redacted_and_escaped() {
    let script =
        "tee got; echo; printf '\\033[2Jred\\n' >&2; tee -a /dev/null <got >&2; echo; echo last";
    let sandbox = with(script, "");
    let run = sandbox.apply(&[]).expect(0);
    let secret = sandbox.read("got");
    assert_eq!(sandbox.verify(&secret).1, 0);
    assert!(run.stderr.contains("first: \\u{1b}[2Jred\n"), "{run:?}");
    assert!(
        run.stderr.contains("first: [secret not shown]\n"),
        "{run:?}"
    );
    assert!(run.stderr.contains("first: last\n"), "{run:?}");
    for at in 10..secret.len() - 24 {
        assert!(!run.stderr.contains(&secret[at..at + 8]), "{run:?}");
    }
    assert!(!run.stdout.contains(&secret[10..18]));
    let sandbox = with("cat; exit 1", "");
    let run = sandbox.apply(&["--format", "json"]).expect(6);
    assert!(run.stderr.contains("[secret not shown]"), "{run:?}");
    let sandbox = with("cat >/dev/null; yes | head -c 1000000", "");
    let run = sandbox.apply(&[]).expect(0);
    assert_eq!(run.stderr.matches("first: y\n").count(), 100);
    assert!(
        run.stderr.contains("further output omitted"),
        "{:?}",
        run.stderr.len()
    );
    let run = with("cat >got; echo hello", "")
        .apply(&["--quiet"])
        .expect(0);
    assert_eq!(run.stderr, "");
}

#[test]
fn the_vault_is_not_locked_while_a_command_runs() {
    let sandbox = with("cat >got; while ! [ -e go ]; do sleep 0.05; done", "");
    let text = sandbox.read("keys.toml").replace("2s", "60s");
    sandbox.manifest(&text);
    let mut child = sandbox.command(["apply", "keys.toml"]).spawn().unwrap();
    assert!(until(Duration::from_secs(20), || {
        fs::metadata(sandbox.home().join("got")).is_ok_and(|got| got.len() > 80)
    }));
    let secret = sandbox.read("got");
    assert_eq!(sandbox.verify(&secret), ("unknown".to_owned(), 1));
    sandbox
        .run(["generate", "api", "meanwhile", "--wait", "1s"])
        .expect(0);
    assert_eq!(sandbox.how_many(), 1);
    sandbox.write("go", "");
    assert!(child.wait().unwrap().success());
    assert_eq!(sandbox.verify(&secret).1, 0);
}

#[test]
fn commands_do_not_run_for_existing_keys() {
    let sandbox = with("cat >got", "");
    sandbox.apply(&[]).expect(0);
    let text = sandbox
        .read("keys.toml")
        .replace("\"sh\"", "\"no-such-thing\"");
    sandbox.manifest(&text);
    sandbox.apply(&["--dry-run"]).expect(0);
    sandbox.apply(&[]).expect(0);
}

#[test]
fn a_signal_stops_the_command_and_the_next_run_does_the_rest() {
    let script = "cat >/dev/null; sleep 50 & echo $! >child; sleep 51; echo late >late";
    let sandbox = with(script, SECOND);
    let text = sandbox.read("keys.toml").replace("2s", "60s");
    sandbox.manifest(&text);
    let mut command = sandbox.command(["apply", "keys.toml"]);
    let apply = command.stderr(Stdio::piped()).spawn().unwrap();
    assert!(until(Duration::from_secs(20), || {
        fs::metadata(sandbox.home().join("child")).is_ok_and(|child| child.len() > 1)
    }));
    let kill = format!("kill -TERM {}", apply.id());
    Command::new("sh").args(["-c", &kill]).status().unwrap();
    let output = apply.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(15));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("was killed\n"), "{said}");
    let state = format!("/proc/{}/stat", sandbox.read("child").trim());
    let is_gone = until(Duration::from_secs(5), || {
        fs::read_to_string(&state).map_or(true, |stat| stat.contains(") Z "))
    });
    assert!(is_gone, "{said}");
    assert_eq!(sandbox.how_many(), 0, "{said}");
    sandbox.manifest(&text.replace("sleep 5", "true 5"));
    sandbox.apply(&[]).expect(0);
    assert_eq!(sandbox.how_many(), 2);
}
