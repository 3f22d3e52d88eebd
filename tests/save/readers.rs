//! Programs that read the file: shells, systemd, Docker, and the dotenv libraries of Python and
//! Node agree on its contents.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use regex::Regex;

use super::{expect_silent, held, secret_in};
use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::program;

/// systemd's own parser of such files, also used for units' `EnvironmentFile=`.
const SYSTEMD: &str =
    "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator";

/// Contents before; if there is a `PORT`, all readers find it to be 8080.
const BEFORE: [&str; 12] = [
    "",
    "# a comment\n\nPORT=8080\n",
    "PORT=8080",
    "PORT=8080\n# as in C:\\",
    "PORT=8080\n# it's\n",
    "PORT=8080\nEMPTY=\nSMTP_PASSWORD=\n",
    "PORT=8080\n  SMTP_PASSWORD='o l d' # it's old\n",
    "SMTP_PASSWORD=\"old\"\nPORT=8080\n",
    "PORT=8080\nNAME='The shop'\nGREETING=\"Hello, $NAME\"\nHOME_PAGE=${BASE}/shop\n",
    "PORT=8080\nURL=postgres://shop:pw@db/shop?a=1&b=2\nPATTERN=*.[ch]\n",
    "PORT=8080\nPEM=\"-----BEGIN X-----\nMIIB\n-----END X-----\"\n",
    "SMTP_USERNAME=ops # who\nPORT=8080\nSMTP_PASSWORD=old # what",
];

#[test]
fn every_reader_finds_the_secret_and_what_was_there_before() {
    for before in BEFORE {
        let sandbox = Sandbox::new();
        sandbox.private("app.env", before.as_bytes());
        let save = ["--save", "app.env", "--env-name"];
        for args in [
            &[
                "generate",
                "smtp",
                "mail",
                "--username",
                "ops@ex-am.ple.com",
            ][..],
            &["rotate", "mail"],
            &["regenerate", "--yes", "mail"],
        ] {
            let args = [args, &save, &["SMTP_PASSWORD"]].concat();
            Run::of(sandbox.command(args).output().unwrap()).expect(0);
            let text = held(&sandbox, "app.env");
            let secret = secret_in(&text);
            assert_eq!(sandbox.verify(&secret).0, "accepted");
            for (reader, read) in [
                ("sh", sh(&sandbox, "sh")),
                ("bash", sh(&sandbox, "bash")),
                ("systemd", systemd(&sandbox, &text)),
                ("docker", docker(&text)),
                ("python-dotenv", python(&sandbox)),
                ("node's dotenv", node(&text)),
            ] {
                let found = (&read["SMTP_USERNAME"][..], &read["SMTP_PASSWORD"][..]);
                assert_eq!(
                    found,
                    ("ops@ex-am.ple.com", &secret[..]),
                    "{reader}: {text:?}"
                );
                let port = read.get("PORT").map(|port| port.trim_end());
                assert_eq!(
                    port,
                    before.contains("PORT").then_some("8080"),
                    "{reader}: {text:?}"
                );
            }
        }
    }
}

/// Files, and their messages: the refused line, or why not.
const REFUSED: [(&str, &str); 24] = [
    ("PORT=1\nCI_API_KEY = old\n", "line 2 "),
    ("CI_API_KEY: old\n", "line 1 "),
    ("declare -x CI_API_KEY=old\n", "line 1 "),
    ("export B=1 CI_API_KEY=old\n", "line 1 "),
    ("CI_API_KEY=old; export CI_API_KEY\n", "line 1 "),
    ("CI_API_KEY=old B=2\n", "line 1 "),
    ("CI_API_KEY='old'B=2\n", "line 1 "),
    ("CI_API_KEY=`cat old`\n", "line 1 "),
    ("CI_API_KEY=$(cat\nold)\n", "line 1 "),
    ("CI_API_KEY=(a\nb)\n", "line 1 "),
    ("A=it's\nCI_API_KEY=old\n", "line 1 "),
    ("A=1\\\nCI_API_KEY=old\n", "line 1 "),
    ("\u{feff}CI_API_KEY=old\n", "line 1 "),
    ("PORT=1\nCI_API_KEY=old\r\n", "line 2 "),
    ("{\n  \"name\": \"shop\"\n}\n", "line 1 "),
    ("services:\n  web:\n    image: shop\n", "line 1 "),
    ("[shop]\nport = 1\n", "line 1 "),
    ("-----BEGIN PRIVATE KEY-----\nMIIB\n", "line 1 "),
    ("FROM debian\nENV A=1\n", "line 1 "),
    ("MAILTO=root\n0 5 * * * root true\n", "line 2 "),
    ("#!/bin/sh\nA=1\nexport A\n", "line 3 "),
    ("hunter2\n", "line 1 "),
    ("A=\0\n", "not a text file"),
    ("A=1\nCI_API_KEY=1\nCI_API_KEY=2\n", "more than once"),
];

