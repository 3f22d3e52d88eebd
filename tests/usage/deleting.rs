//! A key that is in use is not deleted without a warning.

use super::{used_on, verify};
use crate::sandbox::Sandbox;
use crate::secrecy::watch::on_terminal;

#[test]
fn deleting_shows_when_the_key_was_last_used() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    verify(&sandbox, &secret, &["--ip", "203.0.113.9"]).expect(0);
    let said = on_terminal(&sandbox, "delete ci", "\n");
    assert!(said.contains("from 203.0.113.9, 1 request today"), "{said}");
    assert!(said.contains("was not deleted"), "{said}");
    sandbox.generate(["api", "idle"]);
    let said = on_terminal(&sandbox, "delete idle", "idle\n");
    assert!(said.contains("no recorded use"), "{said}");
    assert!(said.contains("`idle` is deleted"), "{said}");
}

#[test]
fn a_recently_used_inactive_key_requires_typing_its_name() {
    for (days_ago, answer, is_deleted) in [(6, "y\n", false), (6, "ci\n", true), (8, "y\n", true)] {
        let sandbox = used_on(&[("ci", days_ago, 5)]);
        sandbox.run(["deactivate", "ci"]).expect(0);
        let said = on_terminal(&sandbox, "delete ci", answer);
        let status = if is_deleted { 3 } else { 0 };
        let asks = said.contains("used in the last 7 days. Type its name");
        assert_eq!(asks, days_ago == 6, "{said}");
        sandbox.run(["show", "ci"]).expect(status);
    }
}

#[test]
fn yes_deletes_a_key_that_was_used_lately_with_a_warning() {
    for (days_ago, warns) in [(0, true), (6, true), (8, false)] {
        let sandbox = used_on(&[("ci", days_ago, 5), ("web", 0, 1)]);
        let run = sandbox.run(["delete", "--yes", "ci"]).expect(0);
        assert_eq!(
            run.stderr.contains("warning: `ci` was last used "),
            warns,
            "{run:?}"
        );
        let run = sandbox.run(["delete", "--confirm", "web", "web"]).expect(0);
        assert!(!run.stderr.contains("warning"), "{run:?}");
    }
}
