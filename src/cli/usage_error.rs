//! Errors about the command line, in the form of all other errors.

use std::env;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::command_line::Cli;
use crate::error::Error;
use crate::key::Invalid;

/// Turns clap's error into one message with one hint.
pub(super) fn explained(error: &clap::Error) -> Error {
    if let Some(invalid) =
        std::error::Error::source(error).and_then(|s| s.downcast_ref::<Invalid>())
    {
        let argument = flag(error)
            .map(|flag| format!("{flag}: "))
            .unwrap_or_default();
        let hint = invalid.hint().unwrap_or("see `postkey --help`");
        return Error::usage(format!("{argument}{invalid}")).with_hint(hint);
    }
    if let Some((flag, value)) = value_taken_for_option(error) {
        let message = format!("{flag} needs a value, and `{value}` looks like an option");
        return Error::usage(message)
            .with_hint(format!("write `{flag}={value}` if it is the value"));
    }
    let rendered = error.to_string();
    let mut paragraphs = rendered.split("\n\n");
    let message = one_line(
        paragraphs
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: "),
    );
    let tips = paragraphs
        .clone()
        .find(|paragraph| paragraph.trim_start().starts_with("tip: "));
    let usage = paragraphs.find(|paragraph| paragraph.starts_with("Usage: "));
    let hint = match (tips, usage) {
        (Some(tips), _) => one_line(&tips.replace("tip: ", "")),
        (None, Some(usage)) => {
            let first = usage.trim_start_matches("Usage: ").lines().next();
            format!("usage: {}", one_line(first.unwrap_or_default()))
        }
        (None, None) => match command(error) {
            Some(name) => format!("see `postkey help {name}`"),
            None => "`postkey --help` lists the commands".to_owned(),
        },
    };
    Error::usage(message).with_hint(hint)
}

/// The option whose value clap took for another option; and that value.
fn value_taken_for_option(error: &clap::Error) -> Option<(String, String)> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let words: Vec<_> = env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let at = words.iter().position(|word| word.starts_with(unknown))?;
    let flag = words[..at].last()?;
    takes_value(&Cli::command(), flag).then(|| (flag.clone(), words[at].clone()))
}

/// Whether a word is an option that takes a value, of any command.
fn takes_value(command: &clap::Command, word: &str) -> bool {
    let is_it = |argument: &clap::Arg| {
        let long = argument.get_long().map(|long| format!("--{long}"));
        let short = argument.get_short().map(|short| format!("-{short}"));
        let is_named = [long, short].iter().flatten().any(|name| name == word);
        is_named && argument.get_action().takes_values()
    };
    let mut below = command.get_subcommands();
    command.get_arguments().any(is_it) || below.any(|command| takes_value(command, word))
}

/// The command that the command line names, if the error is about its value or flag.
fn command(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::InvalidValue {
        return None;
    }
    let cli = Cli::command();
    let words: Vec<_> = env::args_os().skip(1).collect();
    let found = cli
        .get_subcommands()
        .find(|command| words.iter().any(|word| word == command.get_name()));
    found.map(|command| command.get_name().to_owned())
}

/// The flag whose value an error is about; for a positional argument, its value says enough.
fn flag(error: &clap::Error) -> Option<String> {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) if argument.starts_with('-') => {
            argument.split(' ').next().map(str::to_owned)
        }
        _ => None,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
