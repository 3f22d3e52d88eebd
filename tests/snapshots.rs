//! Complete outputs of the real binary, one file per command in `tests/snapshots`.
//!
//! A line that starts with `$ ` is a command for bash; it is followed by its standard output, its
//! standard error and its exit status. To add a case, add such a line. `UPDATE=1 cargo test
//! snapshots` rewrites the rest, to be reviewed in `git diff`.

mod normalize;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use postkey::cli;
use snapbox::assert::Action;
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};

use crate::clock::preload;
use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::watch::paths;
use normalize::Normalizer;

/// The fixed clock of all commands.
const NOW: &str = "2026-11-22 09:30:00";

/// The start of every file: the key names describe what is special about them, and each secret is
/// in a file.
const KEYS: &str = "
    set -e
    chmod 700 .
    postkey generate api web --description 'the web shop' --limit 300/day --expires 90d --save web.key
    postkey generate smtp mail --username shop_prod --save mail.key
    postkey generate api inactive --permission read-only --inactive --save inactive.key
    postkey generate api rotating --save retiring.key
    postkey rotate rotating --save rotating.key
";

/// Helpers for the commands: a time other than `NOW`, and a terminal of a given width, plus the
/// difference between the actor's name and that in the snapshots.
const TOOLS: &str = r#"
    set -o pipefail
    umask 077
    postkey() { LD_PRELOAD="$FAKETIME_LIBRARY" "$POSTKEY" "$@"; }
    at() { FAKETIME="$1:00" "${@:2}"; }
    terminal() {
        local columns=$1; shift
        case $1 in log|show) columns=$((columns + WIDER)) ;; esac
        local size="rows 50 cols $columns"
        script -qec "stty $size; LD_PRELOAD=\"\$FAKETIME_LIBRARY\" \"\$POSTKEY\" $*" /dev/null </dev/null | tr -d '\r'
    }
"#;

macro_rules! snapshots {
    ($($command:ident)*) => {
        const COMMANDS: &[&str] = &[$(stringify!($command)),*];

        $(#[test]
        fn $command() {
            compare(stringify!($command));
        })*
    };
}

// `postkey` is the command line without a command.
snapshots! {
    activate apply backup check completions config connect deactivate delete describe doctor explain export
    generate identify import list log postkey regenerate rename restore reveal revoke rotate run serve
    set show usage verify
}

#[test]
fn every_command_has_a_snapshot_with_its_help() {
    let definition = cli::definition();
    let commands = definition
        .get_subcommands()
        .map(|command| command.get_name());
    let expected: BTreeSet<&str> = commands.chain(["postkey"]).collect();
    assert_eq!(COMMANDS.iter().copied().collect::<BTreeSet<_>>(), expected);
    let files = fs::read_dir(path("list").parent().unwrap()).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let texts = files.filter(|path| path.extension().is_some_and(|end| end == "txt"));
    let names = texts.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    let expected: BTreeSet<String> = expected.into_iter().map(str::to_owned).collect();
    assert_eq!(names.collect::<BTreeSet<_>>(), expected);
    for command in COMMANDS.iter().filter(|command| **command != "postkey") {
        let help = format!("$ postkey {command} --help\n");
        assert!(read(command).contains(&help), "{command}");
    }
}

/// Reruns a file's commands and compares the output.
fn compare(command: &str) {
    let sandbox = Sandbox::below("/tmp");
    bash(&sandbox, 0, KEYS).expect(0);
    let normalizer = Normalizer::new(&sandbox);
    let text = read(command);
    let lines = text.lines().filter_map(|line| line.strip_prefix("$ "));
    let blocks: Vec<String> = lines
        .map(|line| block(line, &bash(&sandbox, normalizer.wider(), line), &normalizer))
        .collect();
    assert!(blocks.len() > 3, "{command}");
    let printed = blocks.join("\n");
    expect_no_secret(&sandbox, &printed);
    let expected = Data::read_from(&path(command), Some(DataFormat::Text)).raw();
    let action = match std::env::var_os("UPDATE") {
        Some(_) => Action::Overwrite,
        None => Action::Verify,
    };
    let assert = Assert::new().action(action);
    if let Err(difference) = assert.try_eq(None, printed.into(), expected) {
        panic!("{difference}if that is meant: UPDATE=1 cargo test snapshots");
    }
}

/// A command with its output.
fn block(line: &str, run: &Run, normalizer: &Normalizer) -> String {
    let mut block = format!("$ {line}\n");
    block += &part(&normalizer.apply(&run.stdout));
    if !run.stderr.is_empty() {
        writeln!(block, "--- stderr").unwrap();
        block += &part(&normalizer.apply(&run.stderr));
    }
    writeln!(block, "--- exit {}", run.status).unwrap();
    block
}

/// An output with visible line ends, no line of which looks like a command.
fn part(text: &str) -> String {
    assert!(!text.starts_with("$ ") && !text.contains("\n$ "), "{text}");
    let mut part = text.replace('\r', "␍").replace('\u{1b}', "␛");
    if !part.is_empty() && !part.ends_with('\n') {
        part += "␄\n";
    }
    part
}

/// Fails if the normalized text contains part of a secret from a file.
fn expect_no_secret(sandbox: &Sandbox, text: &str) {
    let keys = paths(sandbox.home()).into_iter();
    let keys = keys.filter(|path| path.extension().is_some_and(|end| end == "key"));
    let secrets: Vec<String> = keys.map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut parts = secrets
        .iter()
        .flat_map(|secret| secret.trim().split('-').skip(1));
    assert!(parts.clone().count() >= 2 * KEYS.matches(" --save ").count());
    let found = parts.find(|part| text.contains(part));
    assert_eq!(found, None);
}

/// Runs one or more lines of a file.
fn bash(sandbox: &Sandbox, wider: isize, script: &str) -> Run {
    // Only postkey loads it: children of bash would share bash's, which may be gone by then.
    let [(_, library), settings @ ..] = preload();
    let clean = sandbox.command([""; 0]);
    let mut command = Command::new("bash");
    command
        .env_clear()
        .envs(
            clean
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("FAKETIME_LIBRARY", library)
        .envs(settings)
        .env("FAKETIME", NOW)
        .env("POSTKEY", POSTKEY)
        .env("WIDER", wider.to_string())
        .args(["-c", &format!("{TOOLS}\n{script}")])
        .current_dir(sandbox.home())
        .stdin(Stdio::null());
    Run::of(command.output().unwrap())
}

fn read(command: &str) -> String {
    fs::read_to_string(path(command)).unwrap()
}

fn path(command: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/snapshots/{command}.txt"))
}
