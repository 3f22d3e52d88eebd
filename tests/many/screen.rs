//! The progress bar on a terminal.

use crate::sandbox::Sandbox;

const ARGS: [&str; 6] = ["generate", "api", "--from", "names", "--save-dir", "keys"];

#[test]
fn a_terminal_shows_a_bar_and_removes_it() {
    let sandbox = Sandbox::new();
    sandbox.names(20);
    let mut terminal = sandbox.on_terminal(ARGS);
    terminal.expect("creating keys [").expect("of 20");
    assert_eq!(terminal.end(), 0);
    terminal.expect_restored();
    let shown = terminal.shown();
    let (_, after) = shown.rsplit_once("creating keys [").unwrap();
    let cleared = after.find("\x1b[2K").unwrap_or_else(|| panic!("{after:?}"));
    assert!(
        after[cleared..].contains("created 20 API keys"),
        "{after:?}"
    );
}

#[test]
fn the_bar_is_removed_after_a_signal() {
    let sandbox = Sandbox::new();
    sandbox.names(2000);
    let mut terminal = sandbox.on_terminal(ARGS);
    terminal.expect("creating keys [").press("\x03");
    assert_eq!(terminal.end(), 130);
    terminal.expect_restored();
    let shown = terminal.shown();
    let (_, after) = shown.rsplit_once("creating keys [").unwrap();
    let cleared = after.find("\x1b[2K").unwrap_or_else(|| panic!("{after:?}"));
    assert!(
        after[cleared..].contains("of 2000 keys are created"),
        "{after:?}"
    );
}

#[test]
fn nobody_else_sees_a_bar() {
    let sandbox = Sandbox::new();
    sandbox.names(3);
    let mut quiet = sandbox.on_terminal(ARGS.into_iter().chain(["--quiet"]));
    assert_eq!((quiet.end(), quiet.shown()), (0, String::new()));
    let other = Sandbox::new();
    other.names(3);
    let run = other.make_many(&[]).expect(0);
    assert!(
        !run.stderr.contains("creating") && !run.stderr.contains('\x1b'),
        "{run:?}"
    );
}
