//! What is shown and asked before selected keys are changed.

use super::{statuses, stocked, told};
use crate::prompts::terminal::Terminal;
use crate::sandbox::Sandbox;

fn on_terminal(sandbox: &Sandbox, line: &str) -> Terminal {
    Terminal::start(&sandbox.command(line.split(' ')))
}

#[test]
fn selected_keys_are_shown_before_they_are_deactivated() {
    for (answer, status, after) in [
        (
            "n\r",
            1,
            "bait decoy, mail active, off inactive, other rotating, web active",
        ),
        (
            "\r",
            1,
            "bait decoy, mail active, off inactive, other rotating, web active",
        ),
        (
            "y\r",
            0,
            "bait decoy, mail inactive, off inactive, other rotating, web inactive",
        ),
    ] {
        let sandbox = stocked();
        let mut terminal = on_terminal(&sandbox, "deactivate --label team=shop");
        terminal.expect("NAME").expect("mail").expect("web");
        terminal.expect("Deactivate 2 keys?").press(answer);
        assert_eq!(terminal.end(), status, "{}", terminal.shown());
        assert!(
            !terminal.shown().contains("\\u{1b}"),
            "{}",
            terminal.shown()
        );
        assert_eq!(told(&statuses(&sandbox)), after);
    }
}

#[test]
fn selected_keys_that_are_active_are_deleted_once_a_name_is_typed() {
    for (typed, status, left) in [("\r", 1, 5), ("other\r", 1, 5), ("web\r", 0, 2)] {
        let sandbox = stocked();
        let mut terminal = on_terminal(&sandbox, "delete --label team=shop");
        terminal.expect("NAME").expect("mail").expect("web");
        terminal
            .expect("Type the name of one of the keys")
            .press(typed);
        assert_eq!(terminal.end(), status, "{}", terminal.shown());
        assert_eq!(statuses(&sandbox).len(), left);
    }
    let sandbox = stocked();
    let mut terminal = on_terminal(&sandbox, "delete --status inactive");
    terminal.expect("off").expect("Delete 1 key?").press("y\r");
    assert_eq!(terminal.end(), 0, "{}", terminal.shown());
}

#[test]
fn each_other_change_of_selected_keys_asks_once() {
    for (line, question) in [
        ("activate --label team=shop", "Activate 1 key?"),
        ("revoke --label team=shop", "Revoke 2 keys?"),
        ("set --where-label team=shop --owner eve", "Change 3 keys?"),
        (
            "rotate --finish --label team=news",
            "Finish the rotation of 1 key?",
        ),
        (
            "rotate --abort --label team=news",
            "Abort the rotation of 1 key?",
        ),
        (
            "rotate --save r.env --format env --label team=shop",
            "Rotate 3 keys?",
        ),
        (
            "regenerate --save r.env --format env --label team=shop",
            "Replace the secrets of 3 keys?",
        ),
    ] {
        for (answer, status) in [("n\r", 1), ("y\r", 0)] {
            let sandbox = stocked();
            let mut terminal = on_terminal(&sandbox, line);
            terminal.expect("NAME").expect(question).press(answer);
            assert_eq!(terminal.end(), status, "{line}: {}", terminal.shown());
        }
    }
}
