//! Prompts of `set`, `rename` and `describe`.

use serde_json::Value;

use super::terminal::Terminal;
use crate::sandbox::Sandbox;
use crate::secrecy::watch::run_with_input;

const FIELD: &str = "Change what about `web`?";

fn with_a_key() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "web", "--description", "the web shop"]);
    sandbox
}

/// A command on a terminal without cursor movement, where choices are typed.
fn on_lines(sandbox: &Sandbox, line: &str) -> Terminal {
    let mut command = sandbox.command(line.split(' '));
    Terminal::start(command.env("TERM", "dumb"))
}

#[test]
fn a_field_and_its_value_are_prompted_for() {
    let sandbox = with_a_key();
    for (field, answers, told) in [
        (
            "permission",
            &[("Permission: ", "read-only")][..],
            "permission full → read-only",
        ),
        (
            "limit",
            &[("Limit: ", "often"), ("is not a limit", "starter")],
            "limit none → 20000/day",
        ),
        (
            "limit",
            &[("Limit: ", "300/day")],
            "limit 20000/day → 300/day",
        ),
        (
            "expires",
            &[
                ("Expires: ", "2020-01-01"),
                ("not in the future", "2099-01-31"),
            ],
            "expires never → 2099-01-31",
        ),
        ("rotate-every", &[("Rotate every: ", "365d")], "365d"),
        ("unused-after", &[("Unused after: ", "never")], "never"),
        (
            "grace",
            &[("Grace: ", "never"), ("is not a grace period", "48h")],
            "grace policy → 48h",
        ),
        ("settle", &[("Settle: ", "2h")], "settle policy → 2h"),
        (
            "after",
            &[
                ("Command: ", "systemctl 'reload"),
                ("not closed", "reload x"),
            ],
            "after reload x",
        ),
        ("clear-after", &[], "after was reload x"),
        (
            "description",
            &[("Description", "mail")],
            "description the web shop → mail",
        ),
        ("clear-description", &[], "description was mail"),
        (
            "name",
            &[("New name", "no name"), ("is not a key's name", "shop")],
            "name web → shop",
        ),
    ] {
        let mut terminal = on_lines(&sandbox, "set web");
        terminal.expect(FIELD).press(&format!("{field}\r"));
        for (question, answer) in answers {
            terminal.expect(question).press(&format!("{answer}\r"));
        }
        terminal.expect("`web`: ").expect(told);
        assert_eq!(terminal.end(), 0, "{field}: {}", terminal.shown());
    }
    assert_eq!(sandbox.show("shop")["limit"], "300/day");
}

#[test]
fn a_permission_that_would_have_refused_requests_is_set_after_a_question() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "web"]);
    let args = ["verify", "--method", "POST", "--path", "/v3/contacts"];
    run_with_input(&sandbox, &args, &secret).expect(0);
    let line = "set web --permission read-only";
    let told = "`web`: read-only would have refused 1 of 1 request in the last 30 days";
    for (line, answer, status, permission) in [
        (line, "\r", 1, "full"),
        (line, "n\r", 1, "full"),
        (line, "\x04", 1, "full"),
        (line, "y\r", 0, "read-only"),
        ("set web --permission full", "", 0, "full"),
    ] {
        let mut terminal = on_lines(&sandbox, line);
        if !answer.is_empty() {
            terminal.expect(told).expect("anyway?").press(answer);
        }
        assert_eq!(terminal.end(), status, "{}", terminal.shown());
        assert_eq!(sandbox.show("web")["permission"], permission);
    }
    let mut terminal = on_lines(&sandbox, &format!("{line} --dry-run"));
    terminal.expect(told).expect("nothing was done");
    assert_eq!(terminal.end(), 0);
    let mut terminal = on_lines(&sandbox, &format!("{line} --yes"));
    terminal.expect(told).expect("permission full → read-only");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn senders_networks_and_limits_of_smtp_keys_are_prompted_for() {
    let sandbox = Sandbox::new();
    sandbox.generate(["smtp", "mail"]);
    for (field, answers, told) in [
        (
            "senders",
            &[
                ("Senders: ", "*.example.com"),
                ("is not a sender", "example.com,null"),
            ][..],
            "senders example.com,null",
        ),
        (
            "networks",
            &[
                ("Networks: ", "10.0.0.1/8"),
                ("not the first of its network", "10.0.0.0/8"),
            ],
            "networks 10.0.0.0/8",
        ),
        ("limit", &[("Limit: ", "free")], "limit 300/day"),
        (
            "senders",
            &[("Senders: ", "any")],
            "senders were example.com,null",
        ),
    ] {
        let mut terminal = on_lines(&sandbox, "set mail");
        terminal
            .expect("Change what about `mail`?")
            .press(&format!("{field}\r"));
        for (question, answer) in answers {
            terminal.expect(question).press(&format!("{answer}\r"));
        }
        terminal.expect("`mail`: ").expect(told);
        assert_eq!(terminal.end(), 0, "{field}: {}", terminal.shown());
    }
    let key = sandbox.show("mail");
    assert_eq!(
        [&key["senders"], &key["networks"], &key["limit"]],
        [&Value::Null, &"10.0.0.0/8".into(), &"300/day".into()]
    );
}

