//! Prompts of `generate`: for missing values, and for another name instead of an invalid one.

use super::terminal::Terminal;
use crate::sandbox::Sandbox;

const ENTER: &str = "\r";
/// Ctrl-D, the end of input.
const END: &str = "\x04";

const NAME: &str = "Key name";
const PERMISSION: &str = "Permission: contacts, full, read-only, send-only";
const EXPIRES: &str = "Expires: 90d, 2027-01-31 or never";

fn day(sandbox: &Sandbox, name: &str) -> String {
    let expires = sandbox.show(name)["expires_at"].clone();
    expires
        .as_str()
        .unwrap_or("never")
        .chars()
        .take(10)
        .collect()
}

#[test]
fn permission_and_expiry_are_prompted_for_with_defaults() {
    let sandbox = Sandbox::new();
    sandbox.settings("[defaults]\npermission = \"read-only\"\nexpires = \"2098-02-03\"\n");
    for (name, answers, permission, expires) in [
        ("a", [ENTER, ENTER], "read-only", "2098-02-03"),
        ("b", ["full\r", "never\r"], "full", "never"),
        (
            "c",
            [" contacts \r", "2099-01-31\r"],
            "contacts",
            "2099-01-31",
        ),
    ] {
        let mut terminal = sandbox.on_terminal(["generate", "api"]);
        terminal.expect(NAME).press(&format!("{name}\r"));
        terminal
            .expect(PERMISSION)
            .expect("read-only")
            .press(answers[0]);
        terminal
            .expect(EXPIRES)
            .expect("2098-02-03")
            .press(answers[1]);
        assert_eq!(terminal.end(), 0, "{}", terminal.shown());
        assert_eq!(sandbox.show(name)["permission"], permission);
        assert_eq!(day(&sandbox, name), expires);
    }
}

#[test]
fn an_invalid_answer_is_reported_and_prompted_for_again() {
    let sandbox = Sandbox::new();
    let mut terminal = sandbox.on_terminal(["generate", "api"]);
    terminal.expect(NAME).press("ci\r");
    terminal.expect(PERMISSION).press("all\r");
    terminal.expect("`all` is not a permission");
    terminal.expect(PERMISSION).press("ful\r");
    terminal.expect("did you mean `full`?");
    terminal.expect(PERMISSION).press(ENTER);
    for (answer, told) in [
        ("soon\r", "`soon` is not an expiry"),
        ("2020-01-01\r", "it is not in the future"),
    ] {
        terminal.expect(EXPIRES).press(answer).expect(told);
    }
    terminal.expect(EXPIRES).press("2099-01-31\r");
    assert_eq!(terminal.end(), 0, "{}", terminal.shown());
    assert_eq!(day(&sandbox, "ci"), "2099-01-31");
}

#[test]
fn given_values_are_not_prompted_for() {
    let sandbox = Sandbox::new();
    for (line, asked) in [
        ("generate api", &[PERMISSION, EXPIRES][..]),
        ("generate api --permission full", &[EXPIRES]),
        ("generate api --expires 90d", &[PERMISSION]),
        ("generate api --expires 90d --permission full", &[]),
        ("generate api --yes", &[]),
        ("generate api --decoy", &[]),
        ("generate smtp", &[EXPIRES]),
        ("generate smtp --expires never", &[]),
    ] {
        let mut terminal = sandbox.on_terminal(line.split(' '));
        terminal.expect(NAME).press("ci\r");
        for question in asked {
            terminal.expect(question).press(ENTER);
        }
        assert_eq!(terminal.end(), 0, "{line}: {}", terminal.shown());
        sandbox.run(["delete", "ci", "--yes"]).expect(0);
    }
    let mut terminal = sandbox.on_terminal(["generate", "api", "ci"]);
    assert_eq!(terminal.end(), 0, "{}", terminal.shown());
}

