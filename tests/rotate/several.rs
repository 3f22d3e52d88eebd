//! Several keys at once: each is rotated as if alone.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::sandbox::{Run, Sandbox};

/// A sandbox with two keys, and their secrets.
fn two_keys() -> (Sandbox, [String; 2]) {
    let sandbox = Sandbox::new();
    let app = sandbox.generate(["api", "app"]);
    let mail = sandbox.generate(["smtp", "mail"]);
    (sandbox, [app, mail])
}

/// The values of variables, in order.
fn secrets(variables: &str) -> Vec<String> {
    let lines = variables.lines().filter(|line| !line.contains("USERNAME"));
    let values = lines.map(|line| line.split_once('=').unwrap().1);
    values
        .map(|value| value.trim_matches('\'').to_owned())
        .collect()
}

fn statuses(sandbox: &Sandbox, secrets: &[String]) -> Vec<i32> {
    secrets
        .iter()
        .map(|secret| sandbox.verify(secret).1)
        .collect()
}

#[test]
fn each_key_gets_a_new_secret_and_keeps_the_old_one_until_the_rotations_end() {
    for (flag, old_is, new_is) in [("--finish", 1, 0), ("--abort", 0, 1)] {
        let (sandbox, old) = two_keys();
        let run = sandbox.run(["rotate", "app", "mail", "--format", "env"]);
        let new = secrets(&run.expect(0).stdout);
        assert_eq!(statuses(&sandbox, &old), [0, 0]);
        assert_eq!(statuses(&sandbox, &new), [0, 0]);
        sandbox.run(["rotate", flag, "app", "mail"]).expect(2);
        assert_eq!(statuses(&sandbox, &old), [0, 0]);
        let ended = sandbox.run(["rotate", flag, "--yes", "app", "mail", "--json"]);
        assert_eq!(ended.expect(0).json().as_array().unwrap().len(), 2);
        assert_eq!(statuses(&sandbox, &old), [old_is, old_is], "{flag}");
        assert_eq!(statuses(&sandbox, &new), [new_is, new_is], "{flag}");
    }
}

#[test]
fn an_unknown_name_does_not_affect_other_keys() {
    let (sandbox, old) = two_keys();
    let run = sandbox.run(["rotate", "app", "mial", "mail", "--format", "jsonl"]);
    let run = run.expect(3);
    assert!(run.stderr.contains("did you mean `mail`?"), "{run:?}");
    assert_eq!(run.stdout.lines().count(), 2);
    let ended = sandbox.run(["rotate", "--abort", "--yes", "app", "mial", "mail"]);
    let ended = ended.expect(3);
    assert!(ended.stderr.contains("did you mean `mail`?"), "{ended:?}");
    assert_eq!(statuses(&sandbox, &old), [0, 0]);
    expect_no_rotation(&sandbox);
}

#[test]
fn indistinguishable_secrets_are_not_created() {
    let (sandbox, _) = two_keys();
    sandbox.generate(["api", "a-b"]);
    sandbox.generate(["api", "a_b"]);
    for end in [
        "app mail",
        "app mail --format json",
        "app mail --format csv",
        "app mail --save both",
        "app mail --save both --format jsonl",
        "app mail --save both --env-name SECRET",
        "app mail --env-name SECRET",
        "a-b a_b --format env",
        "app APP --format env",
    ] {
        let args = ["rotate"].into_iter().chain(end.split(' '));
        let run = Run::of(sandbox.command(args).output().unwrap()).expect(2);
        assert!(run.stderr.contains("use "), "{end}: {run:?}");
        assert_eq!(run.stdout, "", "{end}");
        assert!(!sandbox.home().join("both").exists(), "{end}");
    }
    expect_no_rotation(&sandbox);
}

#[test]
fn an_env_file_gets_the_variables_of_all() {
    let (sandbox, _) = two_keys();
    let file = sandbox.home().join("env");
    fs::write(&file, "PORT=8080\n").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let save = ["rotate", "app", "mail", "--format", "env", "--save", "env"];
    assert_eq!(sandbox.run(save).expect(0).stdout, "");
    let text = fs::read_to_string(&file).unwrap();
    let rest = text.strip_prefix("PORT=8080\n").unwrap();
    assert_eq!(statuses(&sandbox, &secrets(rest)), [0, 0], "{text}");
}

fn expect_no_rotation(sandbox: &Sandbox) {
    let rotating = sandbox.run(["list", "--status", "rotating"]).expect(0);
    assert_eq!(rotating.stdout, "");
}
