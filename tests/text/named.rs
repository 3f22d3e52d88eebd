//! Names: a list on standard input, and unknown ones.

use std::process::Stdio;

use crate::sandbox::Sandbox;
use crate::secrecy::watch::{on_terminal, run_with_input};

/// Every command that reads names from standard input.
const READING: [&[&str]; 6] = [
    &["activate", "-"],
    &["deactivate", "-"],
    &["delete", "--yes", "-"],
    &["check", "-"],
    &["usage", "-"],
    &["generate", "api", "--save-dir", "keys", "--from", "-"],
];

#[test]
fn an_empty_name_list_is_an_error() {
    let sandbox = Sandbox::with_three_keys();
    for args in READING {
        for input in ["", "\n\n", "# nobody\n", "\u{feff}", "\u{feff} \r\n\t\r\n"] {
            let run = run_with_input(&sandbox, args, input).expect(2);
            let is_said = run.stderr.contains("no names in standard input");
            assert!(
                is_said && run.stdout.is_empty(),
                "{args:?} {input:?}: {run:?}"
            );
        }
        let mut command = sandbox.command(args.iter().copied());
        let run = crate::sandbox::Run::of(command.stdin(Stdio::null()).output().unwrap());
        run.expect(2);
    }
    assert_eq!(sandbox.show("dev")["status"], "active");
}

#[test]
fn a_list_of_names_may_have_comments_marks_and_the_line_ends_of_windows() {
    let sandbox = Sandbox::with_three_keys();
    let list = "\u{feff}# all\r\nprod-web # the shop\r\n\r\n  dev\r\nDEV\r\n";
    let run = run_with_input(&sandbox, &["deactivate", "-"], list);
    let run = run.expect(0);
    assert_eq!(run.stderr.matches("inactive").count(), 2, "{run:?}");
    let status = |name| sandbox.show(name)["status"].clone();
    assert_eq!(
        ["prod-web", "dev", "prod-mail"].map(status),
        ["inactive", "inactive", "active"]
    );
}

#[test]
fn each_name_is_tried_and_each_failure_reported_by_line() {
    let sandbox = Sandbox::with_three_keys();
    let list = "prod-web\n\nnobody-here\na b\ndev\n";
    for (args, status) in [(&["deactivate", "-"][..], 3), (&["check", "-"], 3)] {
        let run = run_with_input(&sandbox, args, list).expect(status);
        let says = |text: &str| assert!(run.stderr.contains(text), "{args:?}: {text}: {run:?}");
        says("error: line 3 of standard input: no key named `nobody-here`");
        says("error: line 4 of standard input: `a b` is not a key's name");
    }
    let status = |name| sandbox.show(name)["status"].clone();
    assert_eq!(
        ["prod-web", "dev", "prod-mail"].map(status),
        ["inactive", "inactive", "active"]
    );
    let run = run_with_input(&sandbox, &["activate", "-"], "a b\ndev\n").expect(2);
    assert!(
        run.stderr.contains("1 invalid line in standard input"),
        "{run:?}"
    );
    assert_eq!(sandbox.show("dev")["status"], "active");
}

#[test]
fn reading_names_from_a_terminal_is_noted() {
    let sandbox = Sandbox::with_three_keys();
    let said = on_terminal(&sandbox, "deactivate -", "dev\n\u{4}");
    assert!(said.contains("reading names from standard input"), "{said}");
    assert!(said.contains("Ctrl-D"), "{said}");
    assert_eq!(sandbox.show("dev")["status"], "inactive");
}

#[test]
fn an_unknown_name_gets_a_suggestion() {
    let sandbox = Sandbox::with_three_keys();
    for args in [
        &["show", "prod-wbe"][..],
        &["delete", "--yes", "prod-wbe"],
        &["deactivate", "prod-wbe"],
        &["regenerate", "--yes", "prodweb"],
        &["describe", "Prod_Web", "x"],
        &["revoke", "prod-we"],
        &["check", "prod-wbe"],
        &["usage", "prod-wbe"],
        &["log", "prod-wbe"],
    ] {
        let run = run_with_input(&sandbox, args, "").expect(3);
        assert!(
            run.stderr.contains("hint: did you mean `prod-web`?"),
            "{args:?}: {run:?}"
        );
    }
    let run = sandbox.run(["show", "something-else"]).expect(3);
    assert!(run.stderr.contains("hint: `postkey list` shows"), "{run:?}");
}

#[test]
fn an_unlogged_name_gets_a_suggestion_from_the_log() {
    let sandbox = Sandbox::with_three_keys();
    sandbox.run(["delete", "--yes", "prod-mail"]).expect(0);
    sandbox.run(["rename", "dev", "staging"]).expect(0);
    for (wrong, right) in [
        ("prod-mial", "prod-mail"),
        ("devv", "dev"),
        ("stagin", "staging"),
    ] {
        let run = sandbox.run(["log", wrong]).expect(3);
        let hint = format!("hint: did you mean `{right}`?");
        assert!(run.stderr.contains(&hint), "{run:?}");
        sandbox.run(["log", right]).expect(0);
    }
}

#[test]
fn an_unknown_name_in_a_short_list_gets_a_suggestion() {
    let sandbox = Sandbox::with_three_keys();
    let told = |args: &[&str]| run_with_input(&sandbox, args, "").expect(0).stderr;
    assert!(told(&["list", "prod-wbe"]).contains("did you mean `prod-web`?"));
    for args in [
        &["list", "prod-wb*"][..],
        &["list", "prod-web", "--kind", "smtp"],
    ] {
        assert!(!told(args).contains("did you mean"), "{args:?}");
    }
}

#[test]
fn a_long_list_of_names_that_no_key_has_is_compared_only_at_its_beginning() {
    let sandbox = Sandbox::with_three_keys();
    let names: String = (0..40).map(|at| format!("prod-web{at}\n")).collect();
    let run = run_with_input(&sandbox, &["deactivate", "-"], &names).expect(3);
    let count = |text| run.stderr.matches(text).count();
    assert_eq!(count("did you mean `prod-web`?"), 10, "{run:?}");
    assert_eq!(count("no key named"), 40, "{run:?}");
}

#[test]
fn a_pattern_hints_at_no_key() {
    let sandbox = Sandbox::new();
    for name in ["team", "team-a", "team-b"] {
        sandbox.generate(["api", name]);
    }
    for args in [
        &["delete", "--yes", "team*"][..],
        &["show", "team?a"],
        &["deactivate", "*"],
    ] {
        let run = run_with_input(&sandbox, args, "").expect(2);
        let hint = format!(
            "`postkey list '{}'` shows the keys that match",
            args[args.len() - 1]
        );
        assert!(run.stderr.contains(&hint), "{run:?}");
        assert!(!run.stderr.contains("use a name such as"), "{run:?}");
    }
    let listed = sandbox.run(["list", "team*", "--format", "csv"]).expect(0);
    assert_eq!(listed.stdout.lines().count(), 4);
}

#[test]
fn a_byte_order_mark_is_no_part_of_what_is_read() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    assert_eq!(
        sandbox.verify(&format!("\u{feff}{secret}\r\n")).0,
        "accepted"
    );
    let passphrase = "nobody guesses seven long words";
    sandbox.private("marked", format!("\u{feff}{passphrase}\r\n").as_bytes());
    sandbox.private("plain", passphrase.as_bytes());
    let args = ["smtp", "box", "--default", "--passphrase-file=marked"];
    let sealed = sandbox.generate(args);
    let shown = sandbox.run(["reveal", "--passphrase-file=plain"]).expect(0);
    assert_eq!(shown.secret(), sealed);
}
