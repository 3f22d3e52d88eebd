//! Colors, width, and a secret alone on its line.

use regex::Regex;

use super::terminal::Terminal;
use crate::sandbox::{SECRET, Sandbox};

#[test]
fn a_secret_is_alone_on_its_line_at_every_width() {
    let sandbox = Sandbox::new();
    for columns in [20, 80, 200] {
        let name = format!("ci-{columns}");
        let command = sandbox.command(["generate", "api", &name]);
        let mut terminal = Terminal::start_with(&command, columns, "");
        assert_eq!(terminal.end(), 0);
        let shown = terminal.shown();
        let lines = shown.split("\r\n").filter(|line| line.contains("xkeypost"));
        let lines: Vec<&str> = lines.collect();
        let secret = Regex::new(&format!("^{SECRET}$")).unwrap();
        assert!(lines.len() == 1 && secret.is_match(lines[0]), "{shown:?}");
        assert_eq!(sandbox.verify(lines[0]).1, 0);
    }
}

#[test]
fn a_list_has_colour_on_a_terminal() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let shown = list(&sandbox, 80, &[], &[]);
    assert!(shown.contains("\x1b["), "{shown:?}");
}

#[test]
fn the_default_key_has_the_colour_of_its_status() {
    let sandbox = Sandbox::new();
    let passphrase = "a passphrase of many words, none of them known\n";
    let path = sandbox.home().join("passphrase");
    std::fs::write(&path, passphrase).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&path, private).unwrap();
    let args = ["smtp", "mine", "--default", "--passphrase-file"];
    sandbox.generate([args[0], args[1], args[2], args[3], "passphrase"]);
    sandbox.generate(["api", "other"]);
    let shown = list(&sandbox, 200, &[], &[]);
    let colored = |text| Regex::new(&format!("\x1b\\[[0-9;]+m{text}")).unwrap();
    assert!(colored("active, default").is_match(&shown), "{shown:?}");
    assert!(colored("active +\x1b").is_match(&shown), "{shown:?}");
}

#[test]
fn colour_can_be_refused() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    for (variables, flags) in [
        (&[("NO_COLOR", "1")][..], &[][..]),
        (&[("TERM", "dumb")], &[]),
        (&[], &["--color", "never"]),
    ] {
        let shown = list(&sandbox, 80, variables, flags);
        assert!(shown.contains("active"), "{shown:?}");
        assert!(
            !shown.contains('\x1b'),
            "{variables:?} {flags:?}: {shown:?}"
        );
    }
}

#[test]
fn prompts_have_no_color_if_disabled() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let command = sandbox.command(["delete", "ci", "--color", "never"]);
    let mut terminal = Terminal::start(&command);
    terminal.expect("Type its name to confirm").press("no\r");
    assert_eq!(terminal.end(), 1);
    assert!(!terminal.shown().contains('\x1b'), "{}", terminal.shown());
}

#[test]
fn a_list_is_no_wider_than_the_terminal() {
    let sandbox = with_long_fields();
    for columns in [60, 80, 120, 200] {
        let shown = list(&sandbox, columns, &[], &["--color", "never"]);
        for line in shown.lines() {
            let width = line.trim_end_matches('\r').chars().count();
            assert!(width <= usize::from(columns), "{width} > {columns}: {line}");
        }
    }
}

#[test]
fn a_wider_terminal_shows_more_columns() {
    let sandbox = with_long_fields();
    let titles = |columns| {
        let shown = list(&sandbox, columns, &[], &["--color", "never"]);
        shown.lines().next().unwrap().split_whitespace().count()
    };
    let (narrow, wide) = (titles(80), titles(200));
    assert!(narrow < wide, "{narrow} columns, then {wide}");
}

/// What `list` shows on a terminal.
fn list(sandbox: &Sandbox, columns: u16, variables: &[(&str, &str)], flags: &[&str]) -> String {
    let mut command = sandbox.command(["list"].iter().chain(flags).copied());
    command.envs(variables.iter().copied());
    let mut terminal = Terminal::start_with(&command, columns, "");
    assert_eq!(terminal.end(), 0);
    terminal.shown()
}

fn with_long_fields() -> Sandbox {
    let sandbox = Sandbox::new();
    let (name, text) = ("n".repeat(62), "what it is for, at length; ".repeat(7));
    let api = [
        "api",
        &format!("{name}-a"),
        "--expires",
        "400d",
        "--inactive",
    ];
    let smtp = ["smtp", &format!("{name}-s"), "--username", &"u".repeat(50)];
    generate(&sandbox, &api, text.trim());
    generate(&sandbox, &smtp, text.trim());
    sandbox
}

fn generate(sandbox: &Sandbox, args: &[&str], description: &str) {
    let described = ["--description", description];
    let args = ["generate"].iter().chain(args).chain(&described).copied();
    let output = sandbox.command(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
