//! A terminal that can only print lines: no escape sequences, and every prompt can be answered.

use super::terminal::Terminal;
use crate::sandbox::Sandbox;

#[test]
fn every_prompt_works_on_a_dumb_terminal() {
    let sandbox = Sandbox::with_three_keys();
    for (line, answers, shown) in [
        ("list", &[][..], "prod-web"),
        (
            "generate",
            &[
                ("Kind of key", "neither"),
                ("no such choice", "2"),
                ("Key name", "new"),
                ("Permission", ""),
                ("Expires", ""),
            ],
            "xkeypost-",
        ),
        ("show", &[("Which key?", "dev")], "full"),
        (
            "deactivate",
            &[("Deactivate which key?", "1")],
            "is now inactive",
        ),
        ("verify", &[("Secret", "nothing")], "malformed"),
        (
            "delete prod-mail",
            &[("Type its name", "prod-mail")],
            "is deleted",
        ),
        (
            "regenerate prod-web",
            &[("Create a new one?", "y")],
            "xkeypost-",
        ),
    ] {
        let mut command = sandbox.command(line.split(' '));
        let mut terminal = Terminal::start(command.env("TERM", "dumb"));
        for (question, answer) in answers {
            terminal.expect(question).press(&format!("{answer}\r"));
        }
        terminal.expect(shown);
        assert!(terminal.end() < 2, "{line}: {}", terminal.shown());
        let shown = terminal.shown();
        assert!(!shown.contains('\x1b'), "{line}: {shown:?}");
        assert!(terminal.has_echo());
    }
}

#[test]
fn a_menu_offers_what_the_command_can_do_something_to() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "running"]);
    sandbox.generate(["api", "resting", "--inactive"]);
    sandbox.generate(["api", "turning"]);
    sandbox.run(["rotate", "turning"]).expect(0);
    for (line, offered) in [
        ("show", &["resting", "running", "turning"][..]),
        ("delete", &["resting", "running", "turning"]),
        ("regenerate", &["resting", "running", "turning"]),
        ("deactivate", &["running", "turning"]),
        ("activate", &["resting"]),
        ("rotate", &["resting", "running"]),
        ("rotate --finish", &["turning"]),
        ("rotate --abort", &["turning"]),
    ] {
        let mut command = sandbox.command(line.split(' '));
        let mut terminal = Terminal::start(command.env("TERM", "dumb"));
        terminal.expect("?").press("\r");
        assert_eq!(terminal.end(), 1);
        let shown = terminal.shown();
        let found: Vec<&str> = ["resting", "running", "turning"]
            .into_iter()
            .filter(|name| shown.contains(&format!("  {name} ")))
            .collect();
        assert_eq!(found, offered, "{line}: {shown}");
    }
}

#[test]
fn there_is_no_prompt_if_no_key_applies() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    for (line, why) in [
        ("activate", "no key is inactive"),
        ("rotate --finish", "no key is being rotated"),
        ("rotate --abort", "no key is being rotated"),
    ] {
        let mut terminal = Terminal::start(&sandbox.command(line.split(' ')));
        assert_eq!(terminal.end(), 3);
        assert!(terminal.shown().contains(why), "{}", terminal.shown());
    }
    sandbox.run(["deactivate", "ci"]).expect(0);
    let mut terminal = Terminal::start(&sandbox.command(["deactivate"]));
    assert_eq!(terminal.end(), 3);
    assert!(terminal.shown().contains("no key is active"));
}
