//! `check --exec`: a command gets each finding once.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::prompts::terminal::until;
use crate::sandbox::{Run, Sandbox};

/// A vault with a key that expires soon, and what takes the findings.
fn with_finding() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "web", "--expires", "3d"]);
    sandbox
}

/// Runs `check --exec` with a shell script in the home folder.
fn exec(sandbox: &Sandbox, flags: &[&str], script: &str) -> Run {
    let script = format!("cd '{}'; {script}", sandbox.home().display());
    let command = ["--exec", "--", "sh", "-c", &script];
    sandbox.with_path(&[&["check"], flags, &command[..]].concat())
}

/// What the command was told of since the last call.
fn told(sandbox: &Sandbox) -> Vec<String> {
    let path = sandbox.home().join("told");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let _ = fs::remove_file(path);
    let words = text
        .lines()
        .map(|line| line.split_whitespace().take(2).collect::<Vec<_>>());
    words
        .map(|words| words.join(" "))
        .filter(|line| line != "NAME FINDING")
        .collect()
}

const TELL: &str = "cat >>told";

/// The file of what was told.
fn state(sandbox: &Sandbox) -> PathBuf {
    let folder = sandbox.vault().parent().unwrap().to_owned();
    let names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files = names.filter(|path| path.to_str().unwrap().contains(".told-"));
    let file = files.next().unwrap();
    assert_eq!(files.next(), None, "a lock is left");
    file
}

#[test]
fn a_finding_is_new_once_and_again_after_it_went_away() {
    let sandbox = with_finding();
    let run = exec(&sandbox, &[], TELL).expect(0);
    assert_eq!(run.stdout, "");
    assert!(
        run.stderr.contains("passed 1 new finding to `sh -c"),
        "{run:?}"
    );
    assert!(
        run.stderr.ends_with("; 0 known, 1 key checked\n"),
        "{run:?}"
    );
    assert_eq!(told(&sandbox), ["web expiring"]);
    // It persists.
    let run = exec(&sandbox, &[], TELL).expect(0);
    assert!(
        run.stderr
            .contains("no new findings; 1 known, 1 key checked"),
        "{run:?}"
    );
    assert!(!sandbox.home().join("told").exists());
    // Another is new.
    sandbox.generate(["api", "ci", "--expires", "2d"]);
    exec(&sandbox, &[], TELL).expect(0);
    assert_eq!(told(&sandbox), ["ci expiring"]);
    // It goes away, and returns.
    let expires = |span| sandbox.run(["set", "web", "--expires", span]).expect(0);
    expires("90d");
    exec(&sandbox, &[], TELL).expect(0);
    assert_eq!(told(&sandbox), [""; 0]);
    expires("3d");
    exec(&sandbox, &[], TELL).expect(0);
    assert_eq!(told(&sandbox), ["web expiring"]);
    // So is one for another date.
    expires("4d");
    exec(&sandbox, &[], TELL).expect(0);
    assert_eq!(told(&sandbox), ["web expiring"]);
    // Nothing of this is in the audit log, and `check` itself lists all.
    let log = sandbox.run(["log", "--format", "csv"]).expect(0).stdout;
    assert_eq!(log.lines().count(), 6, "{log}");
    assert_eq!(
        sandbox
            .run(["check", "--quiet"])
            .expect(1)
            .stdout
            .lines()
            .count(),
        3
    );
}

#[test]
fn each_command_and_selection_is_told_for_itself() {
    let sandbox = with_finding();
    for (flags, script, expected) in [
        (&[][..], TELL, 1),
        (&[], "cat >> told", 1),
        (&["web"], TELL, 1),
        (&["--expiring", "1d"], TELL, 0),
        (&["web"], TELL, 0),
        (&[], TELL, 0),
    ] {
        exec(&sandbox, flags, script).expect(0);
        assert_eq!(told(&sandbox).len(), expected, "{flags:?} {script}");
    }
}

#[test]
fn what_a_failing_command_got_is_passed_on_again() {
    for (script, why) in [
        ("cat >>told; exit 3", "exited with status 3"),
        (
            "echo no route >&2; exit 1",
            "exited with status 1: no route",
        ),
        ("kill -9 $$", "was killed by signal 9"),
    ] {
        let sandbox = with_finding();
        // Known findings stay known.
        let failing = format!("if [ -e fail ]; then {script}; else {TELL}; fi");
        exec(&sandbox, &[], &failing).expect(0);
        sandbox.generate(["api", "ci", "--expires", "2d"]);
        told(&sandbox);
        sandbox.write("fail", "");
        for _ in 0..2 {
            let run = exec(&sandbox, &[], &failing).expect(6);
            assert!(run.stderr.contains(why), "{run:?}");
            let hint = "hint: fix this: the same findings are passed on again next time";
            assert!(run.stderr.contains(hint), "{run:?}");
        }
        told(&sandbox);
        fs::remove_file(sandbox.home().join("fail")).unwrap();
        exec(&sandbox, &[], &failing).expect(0);
        assert_eq!(told(&sandbox), ["ci expiring"], "{script}");
    }
}

