//! Command lines, generated from the definition of the command line, so that new ones are covered.

use std::ffi::{OsStr, OsString};

/// Every command line with the text in place of an argument or a value.
pub fn command_lines(text: &OsStr) -> Vec<Vec<OsString>> {
    let mut definition = postkey::cli::definition();
    definition.build();
    let mut lines = vec![vec![text.to_owned()], vec!["help".into(), text.to_owned()]];
    for verb in definition
        .get_subcommands()
        .filter(|verb| verb.get_name() != "help")
    {
        for name in verb.get_name_and_visible_aliases() {
            lines.extend(at_positions(name, verb, text));
            lines.extend(as_values(name, verb, text));
        }
        for below in verb.get_subcommands() {
            let ends = at_positions(below.get_name(), below, text)
                .into_iter()
                .chain(as_values(below.get_name(), below, text));
            let with_verb = |end| [vec![verb.get_name().into()], end].concat();
            lines.extend(ends.map(with_verb));
        }
    }
    lines
}

fn at_positions(name: &str, verb: &clap::Command, text: &OsStr) -> Vec<Vec<OsString>> {
    let good = good_line(name, verb);
    let with = |at: usize| {
        let mut line = good.clone();
        line.truncate(at);
        line.push(text.to_owned());
        line.extend(good.iter().skip(at + 1).cloned());
        line
    };
    (1..=good.len()).map(with).collect()
}

fn as_values(name: &str, verb: &clap::Command, text: &OsStr) -> Vec<Vec<OsString>> {
    let mut ends = vec![vec![joined("--", text)], vec![joined("-", text)]];
    for argument in verb.get_arguments() {
        if let Some(long) = argument.get_long() {
            ends.push(vec![format!("--{long}").into(), text.to_owned()]);
            ends.push(vec![joined(&format!("--{long}="), text)]);
        }
        if let Some(short) = argument.get_short() {
            ends.push(vec![joined(&format!("-{short}"), text)]);
        }
    }
    let good = good_line(name, verb);
    ends.into_iter()
        .map(|end| [good.clone(), end].concat())
        .collect()
}

fn joined(start: &str, text: &OsStr) -> OsString {
    let mut whole = OsString::from(start);
    whole.push(text);
    whole
}

/// The command with a valid value for every positional argument.
fn good_line(name: &str, verb: &clap::Command) -> Vec<OsString> {
    let value = |argument: &clap::Arg| match argument.get_id().as_str() {
        "kind" => "api",
        "form" => "dovecot",
        "shell" => "bash",
        "server" => "postfix",
        "to" => "json",
        _ => "ci",
    };
    let values = verb.get_positionals().map(value);
    // With an address to listen on, it would not end.
    let nowhere: &[&str] = match name {
        "serve" => &["--listen", "unix:/nowhere/socket"],
        _ => &[],
    };
    [name]
        .into_iter()
        .chain(values)
        .chain(nowhere.iter().copied())
        .map(OsString::from)
        .collect()
}