#[test]
fn labels_and_the_owner_are_prompted_for() {
    let sandbox = with_a_key();
    for (field, answers, told) in [
        (
            "label",
            &[
                ("Labels: ", "env"),
                ("is not a label", "env=prod,team=shop"),
            ][..],
            "labels env=prod,team=shop",
        ),
        (
            "clear-label",
            &[("Name of the label: ", "team")],
            "labels env=prod,team=shop → env=prod",
        ),
        ("owner", &[("Owner: ", "ada")], "owner ada"),
        ("clear-owner", &[], "owner was ada"),
    ] {
        let mut terminal = on_lines(&sandbox, "set web");
        terminal.expect(FIELD).press(&format!("{field}\r"));
        for (question, answer) in answers {
            terminal.expect(question).press(&format!("{answer}\r"));
        }
        terminal.expect("`web`: ").expect(told);
        assert_eq!(terminal.end(), 0, "{field}: {}", terminal.shown());
    }
}

#[test]
fn the_menu_shows_what_the_fields_are_and_only_those_of_the_key() {
    let sandbox = with_a_key();
    sandbox.generate(["smtp", "mail"]);
    let shown = |name: &str| {
        let mut terminal = on_lines(&sandbox, &format!("set {name}"));
        terminal.expect("Change what about").press("\r");
        assert_eq!(terminal.end(), 1);
        terminal.shown()
    };
    let web = shown("web");
    for line in [
        "name               web",
        "limit              none",
        "expires            never",
    ] {
        assert!(web.contains(line), "{web}");
    }
    let mail = shown("mail");
    for word in ["permission", "clear-description"] {
        assert!(web.contains(word) && !mail.contains(word), "{mail}");
    }
    assert!(!web.contains("senders"), "{web}");
    for line in [
        "limit         none",
        "senders       any",
        "networks      any",
    ] {
        assert!(mail.contains(line), "{mail}");
    }
}

#[test]
fn nothing_is_changed_without_an_answer() {
    let sandbox = with_a_key();
    let before = std::fs::read(sandbox.vault()).unwrap();
    for end in ["\r", "\x04"] {
        for field in ["name", "permission", "expires", "rotate-every"] {
            let mut terminal = on_lines(&sandbox, "set web");
            terminal.expect(FIELD).press(&format!("{field}\r"));
            terminal.expect(": ").press(end);
            assert_eq!(terminal.end(), 1, "{}", terminal.shown());
        }
        for line in [
            "set",
            "set web",
            "rename",
            "rename web",
            "describe",
            "describe web",
        ] {
            let mut terminal = on_lines(&sandbox, line);
            terminal.expect(": ").press(end);
            assert_eq!(terminal.end(), 1, "{line}: {}", terminal.shown());
        }
    }
    assert_eq!(std::fs::read(sandbox.vault()).unwrap(), before);
}

#[test]
fn a_missing_key_is_prompted_for_whatever_else_is_given() {
    let sandbox = with_a_key();
    for (line, question, told) in [
        (
            "set --limit 1/day",
            "Change which key?",
            "limit none → 1/day",
        ),
        (
            "describe --clear",
            "Describe which key?",
            "description was the web shop",
        ),
    ] {
        let mut terminal = on_lines(&sandbox, line);
        terminal.expect(question).press("web\r").expect(told);
        assert_eq!(terminal.end(), 0, "{}", terminal.shown());
    }
}

#[test]
fn rename_and_describe_ask_for_what_is_missing() {
    let sandbox = with_a_key();
    for (line, answers, told) in [
        (
            "describe",
            &[("Describe which key?", "web"), ("Description", "mail")][..],
            "description the web shop → mail",
        ),
        (
            "describe web",
            &[("Description", "news")],
            "description mail → news",
        ),
        (
            "rename",
            &[("Rename which key?", "web"), ("New name", "shop")],
            "name web → shop",
        ),
        ("rename shop", &[("New name", "web")], "name shop → web"),
    ] {
        let mut terminal = on_lines(&sandbox, line);
        for (question, answer) in answers {
            terminal.expect(question).press(&format!("{answer}\r"));
        }
        terminal.expect(told);
        assert_eq!(terminal.end(), 0, "{line}: {}", terminal.shown());
    }
}

#[test]
fn a_decoy_has_no_settable_fields() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "bait", "--decoy"]);
    for (line, told, status) in [
        ("set bait", "it has nothing to set", 1),
        ("set", "every key is a decoy", 3),
    ] {
        let mut terminal = on_lines(&sandbox, line);
        terminal.expect(told);
        assert_eq!(terminal.end(), status);
    }
}