#[test]
fn an_ambiguous_file_is_refused_before_a_key_is_created() {
    let sandbox = Sandbox::new();
    for (before, says) in REFUSED {
        sandbox.private("app.env", before.as_bytes());
        let save = [
            "generate", "api", "ci", "--format", "env", "--save", "app.env",
        ];
        let run = sandbox.run(save).expect(6);
        expect_silent(&run);
        assert!(run.stderr.contains(says), "{before:?}: {run:?}");
        assert!(run.stderr.contains("`app.env`"), "{before:?}: {run:?}");
        assert!(run.stderr.contains("\nhint: "), "{before:?}: {run:?}");
        assert_eq!(held(&sandbox, "app.env"), before);
        assert!(!sandbox.vault().exists(), "{before:?}");
    }
}

#[test]
fn a_file_with_only_a_secret_gets_no_variables() {
    let sandbox = Sandbox::new();
    sandbox
        .run(["generate", "api", "so1", "--save", "so1.key"])
        .expect(0);
    let before = held(&sandbox, "so1.key");
    let rotate = ["rotate", "so1", "--save", "so1.key", "--env-name", "X"];
    let run = sandbox.run(rotate).expect(6);
    expect_silent(&run);
    assert!(run.stderr.contains("line 1 of `so1.key`"), "{run:?}");
    assert_eq!(held(&sandbox, "so1.key"), before);
}

fn sh(sandbox: &Sandbox, shell: &str) -> BTreeMap<String, String> {
    let script = "set -a && . ./app.env && exec env -0";
    let output = program(&sandbox.command(["-c", script]), shell)
        .output()
        .unwrap();
    let run = Run::of(output).expect(0);
    assert_eq!(run.stderr, "");
    let pairs = run
        .stdout
        .split('\0')
        .filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn systemd(sandbox: &Sandbox, text: &str) -> BTreeMap<String, String> {
    let folder = sandbox.home().join("systemd/environment.d");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("app.conf"), text).unwrap();
    let mut command = Command::new(SYSTEMD);
    command
        .env_clear()
        .env("XDG_CONFIG_HOME", sandbox.home().join("systemd"));
    pairs(&Run::of(command.output().unwrap()).expect(0).stdout)
}

/// Docker's rules for `--env-file`: a line is a comment or is taken literally, including quotes.
fn docker(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim_start);
    let set = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    pairs(&set.collect::<Vec<_>>().join("\n"))
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn python(sandbox: &Sandbox) -> BTreeMap<String, String> {
    let script = "import dotenv
for name, value in dotenv.dotenv_values('app.env').items():
    print(name, value, sep='=')";
    let python = program(&sandbox.command(["-c", script]), "/usr/bin/python3").output();
    pairs(&Run::of(python.unwrap()).expect(0).stdout)
}

/// The pattern of Node's dotenv (motdotla/dotenv, lib/main.js, `LINE`).
fn node(text: &str) -> BTreeMap<String, String> {
    let line = r#"(?m)^\s*(?:export\s+)?([A-Za-z0-9_.-]+)(?:\s*=\s*?|:\s+?)(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$"#;
    let found = Regex::new(line).unwrap();
    let found = found.captures_iter(text).map(|line| {
        let value = line.get(2).map_or("", |value| value.as_str().trim());
        (line[1].to_owned(), value.to_owned())
    });
    found.collect()
}
