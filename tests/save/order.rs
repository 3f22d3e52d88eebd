//! The order of steps, what waits for what, and what is undone.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::{expect_silent, files, held, keys, secret_in};
use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::watch::{program, wait_for};

fn start(sandbox: &Sandbox, args: &[&str]) -> Child {
    started(sandbox.command(args.iter().copied()))
}

fn started(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn ended(child: Child) -> Run {
    Run::of(child.wait_with_output().unwrap())
}

/// The command, which sleeps this many seconds before it renames the file.
fn delayed(sandbox: &Sandbox, seconds: u32, args: &[&str]) -> Child {
    let inject = format!(
        "inject=rename,renameat,renameat2,link,linkat:delay_enter={}",
        seconds * 1_000_000
    );
    let strace = ["-qq", "-o", "/dev/null", "-e", &inject, POSTKEY];
    let command = sandbox.command(strace.into_iter().chain(args.iter().copied()));
    started(program(&command, "strace"))
}

#[test]
fn variables_that_are_set_at_the_same_time_are_all_there() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "first"]);
    sandbox.private("app.env", b"# kept\n");
    for file in ["app.env", "new.env"] {
        let make = |number: usize| {
            let name = format!("key-{}-{number}", &file[..3]);
            start(
                &sandbox,
                &["generate", "api", &name, "--format", "env", "--save", file],
            )
        };
        let children: Vec<_> = (0..16).map(make).collect();
        for child in children {
            ended(child).expect(0);
        }
        let text = held(&sandbox, file);
        let set = text.lines().filter(|line| !line.starts_with('#'));
        let names: BTreeSet<_> = set
            .clone()
            .map(|line| line.split_once('=').unwrap().0)
            .collect();
        assert_eq!(names.len(), 16, "{text}");
        for line in set {
            assert_eq!(sandbox.verify(&secret_in(line)).0, "accepted");
        }
    }
    assert!(held(&sandbox, "app.env").starts_with("# kept\n"));
    assert_eq!(files(&sandbox), ["app.env", "new.env"]);
}

#[test]
fn the_file_has_the_secret_of_the_process_that_created_the_key() {
    for round in 0..5 {
        let sandbox = Sandbox::new();
        sandbox.generate(["api", "first"]);
        let make = [
            "generate",
            "api",
            "boot",
            "--if-absent",
            "--format",
            "env",
            "--save",
            "app.env",
        ];
        let children: Vec<_> = (0..8).map(|_| start(&sandbox, &make)).collect();
        let runs: Vec<_> = children.into_iter().map(ended).collect();
        for run in &runs {
            assert!([0, 4].contains(&run.status), "{run:?}");
            expect_silent(run);
        }
        let secret = secret_in(&held(&sandbox, "app.env"));
        assert_eq!(
            sandbox.verify(&secret).0,
            "accepted",
            "round {round}: {runs:?}"
        );
    }
}

#[test]
fn a_secret_that_is_not_activated_is_removed_from_the_file() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    sandbox.private("old.env", b"# ours\nCI_API_KEY=old\n");
    for file in ["old.env", "new.env", "new.txt"] {
        let format = if file == "new.txt" { "text" } else { "env" };
        let before = fs::read(sandbox.home().join(file)).ok();
        let name = format!("made-{}", keys(&sandbox).len());
        let slow = ["generate", "api", &name, "--format", format, "--save", file];
        let slow = delayed(&sandbox, 2, &slow);
        sleep(Duration::from_millis(700));
        // Another process is faster.
        let fast = sandbox.run(["generate", "api", &name]).expect(0).secret();
        let run = ended(slow).expect(4);
        expect_silent(&run);
        assert!(run.stderr.contains("is unchanged"), "{run:?}");
        assert_eq!(fs::read(sandbox.home().join(file)).ok(), before, "{file}");
        assert_eq!(sandbox.verify(&fast).0, "accepted");
    }
    assert_eq!(sandbox.verify(&old).0, "accepted");
    assert_eq!(files(&sandbox), ["old.env"]);
}

#[test]
fn a_file_that_is_held_by_another_is_waited_for_without_a_lock_on_the_vault() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    sandbox.private("app.env", b"A=1\n");
    let file = File::open(sandbox.home().join("app.env")).unwrap();
    file.lock().unwrap();
    let save = [
        "regenerate",
        "--yes",
        "ci",
        "--format",
        "env",
        "--save",
        "app.env",
    ];
    let waiting = start(&sandbox, &save);
    sleep(Duration::from_millis(300));
    sandbox
        .run(["describe", "ci", "meanwhile", "--wait", "1s"])
        .expect(0);
    let run = ended(waiting).expect(6);
    assert!(run.stderr.contains("locked by another process"), "{run:?}");
    assert_eq!(sandbox.verify(&old).0, "accepted");
    let waiting = start(&sandbox, &save);
    sleep(Duration::from_millis(300));
    file.unlock().unwrap();
    ended(waiting).expect(0);
    assert_eq!(
        sandbox.verify(&secret_in(&held(&sandbox, "app.env"))).0,
        "accepted"
    );
}

#[test]
fn the_vault_is_not_locked_while_a_file_is_replaced() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let slow = delayed(&sandbox, 2, &["rotate", "ci", "--save", "new.txt"]);
    let vault = sandbox.vault();
    wait_for("a staged secret", || {
        let vault = rusqlite::Connection::open(&vault).unwrap();
        let count = vault.query_row("SELECT count(*) FROM pending", [], |row| {
            row.get::<_, i64>(0)
        });
        count.is_ok_and(|count| count == 1)
    });
    sandbox
        .run(["describe", "ci", "meanwhile", "--wait", "500ms"])
        .expect(0);
    ended(slow).expect(0);
    assert_eq!(
        sandbox.verify(&secret_in(&held(&sandbox, "new.txt"))).0,
        "accepted"
    );
}

#[test]
fn a_secret_that_could_not_be_saved_is_not_revealed_and_not_logged() {
    let (sandbox, _) = Sandbox::with_default_key();
    fs::create_dir(sandbox.home().join("folder")).unwrap();
    let reveal = ["reveal", "--passphrase-file", "pass", "--save", "folder"];
    expect_silent(&sandbox.run(reveal).expect(6));
    let log = sandbox.run(["log", "--action", "reveal", "--format", "json"]);
    assert_eq!(log.expect(0).json().as_array().unwrap().len(), 0);
}

#[test]
fn a_leaked_key_is_revoked_even_if_its_new_secret_cannot_be_saved() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    fs::create_dir(sandbox.home().join("folder")).unwrap();
    let run = sandbox
        .run(["revoke", "--replace", "ci", "--save", "folder"])
        .expect(6);
    assert!(run.stderr.contains("is a folder"), "{run:?}");
    assert!(run.stderr.contains("`ci` stays revoked"), "{run:?}");
    assert_eq!(sandbox.verify(&old).0, "inactive");
}

#[test]
fn help_warns_of_pipes_and_suggests_saving() {
    let sandbox = Sandbox::new();
    for command in ["regenerate", "rotate"] {
        let help = sandbox.run([command, "--help"]).expect(0).stdout;
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            help.contains("cannot wait for a program at the other end of a pipe"),
            "{help}"
        );
        let (_, examples) = help.split_once("Examples:").unwrap();
        assert!(examples.contains("--save"), "{examples}");
    }
    let guide = crate::readme::guide("ci");
    assert!(guide.contains("A secret that is written to a pipe counts as delivered"));
}
