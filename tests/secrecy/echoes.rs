//! A secret typed in the wrong place is not repeated.

use std::ffi::{OsStr, OsString};

use super::lines::command_lines;
use super::watch::run;
use super::{files, leaks};
use crate::sandbox::{Run, Sandbox};

#[test]
fn a_secret_on_the_command_line_is_never_repeated() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let variants = variants(&secret);
    let mut lines = command_lines(OsStr::new(&secret));
    // All lines with the secret itself; its variants take turns.
    for (at, variant) in variants.iter().enumerate() {
        let turns = command_lines(OsStr::new(variant));
        lines.extend(turns.into_iter().skip(at).step_by(variants.len()));
    }
    assert!(lines.len() > 500, "only {} command lines", lines.len());
    expect_no_echo(&sandbox, &lines, &secret);
    assert!(!leaks(&files(sandbox.home()), &secret));
}

#[test]
fn a_headless_secret_is_never_repeated() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    expect_no_echo(&sandbox, &command_lines(OsStr::new(&secret[40..])), &secret);
}

#[test]
fn a_secret_in_the_environment_is_never_repeated() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    for variable in ["POSTKEY_VAULT", "POSTKEY_CONFIG", "POSTKEY_WAIT"] {
        for variant in [vec![secret.clone()], variants(&secret)].concat() {
            for format in ["text", "json"] {
                let mut command = sandbox.command(["list", "--format", format]);
                let run = Run::of(command.env(variable, &variant).output().unwrap());
                let said = run.stdout + &run.stderr;
                assert!(
                    !leaks(said.as_bytes(), &secret),
                    "{variable}={variant}: {said}"
                );
            }
        }
    }
    assert!(!leaks(&files(sandbox.home()), &secret));
}

/// Runs each line with results for people and for programs.
fn expect_no_echo(sandbox: &Sandbox, lines: &[Vec<OsString>], secret: &str) {
    let is_repeated = |line: &Vec<OsString>, format: &str| {
        let line: Vec<OsString> = line.iter().cloned().chain([format.into()]).collect();
        let run = run(sandbox, &line);
        leaks((run.stdout + &run.stderr).as_bytes(), secret)
    };
    let echoes: Vec<_> = lines
        .iter()
        .filter(|line| is_repeated(line, "--utc") || is_repeated(line, "--format=json"))
        .collect();
    let (some, all) = (echoes.len(), lines.len());
    assert!(
        echoes.is_empty(),
        "{some} of {all}, as {:?}",
        &echoes[..some.min(3)]
    );
}

/// Other forms of a secret on a command line.
fn variants(secret: &str) -> Vec<String> {
    vec![
        secret.to_uppercase(),
        secret[..20].to_owned(),
        secret[..60].to_owned(),
        secret[12..].to_owned(),
        format!("KEY=\"{secret}\""),
        format!("https://user:{secret}@example.com/"),
        secret.replace('-', "%2D"),
        secret.replace('-', "%252d")[12..].to_owned(),
        secret.replace('-', "\u{2011}"),
        format!("{} {}", &secret[..45], &secret[45..]),
        format!("{}\n{}", &secret[..25], &secret[25..]),
        secret.replace(secret.get(11..13).unwrap(), "zz"),
    ]
}
