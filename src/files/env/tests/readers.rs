//! Compares what programs read from env files before and after a variable is set.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use regex::Regex;

use super::set_in;

type ReadVariables = BTreeMap<String, String>;

/// Lines as people write them.
const TYPICAL_LINES: [&str; 14] = [
    "",
    "# it's",
    "A=1",
    "A=",
    "A='x y'",
    "A=\"x\ny\"",
    "B='x y' # c",
    "export B=\"$A\"",
    "B=http://x/?a=1&b=2",
    "B=x#y",
    "KEY=old",
    "KEY='old' # it's",
    "  export KEY=old",
    "KEY=",
];

/// Fragments of lines that rarely form valid ones.
const FRAGMENTS: [&str; 42] = [
    "KEY=",
    "KEY=",
    "A=",
    "B=",
    "export ",
    "KEY",
    "=",
    "\n",
    "old",
    "x",
    " ",
    "\t",
    "#",
    "'",
    "\"",
    "\\",
    "$",
    "${A}",
    "$B",
    "${KEY:-y}",
    "`",
    "$(",
    "(",
    ")",
    ";",
    "&",
    "|",
    "://",
    ": ",
    "\r\n",
    "\u{feff}",
    "\u{a0}",
    "ä",
    "{",
    "}",
    "\\\n",
    "'x y'",
    "\"x y\"",
    "'a\nb'",
    "=b",
    "#c ",
    ".",
];

/// Texts built from these.
fn hostile_texts() -> impl Strategy<Value = String> {
    let line = prop::sample::select(&TYPICAL_LINES[..]).prop_map(str::to_owned);
    let piece = prop::sample::select(&FRAGMENTS[..]);
    let odd = prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat());
    let lines = prop::collection::vec(prop_oneof![line, odd], 0..5);
    (lines, any::<bool>()).prop_map(|(lines, is_ended)| {
        let end = if is_ended { "\n" } else { "" };
        lines.join("\n") + end
    })
}

fn expect_set(mut old: ReadVariables, new: ReadVariables, before: &str) {
    old.insert("KEY".to_owned(), "new".to_owned());
    assert_eq!(new, old, "{before:?}");
}

/// The rules of `docker run --env-file` (cli/pkg/kvfile): each line as it is; `None` if the file is
/// refused.
fn docker(text: &str) -> Option<ReadVariables> {
    let mut found = ReadVariables::new();
    for line in text.lines() {
        let line = line.trim_start_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').unwrap_or((line, "(passed on)"));
        if name.is_empty() || name.contains([' ', '\t']) {
            return None;
        }
        found.insert(name.to_owned(), value.to_owned());
    }
    Some(found)
}

/// The regular expression of Node's dotenv (motdotla/dotenv, lib/main.js, `LINE`), and how it uses
/// it.
fn node(text: &str) -> ReadVariables {
    let line = r#"(?m)^\s*(?:export\s+)?([A-Za-z0-9_.-]+)(?:\s*=\s*?|:\s+?)(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$"#;
    let line = Regex::new(line).expect("a pattern");
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut found = ReadVariables::new();
    for line in line.captures_iter(&text) {
        let value = line.get(2).map_or("", |value| value.as_str().trim());
        let is_quote = |quote: &char| "'\"`".contains(*quote) && value.len() > 1;
        let quote = value.chars().next().filter(is_quote);
        let quote = quote.filter(|quote| value.ends_with(*quote));
        let value = quote.map_or(value, |_| &value[1..value.len() - 1]);
        found.insert(line[1].to_owned(), value.to_owned());
    }
    found
}

/// Accepted texts, before and after.
fn accepted(count: usize) -> Vec<(String, String)> {
    let mut runner = TestRunner::deterministic();
    let strategy = hostile_texts();
    let texts = (0..count).map(|_| strategy.new_tree(&mut runner).expect("a text").current());
    let mut found: Vec<_> = texts
        .filter_map(|before| set_in(&before).ok().map(|after| (before, after)))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Writes numbered files: 0 is the first text before, 1 after, and so on.
fn write_all(texts: &[(String, String)], folder: &Path) {
    let all = texts.iter().flat_map(|(before, after)| [before, after]);
    for (number, text) in all.enumerate() {
        fs::write(folder.join(number.to_string()), text).expect("written");
    }
}

fn stdout(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// Checks the output of a program that prints `NAME=value`, NUL for each variable, and U+0001, NUL
/// after each file, before and after for each text.
fn expect_all_set(texts: &[(String, String)], printed: &str) {
    let files: Vec<ReadVariables> = printed
        .split_terminator("\u{1}\0")
        .map(|file| {
            let pairs = file.split_terminator('\0');
            let pairs = pairs.filter_map(|pair| pair.split_once('='));
            let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
            pairs.collect()
        })
        .collect();
    assert_eq!(files.len(), 2 * texts.len());
    for ((before, _), found) in texts.iter().zip(files.chunks(2)) {
        expect_set(found[0].clone(), found[1].clone(), before);
    }
}

#[test]
fn docker_and_node_find_the_new_value_and_all_others_as_before() {
    for (before, after) in accepted(4_000) {
        if let Some(found) = docker(&before) {
            expect_set(found, docker(&after).expect(&after), &before);
        }
        expect_set(node(&before), node(&after), &before);
    }
}

#[test]
fn shells_find_the_new_value_and_all_others_as_before() {
    let texts = accepted(2_000);
    assert!(texts.len() > 200, "{}", texts.len());
    let folder = tempfile::tempdir().expect("a folder");
    write_all(&texts, folder.path());
    let script = r#"
        number=0
        while test -e "$number"; do
            (set -a; . "./$number"; exec /usr/bin/env -0 -u PWD -u OLDPWD -u _ -u SHLVL)
            printf '\001\0'
            number=$((number + 1))
        done"#;
    for shell in ["sh", "bash"] {
        let mut command = Command::new(shell);
        command
            .args(["-c", script])
            .env_clear()
            .current_dir(&folder);
        expect_all_set(&texts, &stdout(command.output().expect("a shell")));
    }
}

#[test]
fn python_dotenv_finds_the_new_value_and_all_others_as_before() {
    let texts = accepted(2_000);
    let folder = tempfile::tempdir().expect("a folder");
    write_all(&texts, folder.path());
    let script = "
import sys
import dotenv
for number in range(int(sys.argv[1])):
    for name, value in dotenv.dotenv_values(str(number), interpolate=False).items():
        print(name, '' if value is None else value, sep='=', end='\\0')
    print(chr(1), end='\\0')
";
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", script, &(2 * texts.len()).to_string()]);
    command.current_dir(&folder);
    expect_all_set(&texts, &stdout(command.output().expect("Python")));
}

#[test]
fn systemd_finds_the_new_value_and_all_others_as_before() {
    let generator =
        "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator";
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("environment.d")).expect("a folder");
    let read = |text: &str| {
        fs::write(folder.path().join("environment.d/a.conf"), text).expect("written");
        let mut command = Command::new(generator);
        command.env_clear().env("XDG_CONFIG_HOME", folder.path());
        let printed = stdout(command.output().expect("systemd"));
        let pairs = printed.lines().filter_map(|line| line.split_once('='));
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        pairs.collect::<ReadVariables>()
    };
    // systemd does not support `export`, so it does not see variables that only shells do.
    let is_for_shells = |text: &str| {
        Regex::new(r"export\s+KEY")
            .expect("a pattern")
            .is_match(text)
    };
    for (before, after) in accepted(800) {
        if !is_for_shells(&before) {
            expect_set(read(&before), read(&after), &before);
        }
    }
}
