//! The version of Dovecot that `connect` prints for.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::machine::{Debian, Machine};
use super::only_as_root;
use crate::sandbox::{Run, Sandbox};

/// Runs `connect` with a `dovecot` first in `PATH` that reports this version.
fn print_where_dovecot_says(said: &str, exit: u8) -> Run {
    let sandbox = Sandbox::new();
    sandbox.generate(["smtp", "mail"]);
    let program = sandbox.home().join("dovecot");
    let script = format!("#!/bin/sh\n[ \"$*\" = --version ] && echo '{said}'; exit {exit}\n");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let mut command = sandbox.command(["connect", "dovecot"]);
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", sandbox.home().display()));
    Run::of(command.output().unwrap())
}

#[test]
fn the_version_is_that_of_the_dovecot_that_is_installed() {
    for (said, version, note) in [
        ("2.3.19.1 (9b53102964)", "2.3", ""),
        ("2.4.1-4 (7d8c0e5759)", "2.4", ""),
        ("2.5.0 (0)", "2.4", "is neither Dovecot 2.3 nor 2.4"),
        ("hello", "2.4", "is neither Dovecot 2.3 nor 2.4"),
        ("", "2.4", "is neither Dovecot 2.3 nor 2.4"),
    ] {
        let run = print_where_dovecot_says(said, 0).expect(0);
        let start = format!("# Dovecot {version}: how it looks secrets up in the vault.");
        assert!(run.stdout.contains(&start), "{run:?}");
        assert_eq!(run.stderr.is_empty(), note.is_empty(), "{run:?}");
        assert!(run.stderr.contains(note), "{run:?}");
    }
}

#[test]
fn a_dovecot_that_is_too_old_is_an_error_with_a_hint() {
    for said in ["2.2.36.4 (baf9232c1)", "1.2.15"] {
        let run = print_where_dovecot_says(said, 0).expect(5);
        assert_eq!(run.stdout, "");
        let message = format!("error: Dovecot {} is installed here", &said[..3]);
        assert!(run.stderr.starts_with(&message), "{run:?}");
        assert!(run.stderr.contains("\nhint: upgrade it"), "{run:?}");
    }
}

#[test]
fn a_named_version_asks_no_dovecot() {
    let sandbox = Sandbox::new();
    sandbox.generate(["smtp", "mail"]);
    let args = ["connect", "dovecot", "--dovecot", "2.3"];
    let mut command = sandbox.command(args);
    let run = Run::of(command.env("PATH", "").output().unwrap()).expect(0);
    assert!(run.stdout.contains("\npassword_query = "), "{run:?}");
    assert_eq!(run.stderr, "");
}

#[test]
fn without_dovecot_the_newest_version_is_printed_with_a_note() {
    only_as_root!();
    let machine = Machine::boot(Debian::Trixie);
    machine.sandbox.generate(["smtp", "mail"]);
    let run = machine
        .shell("rm /usr/sbin/dovecot && postkey connect dovecot 2>note; echo $?; cat note")
        .expect(0);
    assert!(run.stdout.contains("\ndovecot_config_version = 2.4.0\n"));
    let note =
        "\n0\nno Dovecot found here: this is for Dovecot 2.4; --dovecot 2.3 prints for 2.3\n";
    assert!(run.stdout.ends_with(note), "{run:?}");
    // It is found outside of `PATH`.
    let machine = Machine::boot(Debian::Trixie);
    machine.sandbox.generate(["smtp", "mail"]);
    let connect = "postkey=$(command -v postkey); PATH= $postkey connect dovecot 2>&1 >/dev/null";
    assert_eq!(machine.shell(connect).expect(0).stdout, "");
}
