//! File names: `-`, `~`, empty variables, values that look like options.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, Command};

use crate::sandbox::{Run, Sandbox};

/// Where `-` is standard input or output.
const STREAMS: [&str; 8] = [
    "apply file",
    "export file",
    "generate from",
    "generate passphrase-file",
    "import file",
    "log verify save-head",
    "regenerate passphrase-file",
    "reveal passphrase-file",
];

/// The arguments of a command that take a path.
fn paths(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|argument| {
        let names = argument.get_value_names().unwrap_or_default();
        let is_path =
            |name: &&clap::builder::Str| ["FILE", "PATH", "FOLDER"].contains(&name.as_str());
        let is_word = !argument.get_possible_values().is_empty() || argument.get_id() == "path";
        !is_word && names.iter().any(|name| is_path(&name))
    })
}

/// A command line with a value for an argument of a command.
fn line(command: &Command, argument: &Arg, value: &str) -> Vec<OsString> {
    let words = command.get_bin_name().unwrap().split(' ');
    let mut line: Vec<OsString> = words.map(OsString::from).collect();
    match argument.get_long() {
        Some(long) => line.push(format!("--{long}={value}").into()),
        None => {
            // The preceding arguments: the first allowed value of each.
            let before = argument.get_index().unwrap_or(1) - 1;
            for other in command.get_positionals().take(before) {
                let words = other.get_possible_values();
                line.push(
                    words
                        .first()
                        .map_or("dovecot", |word| word.get_name())
                        .into(),
                );
            }
            line.push(value.into());
        }
    }
    line
}

#[test]
fn each_path_argument_handles_dash_and_tilde() {
    let mut definition = postkey::cli::definition();
    definition.build();
    let (mut streams, mut tried) = (BTreeSet::new(), 0);
    let verbs = definition.get_subcommands();
    for command in verbs.flat_map(|verb| [verb].into_iter().chain(verb.get_subcommands())) {
        for argument in paths(command) {
            let parsed = |value: &str| {
                let parsed = definition
                    .clone()
                    .try_get_matches_from(line(command, argument, value));
                parsed.err().map(|error| error.kind())
            };
            let refused = Some(ErrorKind::ValueValidation);
            let name = format!("{} {}", command.get_bin_name().unwrap(), argument.get_id());
            let name = name.trim_start_matches("postkey ").replace('_', "-");
            if parsed("-") != refused {
                streams.insert(name.clone());
            }
            assert_eq!(parsed("~somebody/file"), refused, "{name}");
            assert_eq!(parsed(""), refused, "{name}");
            assert_ne!(parsed("./-"), refused, "{name}");
            tried += 1;
        }
    }
    assert!(tried >= 15, "{tried}");
    assert_eq!(streams, STREAMS.map(str::to_owned).into());
    for flag in ["--vault", "--config"] {
        for value in ["-", "~somebody/file", ""] {
            let line = ["postkey", "list", flag, value];
            let error = definition.clone().try_get_matches_from(line).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ValueValidation, "{flag} {value}");
        }
    }
}

#[test]
fn a_tilde_is_the_home_folder_wherever_it_is_written() {
    let sandbox = Sandbox::new();
    let vault = sandbox.home().join("own/v.db");
    let made = |command: &mut std::process::Command| {
        Run::of(command.output().unwrap()).expect(0);
        assert!(vault.exists());
        assert!(!sandbox.home().join("~").exists());
        fs::remove_dir_all(sandbox.home().join("own")).unwrap();
    };
    made(&mut sandbox.command(["generate", "api", "web", "--vault=~/own/v.db"]));
    made(
        sandbox
            .command(["generate", "api", "web"])
            .env("POSTKEY_VAULT", "~/own/v.db"),
    );
    fs::write(sandbox.home().join("c.toml"), "vault = \"~/own/v.db\"\n").unwrap();
    made(
        sandbox
            .command(["generate", "api", "web"])
            .env("POSTKEY_CONFIG", "~/c.toml"),
    );
    sandbox
        .run(["generate", "api", "web", "--save", "~/web.key"])
        .expect(0);
    assert!(sandbox.home().join("web.key").exists());
    let manifest = "[[key]]\nname = \"app\"\nkind = \"api\"\nsave = { file = \"~/app.key\" }\n";
    fs::create_dir(sandbox.home().join("sub")).unwrap();
    fs::write(sandbox.home().join("sub/m.toml"), manifest).unwrap();
    sandbox.run(["apply", "~/sub/m.toml"]).expect(0);
    assert!(sandbox.home().join("app.key").exists());
    for name in ["POSTKEY_VAULT", "POSTKEY_CONFIG"] {
        let output = sandbox.command(["list"]).env(name, "~other/x").output();
        let run = Run::of(output.unwrap()).expect(2);
        assert!(run.stderr.contains("only a shell can expand"), "{run:?}");
    }
}

#[test]
fn a_variable_that_is_empty_is_not_set() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "web"]);
    for name in ["POSTKEY_VAULT", "POSTKEY_CONFIG", "POSTKEY_WAIT"] {
        let output = sandbox.command(["show", "web"]).env(name, "").output();
        Run::of(output.unwrap()).expect(0);
    }
}

#[test]
fn a_dash_is_standard_input_or_output_and_never_a_file() {
    let sandbox = Sandbox::new();
    let passphrase = b"correct horse battery staple in a row\n";
    let make = [
        "generate",
        "smtp",
        "mail",
        "--default",
        "--passphrase-file",
        "-",
    ];
    let made = sandbox.run_with_input(make, passphrase).expect(0).secret();
    let reveal = ["reveal", "--passphrase-file", "-"];
    let shown = sandbox.run_with_input(reveal, passphrase).expect(0);
    assert_eq!(shown.secret(), made);
    let run = sandbox.run(["log", "verify", "--save-head", "-"]).expect(0);
    assert!(
        run.stdout.starts_with("postkey log head, version 1\n"),
        "{run:?}"
    );
    assert_eq!(run.stdout.lines().count(), 3);
    assert!(run.stderr.contains("the log is valid"), "{run:?}");
    fs::write(sandbox.home().join("head"), &run.stdout).unwrap();
    sandbox.run(["log", "verify", "--head", "head"]).expect(0);
    let both = ["log", "verify", "--save-head", "-", "--format", "json"];
    sandbox.run(both).expect(2);
    for args in [
        &["backup", "-"][..],
        &["backup", "--replace", "-"],
        &["restore", "-"],
        &["revoke", "mail", "--report", "-"],
        &["generate", "api", "x", "--save", "-"],
        &["generate", "api", "--from", "names", "--save-dir", "-"],
        &["list", "--vault", "-"],
        &["list", "--config", "-"],
    ] {
        let run = Run::of(sandbox.command(args.iter().copied()).output().unwrap()).expect(2);
        assert!(
            run.stderr.contains("`./-` is a file of that name"),
            "{run:?}"
        );
    }
    let dash: PathBuf = sandbox.home().join("-");
    assert!(!dash.exists());
}

#[test]
fn a_value_that_looks_like_an_option_is_explained() {
    let sandbox = Sandbox::new();
    for (flag, value) in [
        ("--save", "-x"),
        ("--limit", "-3/day"),
        ("--description", "-old"),
        ("--vault", "-v.db"),
        ("--expires", "--90d"),
    ] {
        let run = sandbox
            .run(["generate", "api", "web", flag, value])
            .expect(2);
        let says = format!("{flag} needs a value, and `{value}` looks like an option");
        assert!(run.stderr.contains(&says), "{run:?}");
        assert!(run.stderr.contains(&format!("`{flag}={value}`")), "{run:?}");
    }
}
