//! Text from arguments, pipes, files and the environment is not printed raw.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::{FORMATS, POISON, fault};
use crate::sandbox::{Run, Sandbox};
use crate::secrecy::lines::command_lines;
use crate::secrecy::watch::{run, run_with_input};

#[test]
fn no_poisoned_argument_reaches_a_stream_raw() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let mut faults = Vec::new();
    let lines = command_lines(OsStr::new(POISON));
    for line in &lines {
        for format in ["--format=text", "--format=json"] {
            let line = [line.as_slice(), &[format.into()]].concat();
            let found = fault(&run(&sandbox, &line), "");
            faults.extend(found.map(|why| format!("{line:?}: {why}")));
        }
    }
    let (some, all) = (faults.len(), lines.len() * 2);
    faults.truncate(3);
    assert!(faults.is_empty(), "{some} of {all}, as {faults:#?}");
}

#[test]
fn no_poisoned_file_name_reaches_a_stream_raw() {
    let sandbox = Sandbox::new();
    let folder = sandbox.home().join(POISON);
    fs::create_dir(&folder).unwrap();
    let (vault, config) = (folder.join("vault.db"), folder.join("config.toml"));
    fs::write(&vault, "text").unwrap();
    fs::write(&config, "brand = 1").unwrap();
    for mode in [0o644, 0o600] {
        fs::set_permissions(&vault, Permissions::from_mode(mode)).unwrap();
        for (flag, path) in [
            ("--vault", &vault),
            ("--config", &config),
            ("--config", &folder),
            ("--vault", &folder),
        ] {
            for verb in ["list", "log"] {
                expect_clean(&sandbox, &[verb, flag, path.to_str().unwrap()], "");
            }
        }
    }
}

#[test]
fn no_poisoned_setting_reaches_a_stream_raw() {
    let sandbox = Sandbox::new();
    let text: String = POISON
        .chars()
        .map(|character| format!("\\u{:04x}", u32::from(character)))
        .collect();
    let settings = [
        "brand",
        "vault",
        "wait",
        "defaults.expires",
        "defaults.plan",
        "defaults.permission",
        "output.color",
        "output.shown",
        "plans.team",
        "unknown",
    ];
    for line in settings.map(|name| format!("{name} = \"{text}\"")) {
        expect_clean_with(&sandbox, &line);
    }
    for line in [
        format!("\"{text}\" = 1"),
        format!("plans.\"{text}\" = \"x\""),
        POISON.to_owned(),
        format!("brand = \"{POISON}\""),
    ] {
        expect_clean_with(&sandbox, &line);
    }
}

#[test]
fn no_poisoned_variable_reaches_a_stream_raw() {
    let sandbox = Sandbox::new();
    for variable in [
        "POSTKEY_VAULT",
        "POSTKEY_CONFIG",
        "POSTKEY_WAIT",
        "SUDO_USER",
        "TZ",
        "LANG",
        "TERM",
        "COLUMNS",
    ] {
        for format in FORMATS {
            let mut command = sandbox.command([
                "generate",
                "api",
                &format!("{variable}-{format}"),
                "--format",
                format,
            ]);
            let run = Run::of(command.env(variable, POISON).output().unwrap());
            assert_eq!(fault(&run, format), None, "{variable}: {run:?}");
        }
    }
    for args in [&["list"][..], &["log"], &["show", "SUDO_USER-text"]] {
        expect_clean(&sandbox, args, "");
    }
}

#[test]
fn no_poisoned_input_reaches_a_stream_raw() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    for args in [
        &["verify"][..],
        &["identify"],
        &["explain"],
        &["revoke"],
        &["deactivate", "-"],
        &["activate", "-", "ci"],
        &["delete", "-y", "-"],
    ] {
        for input in [
            POISON.to_owned(),
            format!("xkeypost-{POISON}"),
            format!("a{POISON}"),
            format!("ci\n\n{POISON}\n"),
        ] {
            expect_clean(&sandbox, args, &input);
        }
    }
}

fn expect_clean_with(sandbox: &Sandbox, settings: &str) {
    sandbox.settings(settings);
    expect_clean(sandbox, &["list"], "");
}

#[track_caller]
fn expect_clean(sandbox: &Sandbox, args: &[&str], input: &str) {
    for format in FORMATS {
        let args = [args, &["--format", format]].concat();
        let run = run_with_input(sandbox, &args, input);
        assert_eq!(fault(&run, format), None, "{args:?} {input:?}: {run:?}");
    }
}