#[test]
fn a_cancelled_prompt_creates_no_key() {
    for (questions, keys, status) in [
        (&[PERMISSION][..], END, 1),
        (&[PERMISSION, EXPIRES], END, 1),
        (&[PERMISSION], "\x03", 130),
        (&[PERMISSION, EXPIRES], "\x03", 130),
    ] {
        let sandbox = Sandbox::new();
        let mut terminal = sandbox.on_terminal(["generate", "api"]);
        terminal.expect(NAME).press("ci\r");
        let (last, before) = questions.split_last().unwrap();
        for question in before {
            terminal.expect(question).press(ENTER);
        }
        terminal.expect(last).press(keys);
        assert_eq!(terminal.end(), status, "{}", terminal.shown());
        terminal.expect_restored();
        assert!(!sandbox.vault().exists());
    }
}

const OFFER: &str = "Create `production-app` with the description `Production App`?";

#[test]
fn a_valid_name_is_offered_for_an_invalid_one() {
    let sandbox = Sandbox::new();
    for (keys, status) in [(ENTER, 1), ("n\r", 1), (END, 1), ("y\r", 0)] {
        let mut terminal = sandbox.on_terminal(["generate", "api", "Production App"]);
        terminal.expect("`Production App` is not a key's name");
        terminal.expect(OFFER).press(keys);
        assert_eq!(terminal.end(), status, "{}", terminal.shown());
        assert_eq!(sandbox.vault().exists(), status == 0);
    }
    assert_eq!(
        sandbox.show("production-app")["description"],
        "Production App"
    );
    let mut terminal = sandbox.on_terminal(["generate", "api", "Production App"]);
    terminal
        .expect("Create `production-app-2` with")
        .press("\r");
    assert_eq!(terminal.end(), 1);
}

#[test]
fn a_given_description_is_kept() {
    let sandbox = Sandbox::new();
    let args = ["generate", "smtp", "Größe", "--description", "what fits"];
    let mut terminal = sandbox.on_terminal(args);
    terminal.expect("Create `groesse`?").press("y\r");
    assert_eq!(terminal.end(), 0, "{}", terminal.shown());
    assert_eq!(sandbox.show("groesse")["description"], "what fits");
}

#[test]
fn an_invalid_name_is_replaced_or_prompted_for_again() {
    let sandbox = Sandbox::new();
    let mut terminal = sandbox.on_terminal(["generate", "api", "--yes"]);
    terminal
        .expect(NAME)
        .press("…\r")
        .expect("is not a key's name");
    terminal.expect(NAME).press("Production App\r");
    terminal.expect(OFFER).press("n\r");
    terminal.expect(NAME).press("Production App\r");
    terminal.expect(OFFER).press("y\r");
    assert_eq!(terminal.end(), 0, "{}", terminal.shown());
    assert_eq!(
        sandbox.show("production-app")["description"],
        "Production App"
    );
}

#[test]
fn without_a_prompt_the_hint_suggests_a_valid_name() {
    let sandbox = Sandbox::new();
    let hint = "run `postkey generate api production-app --description 'Production App'`";
    for args in [
        &["generate", "api", "Production App"][..],
        &["generate", "api", "Production App", "--no-input"],
        &["generate", "api", "Production App", "--yes"],
    ] {
        let command = sandbox.command(args.iter().copied());
        // In sequence: both write to one file.
        for redirections in ["</dev/null 2>talk", "2>talk"] {
            let mut terminal = Terminal::start_with(&command, 200, redirections);
            assert_eq!(terminal.end(), 2, "{args:?}");
            let talk = std::fs::read_to_string(sandbox.home().join("talk")).unwrap();
            assert!(talk.contains(hint), "{args:?}: {talk}");
        }
    }
    let args = ["api", "production-app", "--description", "Production App"];
    sandbox.generate(args);
    let run = sandbox.run(["generate", "api", "Production App"]).expect(2);
    assert!(run.stderr.contains("production-app-2"), "{run:?}");
    let run = sandbox.run(["generate", "api", "It's"]).expect(2);
    assert!(
        run.stderr.contains(r"it-s --description 'It'\''s'"),
        "{run:?}"
    );
}
