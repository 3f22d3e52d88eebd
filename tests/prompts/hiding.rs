//! The terminal is restored after a prompt: the echo and the cursor, however it ends.

use std::time::Duration;

use super::terminal::Terminal;
use crate::sandbox::Sandbox;

/// How long a prompt may take to end.
const SOON: Duration = Duration::from_secs(3);

/// Ways to end a prompt.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Keys(&'static str),
    Signal(&'static str),
    HalfThenSignal(&'static str),
}

/// Each with the shell's status; after Ctrl-D no secret is given.
const ENDINGS: [(Ending, i32); 6] = [
    (Ending::Keys("\x03"), 130),
    (Ending::Keys("\x1c"), 131),
    (Ending::Keys("\x04"), 1),
    (Ending::Signal("TERM"), 143),
    (Ending::Signal("HUP"), 129),
    (Ending::HalfThenSignal("TERM"), 143),
];

const HALF: &str = "half-a-secret";

impl Ending {
    fn befall(self, terminal: &mut Terminal) {
        match self {
            Self::Keys(keys) => terminal.press(keys),
            Self::Signal(name) => terminal.signal(name),
            Self::HalfThenSignal(name) => terminal.take_in(HALF).signal(name),
        };
    }
}

#[test]
fn the_echo_is_back_after_every_ending_of_verify() {
    every_ending_restores("verify", "Secret");
}

#[test]
fn the_echo_is_back_after_every_ending_of_identify() {
    every_ending_restores("identify", "Secret");
}

#[test]
fn the_echo_is_back_after_every_ending_of_reveal() {
    every_ending_restores("reveal", "Passphrase");
}

#[test]
fn the_echo_is_back_after_every_ending_of_revoke() {
    every_ending_restores("revoke", "secret");
}

#[test]
fn the_echo_is_back_after_every_ending_of_explain() {
    every_ending_restores("explain", "Ctrl-D");
}

fn every_ending_restores(verb: &str, prompt: &str) {
    let (sandbox, _) = Sandbox::with_default_key();
    for (ending, status) in ENDINGS {
        let mut terminal = sandbox.on_terminal([verb]);
        terminal.expect_unechoed(prompt);
        ending.befall(&mut terminal);
        assert_eq!(terminal.end_within(SOON), status, "{ending:?}");
        terminal.expect_restored();
        assert!(!terminal.shown().contains(HALF), "{ending:?}");
    }
}

#[test]
fn a_request_that_is_pasted_is_explained_and_never_shown() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let mut terminal = sandbox.on_terminal(["explain"]);
    terminal.expect_unechoed("Ctrl-D");
    for line in [
        "GET /v3/account HTTP/1.1",
        &format!("api-key: {secret}"),
        "",
    ] {
        terminal.press(line).press("\r");
    }
    terminal
        .press("\x04")
        .expect("the secret of the API key `ci`");
    assert_eq!(terminal.end(), 0);
    terminal.expect_restored();
    let shown = terminal.shown();
    assert!(!shown.contains(&secret[..20]), "{shown:?}");
}

#[test]
fn a_typed_secret_is_checked_and_not_echoed() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    for (verb, answer) in [("verify", "accepted"), ("identify", "ci")] {
        let mut terminal = sandbox.on_terminal([verb]);
        terminal
            .expect_unechoed("Secret")
            .press(&secret)
            .press("\r");
        terminal.expect(answer);
        assert_eq!(terminal.end(), 0);
        terminal.expect_restored();
        let shown = terminal.shown();
        assert!(!shown.contains(&secret[..20]), "{shown:?}");
    }
}

#[test]
fn input_typed_as_soon_as_the_prompt_appears_is_not_echoed() {
    let sandbox = Sandbox::with_three_keys();
    for verb in ["verify", "identify"].repeat(10) {
        let mut terminal = sandbox.on_terminal([verb]);
        terminal.expect("Secret").press(HALF);
        terminal.expect_unechoed("").press("\r");
        assert_eq!(terminal.end(), 1);
        assert!(!terminal.shown().contains(HALF), "{}", terminal.shown());
    }
}

#[test]
fn a_half_typed_secret_is_not_left_in_the_terminal() {
    let sandbox = Sandbox::new();
    for (verb, name) in [("verify", "TERM"), ("identify", "HUP")] {
        let mut terminal = sandbox.on_terminal([verb]);
        terminal.expect_unechoed("Secret");
        Ending::HalfThenSignal(name).befall(&mut terminal);
        terminal.end();
        assert_eq!(terminal.press("\r").next_line(), "\n", "{verb}, {name}");
    }
}

#[test]
fn a_menu_that_is_interrupted_leaves_the_terminal_as_it_was() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    for (verb, question) in [("generate", "Kind of key"), ("show", "Which key?")] {
        for (ending, status) in [
            (Ending::Keys("\x03"), 130),
            (Ending::Signal("INT"), 130),
            (Ending::Signal("QUIT"), 131),
            (Ending::Signal("TERM"), 143),
            (Ending::Signal("HUP"), 129),
        ] {
            let mut terminal = sandbox.on_terminal([verb]);
            terminal.expect("\x1b[?25l").expect_unechoed(question);
            ending.befall(&mut terminal);
            assert_eq!(terminal.end_within(SOON), status, "{verb} {ending:?}");
            assert!(terminal.shown().contains("\x1b[?25h"));
            terminal.expect_restored();
        }
    }
}

#[test]
fn a_confirmation_that_is_interrupted_changes_nothing() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    sandbox.run(["rotate", "ci"]).expect(0);
    for (verb, question) in [
        (&["delete"][..], "Type its name"),
        (&["regenerate"], "[y/N]"),
        (&["rotate", "--finish"], "[y/N]"),
        (&["rotate", "--abort"], "[y/N]"),
    ] {
        for (ending, status) in ENDINGS {
            let mut terminal = sandbox.on_terminal(verb.iter().copied().chain(["ci"]));
            terminal.expect(question);
            ending.befall(&mut terminal);
            assert_eq!(terminal.end_within(SOON), status, "{verb:?} {ending:?}");
            terminal.expect_restored();
        }
    }
    assert_eq!(sandbox.verify(&secret).1, 0);
}

#[test]
fn the_question_after_a_menu_can_be_interrupted_too() {
    let sandbox = Sandbox::new();
    for (ending, status) in &ENDINGS[..2] {
        let mut terminal = sandbox.on_terminal(["generate"]);
        terminal.expect("Kind of key").press("\r");
        terminal.expect("Key name");
        ending.befall(&mut terminal);
        assert_eq!(terminal.end_within(SOON), *status, "{ending:?}");
    }
}

#[test]
fn ctrl_z_does_not_suspend_a_hidden_prompt() {
    let sandbox = Sandbox::with_three_keys();
    let mut terminal = sandbox.on_terminal(["verify"]);
    terminal
        .expect_unechoed("Secret")
        .press("\x1a")
        .press("typed\r");
    assert_eq!(terminal.end_within(SOON), 1);
    assert!(!terminal.shown().contains("typed"));
}
