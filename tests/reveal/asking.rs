//! The typed passphrase: not echoed, repeated if new, and blocking nobody.

use super::PASSPHRASE;
use crate::prompts::terminal::Terminal;
use crate::sandbox::Sandbox;

const MAKE: [&str; 4] = ["generate", "smtp", "mail", "--default"];

const FIRST: &str = "Passphrase for the default key";
const SECOND: &str = "Repeat it";

/// Types a line that must not be shown at a prompt.
fn answer(terminal: &mut Terminal, prompt: &str, line: &str) {
    terminal.expect_unechoed(prompt).press(line).press("\r");
}

#[test]
fn a_passphrase_is_chosen_by_typing_it_twice_and_never_shown() {
    let sandbox = Sandbox::new();
    let mut terminal = sandbox.on_terminal(MAKE);
    answer(&mut terminal, FIRST, PASSPHRASE);
    answer(&mut terminal, SECOND, PASSPHRASE);
    terminal.expect("`postkey reveal` shows its secret again");
    assert_eq!(terminal.end(), 0);
    terminal.expect_restored();
    assert!(!terminal.shown().contains("horse"));
    let mut terminal = sandbox.on_terminal(["reveal"]);
    answer(&mut terminal, "Passphrase", PASSPHRASE);
    terminal.expect("xsmtppost-");
    assert_eq!(terminal.end(), 0);
    terminal.expect_restored();
    assert!(!terminal.shown().contains("horse"));
}

#[test]
fn two_that_differ_and_one_that_is_short_are_asked_for_again() {
    let sandbox = Sandbox::new();
    let mut terminal = sandbox.on_terminal(MAKE);
    answer(&mut terminal, FIRST, "elf zeichen");
    terminal.expect("fewer than 15 characters");
    answer(&mut terminal, FIRST, "abcabcabcabcabcabc");
    terminal.expect("the passphrase is easily guessed");
    answer(&mut terminal, FIRST, PASSPHRASE);
    answer(&mut terminal, SECOND, "correct horse batterie");
    terminal.expect("they do not match");
    answer(&mut terminal, FIRST, PASSPHRASE);
    answer(&mut terminal, SECOND, PASSPHRASE);
    assert_eq!(terminal.end(), 0);
    sandbox.private("pass", PASSPHRASE.as_bytes());
    sandbox.reveal().expect(0);
}

#[test]
fn an_interrupted_prompt_creates_neither_key_nor_vault() {
    for (typed, at, end, status) in [
        ("", FIRST, "\x03", 130),
        ("", FIRST, "\r", 1),
        ("", FIRST, "\x04", 1),
        (PASSPHRASE, SECOND, "\x03", 130),
        (PASSPHRASE, SECOND, "\r", 1),
        (PASSPHRASE, SECOND, "\x1c", 131),
    ] {
        let sandbox = Sandbox::new();
        let mut terminal = sandbox.on_terminal(MAKE);
        if !typed.is_empty() {
            answer(&mut terminal, FIRST, typed);
        }
        terminal.expect_unechoed(at).press(end);
        assert_eq!(terminal.end(), status, "{at} {end:?}");
        terminal.expect_restored();
        assert!(!sandbox.vault().exists(), "{at} {end:?}");
        sandbox.generate(["smtp", "mail"]);
    }
}

#[test]
fn a_taken_name_or_default_key_is_refused_before_prompting() {
    let (sandbox, _) = Sandbox::with_default_key();
    for name in ["mail", "other"] {
        let mut terminal = sandbox.on_terminal(["generate", "smtp", name, "--default"]);
        assert_eq!(terminal.end(), 4, "{}", terminal.shown());
        assert!(!terminal.shown().contains(FIRST));
    }
    sandbox.run(["delete", "--yes", "mail"]).expect(0);
    let mut terminal = sandbox.on_terminal(["reveal"]);
    assert_eq!(terminal.end(), 3);
    assert!(!terminal.shown().contains("Passphrase"));
}

#[test]
fn no_passphrase_reveals_nothing() {
    let (sandbox, _) = Sandbox::with_default_key();
    for (end, status) in [("\r", 1), ("\x04", 1), ("\x03", 130), ("wrong\r", 1)] {
        let mut terminal = sandbox.on_terminal(["reveal"]);
        terminal.expect_unechoed("Passphrase").press(end);
        assert_eq!(terminal.end(), status, "{end:?}");
        terminal.expect_restored();
        assert!(!terminal.shown().contains("xsmtppost-"));
    }
    assert_eq!(sandbox.entries(), 2, "only the wrong one is logged");
}

#[test]
fn no_lock_is_held_during_the_passphrase_prompt() {
    let (sandbox, secret) = Sandbox::with_default_key();
    let mut reveal = sandbox.on_terminal(["reveal"]);
    reveal.expect_unechoed("Passphrase");
    sandbox
        .run(["describe", "mail", "changed", "--wait=1s"])
        .expect(0);
    answer(&mut reveal, "", PASSPHRASE);
    reveal.expect("was changed by another process");
    assert_eq!(reveal.end(), 5);
    assert!(!reveal.shown().contains(&secret[..20]));
    sandbox.run(["delete", "--yes", "mail"]).expect(0);
    let mut make = sandbox.on_terminal(["generate", "smtp", "mine", "--default"]);
    make.expect_unechoed(FIRST);
    sandbox.private("pass", PASSPHRASE.as_bytes());
    sandbox.generate([
        "smtp",
        "theirs",
        "--default",
        "--passphrase-file=pass",
        "--wait=1s",
    ]);
    answer(&mut make, "", PASSPHRASE);
    answer(&mut make, SECOND, PASSPHRASE);
    make.expect("`theirs` is already the default key");
    assert_eq!(make.end(), 4);
    assert!(!make.shown().contains("xsmtppost-"));
    sandbox.run(["show", "mine"]).expect(3);
}

#[test]
fn regenerate_asks_for_the_new_passphrase_and_an_empty_one_drops_the_seal() {
    let (sandbox, _) = Sandbox::with_default_key();
    let mut terminal = sandbox.on_terminal(["regenerate", "mail"]);
    terminal.expect("[y/N]").press("y\r");
    answer(&mut terminal, FIRST, "another fine passphrase");
    answer(&mut terminal, SECOND, "another fine passphrase");
    terminal.expect("it stays the default key");
    assert_eq!(terminal.end(), 0);
    sandbox.reveal().expect(1);
    sandbox.private("pass", b"another fine passphrase");
    sandbox.reveal().expect(0);
    let mut terminal = sandbox.on_terminal(["regenerate", "mail"]);
    terminal.expect("[y/N]").press("y\r");
    terminal.expect_unechoed(FIRST).press("\r");
    terminal.expect("no longer the default key");
    assert_eq!(terminal.end(), 0);
    sandbox.reveal().expect(3);
}

#[test]
fn without_a_terminal_the_required_flag_is_named() {
    let (sandbox, _) = Sandbox::with_default_key();
    let before = sandbox.entries();
    let fresh = sandbox.home().join("fresh/vault.db");
    let vault = fresh.to_str().unwrap();
    let make = ["generate", "smtp", "new", "--default", "--vault", vault];
    for run in [sandbox.run(["reveal"]), sandbox.run(make)] {
        assert!(run.stderr.contains("--passphrase-file"), "{run:?}");
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{run:?}");
    }
    let mut terminal = sandbox.on_terminal(["reveal", "--no-input"]);
    assert_eq!(terminal.end(), 2);
    assert_eq!(sandbox.entries(), before);
    assert!(!fresh.exists());
}
