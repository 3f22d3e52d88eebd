//! A CI job whose log is a terminal: no prompts, and no secrets.

use std::fs;

use regex::Regex;

use super::nobody::{ASKING, AT_ONCE, with_a_key};
use super::terminal::Terminal;
use crate::sandbox::{SECRET, Sandbox};

/// Prompts that would otherwise wait.
const TYPING: [&str; 10] = [
    "verify",
    "identify",
    "explain",
    "revoke",
    "import dovecot",
    "deactivate -",
    "delete --yes -",
    "apply -",
    "generate api --from - --save-dir keys",
    "reveal",
];

/// Every command that prints a secret.
const PRINTING: [&str; 7] = [
    "generate api new",
    "generate smtp new --format json",
    "generate api --from names --format jsonl",
    "regenerate --yes ci",
    "rotate other",
    "reveal --passphrase-file passphrase",
    "revoke --replace leaked",
];

/// Variables that CI systems set.
const SET: [(&str, &str); 5] = [
    ("CI", "true"),
    ("CI", "1"),
    ("GITHUB_ACTIONS", "true"),
    ("GITLAB_CI", "true"),
    ("TF_BUILD", "True"),
];

#[test]
fn every_prompt_is_a_usage_error_in_a_job() {
    let sandbox = stocked();
    let before = fs::read(sandbox.vault()).unwrap();
    let asking = ASKING.iter().map(|(args, _)| args.join(" "));
    for line in asking.chain(TYPING.map(str::to_owned)) {
        let (status, shown) = in_job(&sandbox, &line, SET[0]);
        // Without a destination for the secret, it fails before prompting.
        let due = match line.as_str() {
            "regenerate ci" | "reveal" => 6,
            _ => 2,
        };
        assert_eq!(status, due, "{line}: {shown}");
        let is_told = shown.contains("`CI` is set") || line == "import dovecot";
        assert!(is_told && shown.contains("hint:"), "{line}: {shown}");
    }
    assert_eq!(fs::read(sandbox.vault()).unwrap(), before);
}

#[test]
fn no_secret_is_printed_on_a_jobs_terminal_without_print_secret() {
    let secret = Regex::new(SECRET).unwrap();
    for line in PRINTING {
        let sandbox = stocked();
        let before = keys(&sandbox);
        let (status, shown) = in_job(&sandbox, line, SET[0]);
        assert_eq!(status, 6, "{line}: {shown}");
        assert!(!secret.is_match(&shown), "{line}: {shown}");
        assert!(shown.contains("`CI` is set"), "{line}: {shown}");
        let hints = shown.contains("--save FILE") && shown.contains("--print-secret");
        assert!(hints, "{line}: {shown}");
        // An emergency is handled nevertheless.
        assert!(keys(&sandbox) == before || line.starts_with("revoke"));
        let (status, shown) = in_job(&sandbox, &format!("{line} --print-secret"), SET[0]);
        assert_eq!(status, 0, "{line}: {shown}");
        assert!(secret.is_match(&shown), "{line}: {shown}");
    }
}

#[test]
fn every_ci_system_is_detected() {
    for set in SET {
        let sandbox = stocked();
        assert_eq!(in_job(&sandbox, "generate api new", set).0, 6, "{set:?}");
        assert_eq!(in_job(&sandbox, "delete ci", set).0, 2, "{set:?}");
    }
    for value in ["", "0", "false"] {
        let sandbox = stocked();
        let (status, shown) = in_job(&sandbox, "generate api new", ("CI", value));
        assert_eq!(status, 0, "{shown}");
    }
    // Its clients need it in a person's shell, too.
    let address = ("JENKINS_URL", "https://jenkins.example.com");
    assert_eq!(in_job(&stocked(), "generate api new", address).0, 0);
}

#[test]
fn apply_delivers_in_a_job_and_prints_no_secrets() {
    let sandbox = stocked();
    let (status, shown) = in_job(&sandbox, "apply keys.toml", SET[0]);
    assert_eq!(status, 0, "{shown}");
    assert!(!Regex::new(SECRET).unwrap().is_match(&shown), "{shown}");
    let saved = fs::read_to_string(sandbox.home().join("applied.key")).unwrap();
    assert_eq!(sandbox.verify(&saved).1, 0);
}

/// The exit status on a job's terminal, and the output there.
#[track_caller]
fn in_job(sandbox: &Sandbox, line: &str, (name, value): (&str, &str)) -> (i32, String) {
    let mut command = sandbox.command(line.split(' '));
    let mut terminal = Terminal::start(command.env(name, value));
    let status = terminal.end_within(AT_ONCE);
    terminal.expect_restored();
    (status, terminal.shown())
}

fn stocked() -> Sandbox {
    let sandbox = with_a_key();
    let write = |name: &str, text: &str| {
        let path = sandbox.home().join(name);
        fs::write(&path, text).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&path, private).unwrap();
    };
    write(
        "passphrase",
        "a passphrase of many words, none of them known\n",
    );
    write("names", "a\nb\n");
    write(
        "keys.toml",
        "[[key]]\nname = \"applied\"\nkind = \"api\"\nsave = { file = \"applied.key\" }\n",
    );
    sandbox.generate(["api", "other"]);
    sandbox.generate(["api", "leaked"]);
    let args = [
        "smtp",
        "mine",
        "--default",
        "--passphrase-file",
        "passphrase",
    ];
    sandbox.generate(args);
    sandbox
}

fn keys(sandbox: &Sandbox) -> String {
    sandbox.run(["list", "--format", "jsonl"]).expect(0).stdout
}
