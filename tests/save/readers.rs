//! The programs that read the file: sh, systemd and Docker find the same in it.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use super::{held, secret_in};
use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::program;

/// systemd's own reader of such files, which units' `EnvironmentFile=` has, too.
const SYSTEMD: &str =
    "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator";

/// What a file may hold before, and what each reader finds of that.
const BEFORE: [&str; 6] = [
    "",
    "# a comment\n\nPORT=8080\n",
    "PORT=8080",
    "PORT=8080\n# as in C:\\",
    "PORT=8080\n# it's\n",
    "PORT=8080\r\n#\r\n",
];

#[test]
fn sh_systemd_and_docker_read_the_same_from_a_file() {
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

/// Docker's rules for `--env-file`: a line is a comment or is taken as it is, quotes and all.
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
