//! Where prompting is impossible, nothing waits for an answer.

use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::terminal::{Terminal, until};
use crate::sandbox::{Run, Sandbox};

/// A second is promised; a loaded machine gets three.
pub const AT_ONCE: Duration = Duration::from_secs(3);

/// Every command line that would prompt, and what its hint must name.
pub const ASKING: [(&[&str], &str); 21] = [
    (&["generate"], "`postkey generate api NAME`"),
    (&["generate", "api"], "`postkey generate api NAME`"),
    (&["generate", "smtp"], "`postkey generate smtp NAME`"),
    (&["show"], "`postkey list`"),
    (&["deactivate"], "`postkey list`"),
    (&["activate"], "`postkey list`"),
    (&["delete"], "`postkey list`"),
    (&["regenerate"], "`postkey list`"),
    (&["delete", "ci"], "--yes"),
    (&["regenerate", "ci"], "--yes"),
    (&["rotate"], "`postkey list`"),
    (&["rotate", "--finish"], "`postkey list`"),
    (&["rotate", "--abort"], "`postkey list`"),
    (&["rotate", "--finish", "ci"], "--yes"),
    (&["rotate", "--abort", "ci"], "--yes"),
    (&["set"], "--description"),
    (&["set", "--limit", "none"], "`postkey list`"),
    (&["rename"], "`postkey list`"),
    (&["rename", "ci"], "after the current name"),
    (&["describe"], "`postkey list`"),
    (&["describe", "ci"], "--clear"),
];

#[test]
fn every_prompt_is_a_usage_error_without_a_terminal() {
    let sandbox = with_a_key();
    let before = fs::read(sandbox.vault()).unwrap();
    for stdin in [Stdio::null, Stdio::piped] {
        for (args, hint) in ASKING {
            let mut command = sandbox.command(args);
            command.stdin(stdin()).stdout(Stdio::piped());
            let run = ended_at_once(command.stderr(Stdio::piped()).spawn().unwrap());
            assert_eq!(
                (run.status, run.stdout.as_str()),
                (2, ""),
                "{args:?} {run:?}"
            );
            assert!(run.stderr.contains("there is no terminal"), "{run:?}");
            assert!(run.stderr.contains(hint), "{args:?} {run:?}");
        }
    }
    assert_eq!(fs::read(sandbox.vault()).unwrap(), before);
}

#[test]
fn prompting_requires_a_complete_terminal() {
    let sandbox = with_a_key();
    let before = fs::read(sandbox.vault()).unwrap();
    for (args, _) in ASKING {
        assert_eq!(redirected(&sandbox, args, "</dev/null"), 2, "{args:?}");
        assert_eq!(redirected(&sandbox, args, "<>never"), 2, "{args:?}");
        assert_eq!(redirected(&sandbox, args, "2>talk"), 2, "{args:?}");
        let talk = fs::read_to_string(sandbox.home().join("talk")).unwrap();
        assert!(talk.contains("there is no terminal"), "{args:?}: {talk}");
    }
    assert_eq!(fs::read(sandbox.vault()).unwrap(), before);
}

#[test]
fn names_from_standard_input_do_not_confirm_themselves() {
    let sandbox = with_a_key();
    let run = sandbox
        .run_with_input(["delete", "-"], b"ci\nci\n")
        .expect(2);
    assert!(run.stderr.contains("--confirm ci"), "{run:?}");
    fs::write(sandbox.home().join("names"), "ci\nci\n").unwrap();
    assert_eq!(redirected(&sandbox, &["delete", "-"], "<names"), 2);
    sandbox.run(["show", "ci"]).expect(0);
}

#[test]
fn a_secret_is_not_prompted_for_on_an_incomplete_terminal() {
    let sandbox = with_a_key();
    for verb in ["verify", "identify", "revoke"] {
        assert_eq!(redirected(&sandbox, &[verb], "2>talk"), 2);
        let talk = fs::read_to_string(sandbox.home().join("talk")).unwrap();
        assert!(talk.contains("printf %s"), "{talk}");
    }
}

#[test]
fn no_input_never_prompts() {
    let sandbox = with_a_key();
    let asking = ASKING.into_iter().map(|(args, _)| args);
    for args in asking.chain([&["verify"][..], &["identify"], &["explain"], &["revoke"]]) {
        let args = args.iter().copied().chain(["--no-input"]);
        let mut terminal = Terminal::start(&sandbox.command(args));
        terminal.expect("--no-input disables prompts");
        assert_eq!(terminal.end_within(AT_ONCE), 2, "{}", terminal.shown());
        terminal.expect_restored();
    }
}

pub fn with_a_key() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    sandbox.run(["rotate", "ci"]).expect(0);
    nix::unistd::mkfifo(&sandbox.home().join("never"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    sandbox
}

/// The status on a terminal with one stream replaced. A FIFO open for reading and writing is a pipe
/// that nobody writes to or closes.
#[track_caller]
fn redirected(sandbox: &Sandbox, args: &[&str], redirection: &str) -> i32 {
    let command = sandbox.command(args.iter().copied());
    Terminal::start_with(&command, 80, redirection).end_within(AT_ONCE)
}

/// Its exit status while its standard input stayed open.
#[track_caller]
fn ended_at_once(mut child: Child) -> Run {
    let open = child.stdin.take();
    let has_ended = until(AT_ONCE, || child.try_wait().unwrap().is_some());
    if !has_ended {
        child.kill().unwrap();
    }
    let run = Run::of(child.wait_with_output().unwrap());
    drop(open);
    assert!(has_ended, "it waited: {run:?}");
    run
}
