//! Waiting for a person or a pipe does not block others.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use rusqlite::{Connection, OpenFlags};

use super::terminal::{PATIENCE, until};
use crate::sandbox::{Run, Sandbox};

/// Less than the five seconds for which a locked vault is waited for.
const UNHINDERED: Duration = Duration::from_secs(4);

#[test]
fn a_key_that_changed_during_the_prompt_is_not_deleted() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let mut terminal = sandbox.on_terminal(["delete", "ci"]);
    terminal.expect("Type its name to confirm");
    unhindered(&sandbox, ["deactivate", "ci"]);
    terminal
        .press("ci\r")
        .expect("was changed by another process");
    assert_eq!(terminal.end(), 5);
    assert_eq!(sandbox.verify(&secret).0, "inactive");
}

#[test]
fn a_key_recreated_meanwhile_is_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    for (verb, question, answer) in [
        ("delete", "Type its name", "ci\r"),
        ("regenerate", "Type its name", "ci\r"),
    ] {
        let mut terminal = sandbox.on_terminal([verb, "ci"]);
        terminal.expect(question);
        unhindered(&sandbox, ["delete", "--yes", "ci"]);
        let made_anew = sandbox.generate(["api", "ci"]);
        terminal.press(answer);
        assert_eq!(terminal.end(), 5, "{verb}: {}", terminal.shown());
        assert!(!terminal.shown().contains("xkeypost-"), "{verb}");
        assert_eq!(sandbox.verify(&made_anew).1, 0, "{verb}");
    }
}

#[test]
fn a_secret_replaced_during_the_prompt_is_kept() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let mut terminal = sandbox.on_terminal(["regenerate", "ci"]);
    terminal.expect("[y/N]");
    let newer = unhindered(&sandbox, ["regenerate", "--yes", "ci"]).secret();
    terminal
        .press("y\r")
        .expect("was changed by another process");
    assert_eq!(terminal.end(), 5);
    assert!(!terminal.shown().contains("xkeypost-"));
    assert_eq!(sandbox.verify(&newer).1, 0);
}

#[test]
fn a_key_deactivated_during_a_replacement_stays_inactive() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let mut terminal = sandbox.on_terminal(["regenerate", "ci"]);
    terminal.expect("[y/N]");
    unhindered(&sandbox, ["deactivate", "ci"]);
    terminal.press("y\r");
    assert_eq!(terminal.end(), 0, "{}", terminal.shown());
    assert_eq!(sandbox.show("ci")["status"], "inactive");
}

#[test]
fn a_rotation_that_changed_during_the_prompt_is_not_ended() {
    for flag in ["--finish", "--abort"] {
        let sandbox = Sandbox::new();
        let old = sandbox.generate(["api", "ci"]);
        sandbox.run(["rotate", "ci"]).expect(0);
        let mut terminal = sandbox.on_terminal(["rotate", flag, "ci"]);
        terminal.expect("[y/N]");
        unhindered(&sandbox, ["rotate", "--abort", "--yes", "ci"]);
        let newer = unhindered(&sandbox, ["rotate", "ci"]).secret();
        terminal
            .press("y\r")
            .expect("was changed by another process");
        assert_eq!(terminal.end(), 5, "{flag}");
        for secret in [&old, &newer] {
            assert_eq!(sandbox.verify(secret).1, 0, "{flag}");
        }
    }
}

#[test]
fn a_rotation_may_end_during_the_prompt() {
    for flag in ["--finish", "--abort"] {
        let sandbox = Sandbox::new();
        let old = sandbox.generate(["api", "ci"]);
        let run = sandbox.run(["rotate", "ci", "--grace", "2s"]);
        let mut terminal = sandbox.on_terminal(["rotate", flag, "ci"]);
        terminal.expect("[y/N]");
        std::thread::sleep(Duration::from_millis(2100));
        terminal.press("y\r");
        let status = if flag == "--finish" { 0 } else { 1 };
        assert_eq!(terminal.end(), status, "{flag}: {}", terminal.shown());
        assert_ne!(sandbox.verify(&old).1, 0, "{flag}");
        assert_eq!(sandbox.verify(&run.secret()).1, 0, "{flag}");
    }
}

#[test]
fn menus_and_hidden_prompts_hold_no_locks() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    for (verb, question) in [
        ("verify", "Secret"),
        ("show", "Which key?"),
        ("delete", "which key"),
    ] {
        let mut terminal = sandbox.on_terminal([verb]);
        terminal.expect(question);
        unhindered(&sandbox, ["describe", "ci", verb]);
    }
}

#[test]
fn a_stalled_reader_blocks_nobody() {
    let sandbox = Sandbox::new();
    let (mut full, size, writer) = full_pipe();
    let blocked = writing_to(writer, &sandbox);
    until_staged(&sandbox);
    let other = unhindered(&sandbox, ["generate", "api", "other"]).secret();
    unhindered(&sandbox, ["deactivate", "other"]);
    assert_eq!(sandbox.run(["show", "ci"]).status, 3);

    full.read_exact(&mut vec![0; size]).unwrap();
    let run = Run::of(blocked.wait_with_output().unwrap()).expect(0);
    let mut secret = String::new();
    full.read_to_string(&mut secret).unwrap();
    assert_eq!(
        sandbox.verify(&secret),
        ("accepted".to_owned(), 0),
        "{run:?}"
    );
    assert_eq!(sandbox.verify(&other).0, "inactive");
}

/// Runs a command that must succeed without waiting for the vault.
#[track_caller]
fn unhindered<const N: usize>(sandbox: &Sandbox, args: [&str; N]) -> Run {
    let start = Instant::now();
    let run = sandbox.run(args).expect(0);
    assert!(start.elapsed() < UNHINDERED, "{args:?} had to wait");
    run
}

/// A full pipe, how much is in it, and its other end.
fn full_pipe() -> (PipeReader, usize, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let size = fcntl(&writer, FcntlArg::F_GETPIPE_SZ).unwrap();
    let size = usize::try_from(size).unwrap();
    writer.write_all(&vec![b' '; size]).unwrap();
    (reader, size, writer)
}

fn writing_to(pipe: PipeWriter, sandbox: &Sandbox) -> Child {
    let mut command = sandbox.command(["generate", "api", "ci"]);
    command.stdout(pipe).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until a secret is pending, so that it is being written.
fn until_staged(sandbox: &Sandbox) {
    let count = || {
        let vault = Connection::open_with_flags(sandbox.vault(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        vault.query_row("SELECT count(*) FROM pending", [], |row| {
            row.get::<_, i64>(0)
        })
    };
    assert!(until(PATIENCE, || count().is_ok_and(|count| count == 1)));
}
