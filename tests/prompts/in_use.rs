//! Keys that are in use: their users are shown before their secrets stop working.

use super::terminal::Terminal;
use crate::sandbox::Sandbox;

/// Ctrl-D, the end of input.
const END: &str = "\x04";

#[test]
fn a_secret_that_is_in_use_is_replaced_only_if_the_name_is_typed() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["api", "ci"]);
    use_from(&sandbox, &old, "203.0.113.9");
    for (keys, status) in [("\r", 1), ("y\r", 1), (END, 1), ("CI\r", 0)] {
        let mut terminal = sandbox.on_terminal(["regenerate", "ci"]);
        terminal
            .expect("last used ")
            .expect(" from 203.0.113.9, 1 request today")
            .expect("`postkey rotate ci`")
            .expect("It was used in the last 7 days. Type its name to confirm")
            .press(keys);
        assert_eq!(terminal.end(), status, "{keys:?}: {}", terminal.shown());
    }
    assert_eq!(sandbox.verify(&old).0, "replaced");
}

#[test]
fn rotating_is_not_suggested_for_keys_that_cannot_be_rotated() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "bait", "--decoy"]);
    sandbox.generate(["api", "resting", "--inactive"]);
    sandbox.generate(["api", "turning"]);
    sandbox.run(["rotate", "turning"]).expect(0);
    for name in ["bait", "resting", "turning"] {
        let mut terminal = sandbox.on_terminal(["regenerate", name]);
        terminal.expect("Create a new one?").press("y\r");
        assert_eq!(terminal.end(), 0, "{}", terminal.shown());
        let shown = terminal.shown();
        assert!(!shown.contains("postkey rotate"), "{shown}");
        assert_eq!(shown.contains("its old secret"), name == "turning");
    }
}

#[test]
fn a_key_in_use_is_deactivated_only_after_a_yes() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    for address in ["203.0.113.9", "203.0.113.10"] {
        use_from(&sandbox, &secret, address);
    }
    for (keys, status) in [("\r", 1), ("n\r", 1), ("ci\r", 1), (END, 1), ("y\r", 0)] {
        let mut terminal = sandbox.on_terminal(["deactivate", "ci"]);
        terminal
            .expect("`ci` is in use: last API request ")
            .expect(" from 203.0.113.10, 2 requests today")
            .expect("in the last hour it was used from 203.0.113.10, 203.0.113.9")
            .expect("Deactivate `ci`?")
            .press(keys);
        assert_eq!(terminal.end(), status, "{keys:?}: {}", terminal.shown());
        let effective = if status == 0 { "inactive" } else { "active" };
        assert_eq!(sandbox.show("ci")["status"], effective, "{keys:?}");
    }
    let mut terminal = sandbox.on_terminal(["deactivate", "ci"]);
    assert_eq!(terminal.end(), 0, "{}", terminal.shown());
}

#[test]
fn the_use_of_an_smtp_key_is_called_a_login() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["smtp", "mail"]);
    use_from(&sandbox, &secret, "203.0.113.9");
    let mut terminal = sandbox.on_terminal(["deactivate", "mail"]);
    terminal.expect("`mail` is in use: last SMTP login ");
    terminal.expect("[y/N]").press("n\r");
    terminal.expect("`mail` was not deactivated");
    assert_eq!(terminal.end(), 1);
}

#[test]
fn an_idle_key_is_deactivated_without_confirmation() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "used"]);
    sandbox.generate(["api", "idle"]);
    let terminals: [fn(&Sandbox) -> Terminal; 5] = [
        |sandbox| sandbox.on_terminal(["deactivate", "idle"]),
        |sandbox| sandbox.on_terminal(["deactivate", "used", "--yes"]),
        |sandbox| sandbox.on_terminal(["deactivate", "used", "--no-input"]),
        |sandbox| Terminal::start_with(&sandbox.command(["deactivate", "used"]), 80, ">out"),
        |sandbox| Terminal::start(sandbox.command(["deactivate", "used"]).env("CI", "true")),
    ];
    for start in terminals {
        sandbox.run(["activate", "used"]).expect(0);
        use_from(&sandbox, &secret, "203.0.113.9");
        let mut terminal = start(&sandbox);
        assert_eq!(terminal.end(), 0, "{}", terminal.shown());
        assert!(terminal.shown().contains("is now inactive"));
    }
    let long_ago = "UPDATE days SET last_at = last_at - 3700";
    sandbox.run(["activate", "used"]).expect(0);
    let usage = rusqlite::Connection::open(sandbox.usage()).unwrap();
    assert!(usage.execute(long_ago, []).unwrap() > 0);
    drop(usage);
    let mut terminal = sandbox.on_terminal(["deactivate", "used"]);
    assert_eq!(terminal.end(), 0, "{}", terminal.shown());
}

/// Uses a secret from an address.
fn use_from(sandbox: &Sandbox, secret: &str, address: &str) {
    sandbox
        .run_with_input(["verify", "--ip", address], secret.as_bytes())
        .expect(0);
}