#[test]
fn a_missing_command_is_named_before_anything_is_checked() {
    let sandbox = with_finding();
    let run = sandbox
        .run(["check", "--exec", "--", "no-such-program"])
        .expect(5);
    assert!(
        run.stderr.contains("program `no-such-program` not found"),
        "{run:?}"
    );
    for (args, part) in [
        (&["check", "--exec"][..], "COMMAND"),
        (&["check", "--", "true"], "--exec"),
        (
            &["check", "--exec", "--format", "ics", "--", "true"],
            "format `ics` is not supported",
        ),
        (
            &["check", "--exec", "--format", "prometheus", "--", "true"],
            "prometheus",
        ),
    ] {
        let run = sandbox.with_path(args).expect(2);
        assert!(run.stderr.contains(part), "{args:?}: {run:?}");
    }
}

#[test]
fn the_findings_have_the_format() {
    for (format, start) in [
        ("text", "NAME  FINDING   WHAT"),
        (
            "json",
            "[\n{\"name\":\"web\",\"kind\":\"api\",\"finding\":\"expiring\"",
        ),
        (
            "jsonl",
            "{\"name\":\"web\",\"kind\":\"api\",\"finding\":\"expiring\"",
        ),
        (
            "csv",
            "name,kind,finding,since_at,due_at,message,hint\r\nweb,api,expiring,",
        ),
    ] {
        let sandbox = with_finding();
        exec(
            &sandbox,
            &["--format", format, "--color", "always"],
            "cat >told",
        )
        .expect(0);
        let text = sandbox.read("told");
        assert!(text.starts_with(start), "{format}: {text}");
        assert!(text.ends_with('\n') && !text.contains('\u{1b}'), "{text:?}");
    }
}

#[test]
fn what_was_told_is_private_and_without_it_all_findings_are_new() {
    let sandbox = with_finding();
    exec(&sandbox, &[], TELL).expect(0);
    let file = state(&sandbox);
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    told(&sandbox);
    let damages: [fn(&PathBuf); 4] = [
        |file| fs::remove_file(file).unwrap(),
        |file| fs::write(file, b"\xff\0 web expiring\n").unwrap(),
        |file| fs::write(file, b"").unwrap(),
        |file| fs::write(file, &fs::read(file).unwrap()[..20]).unwrap(),
    ];
    for damage in damages {
        damage(&file);
        exec(&sandbox, &[], TELL).expect(0);
        assert_eq!(told(&sandbox), ["web expiring"]);
        exec(&sandbox, &[], TELL).expect(0);
        assert_eq!(told(&sandbox), [""; 0]);
    }
    // Where it cannot be remembered, that is said.
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let run = exec(&sandbox, &[], TELL);
    assert_ne!(run.status, 0);
    assert!(
        run.stderr
            .contains("cannot remember which findings were passed on"),
        "{run:?}"
    );
    assert_eq!(told(&sandbox), ["web expiring"]);
}

#[test]
fn a_signal_stops_the_command_and_its_findings_are_passed_on_again() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let sandbox = with_finding();
        let script = "[ -e begun ] && exec cat >>told; : >begun; exec sleep 60";
        let script = format!("cd '{}'; {script}", sandbox.home().display());
        let command = ["check", "--exec", "--", "sh", "-c", &script];
        let child = sandbox
            .command(command)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let begun = sandbox.home().join("begun");
        assert!(until(Duration::from_secs(20), || begun.exists()));
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.signal(), Some(signal as i32), "{ended:?}");
        sandbox.run(command).expect(0);
        assert_eq!(told(&sandbox), ["web expiring"]);
    }
}

#[test]
fn two_at_once_tell_of_a_finding_once() {
    let sandbox = with_finding();
    let script = "cat >>told; : >begun; sleep 4";
    std::thread::scope(|scope| {
        let first = scope.spawn(|| exec(&sandbox, &["--wait", "30s"], script).expect(0));
        let begun = sandbox.home().join("begun");
        assert!(until(Duration::from_secs(20), || begun.exists()));
        let run = exec(&sandbox, &["--wait", "1s"], script).expect(5);
        assert!(
            run.stderr.contains("still runs this check and its command"),
            "{run:?}"
        );
        exec(&sandbox, &["--wait", "30s"], script).expect(0);
        first.join().unwrap();
    });
    assert_eq!(told(&sandbox), ["web expiring"]);
}
