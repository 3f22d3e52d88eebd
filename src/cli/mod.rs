//! The command line: the global flags, the list of verbs, and the dispatch.

mod command_line;
mod guide;
mod help;
mod usage_error;
mod version;

use std::env;
use std::ffi::OsStr;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, ValueEnum};

use crate::command;
use crate::context::Context;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::process;
use crate::settings::{Overrides, Settings, nearest};
use crate::ui::{Format, Ui};
use command_line::Cli;

/// The definition of the command line; man pages and completions are generated from it.
pub fn definition() -> clap::Command {
    help::grouped(Cli::command())
}

/// Hardens the process against leaking secrets, and runs the command line.
pub fn run() -> ExitCode {
    process::report_panics();
    match process::expect_random_bytes() {
        Ok(()) => process::harden(),
        Err(error) => {
            let ui = Ui::before_settings(asked_format());
            return finish(&ui, Err(Error::no_random_bytes(error))).into();
        }
    }
    run_hardened()
}

/// Completes a command line if a shell asks for that; otherwise parses it and runs its command.
fn run_hardened() -> ExitCode {
    if version::is_only_version() {
        let ui = Ui::before_settings(Format::Text);
        return finish(&ui, version::print(&ui)).into();
    }
    command::completions::complete_if_asked(definition);
    let (cli, from_environment) = match parsed() {
        Ok(parsed) => parsed,
        Err(error) => return refuse(&error).into(),
    };
    let (verb, globals) = (cli.verb, cli.globals);
    let mut ui = Ui::before_settings(globals.format());
    ui.is_quiet = globals.quiet;
    ui.may_ask = !globals.no_input;
    ui.globals = globals.of_flags();
    ui.color = globals.color.unwrap_or_default();
    if cli.verbose {
        return finish(&ui, Err(version::verbose_without_version())).into();
    }
    let overrides = Overrides {
        from_environment,
        ..globals.overrides()
    };
    let read = match verb.is_for_emergencies() {
        true => Settings::salvage(overrides),
        false => Settings::merge(overrides).map(|settings| (settings, None)),
    };
    match read {
        Err(error) => finish(&ui, Err(error)).into(),
        Ok((settings, invalid)) => {
            ui.color = settings.color;
            if let Some(invalid) = invalid {
                ui.warn(format!("{invalid}; ignored"));
            }
            let mut context = Context::new(ui, settings, globals.yes);
            let result = command::run(verb, &mut context);
            let status = finish(&context.ui, result);
            context.exit_code(status)
        }
    }
}

/// Parses the command line; tells which values came from the environment.
fn parsed() -> Result<(Cli, Vec<&'static str>), clap::Error> {
    let definition = match may_show_help() {
        true => definition(),
        false => Cli::command(),
    };
    let mut command = without_empty_variables(definition);
    let matches = command.try_get_matches_from_mut(env::args_os())?;
    let is_from_environment =
        |name: &&str| matches.value_source(name) == Some(ValueSource::EnvVariable);
    let from_environment = ["vault", "wait"].into_iter().filter(is_from_environment);
    let from_environment = from_environment.collect();
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    Ok((cli, from_environment))
}

/// Whether any word may ask for help: grouping the commands for it takes as long as the rest of the
/// definition, so it is skipped otherwise.
fn may_show_help() -> bool {
    let may_ask = |word: &str| match word.strip_prefix('-') {
        Some(short) if !short.starts_with('-') => short.contains('h'),
        _ => matches!(word, "help" | "--help"),
    };
    env::args_os().any(|word| may_ask(&word.to_string_lossy()))
}

/// The same definition without its environment variables that are set, but empty.
fn without_empty_variables(definition: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| env::var_os(name).is_some_and(|value| value.is_empty());
    definition.mut_args(|argument| match argument.get_env().is_some_and(is_empty) {
        true => argument.env(Resettable::Reset),
        false => argument,
    })
}

/// Ends a run: reports the error, if any.
fn finish(ui: &Ui, result: Result<ExitStatus, Error>) -> ExitStatus {
    result.unwrap_or_else(|error| {
        ui.error(&error);
        error.exit_status()
    })
}

/// Answers a command line that did not parse: with help or the version if it asks for them,
/// otherwise with an error that does not repeat anything that looks like a secret.
fn refuse(error: &clap::Error) -> ExitStatus {
    let ui = Ui::before_settings(asked_format());
    let status = match error.kind() {
        ErrorKind::DisplayVersion => return finish(&ui, version::print(&ui)),
        ErrorKind::DisplayHelp => {
            let printed = ui.print_help(&error.render());
            return finish(&ui, printed.map(|()| ExitStatus::Done));
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => ExitStatus::Usage,
        _ => {
            let result = match guide::asked(error) {
                Some(topic) => guide::print(&ui, topic),
                None => Err(usage_error::explained(error)),
            };
            return finish(&ui, result);
        }
    };
    let help = match has_command() {
        true => error.render(),
        false => help::overview(&definition()),
    };
    // A closed output is not a failure here.
    ui.say_styled(&help);
    status
}

/// Whether the command line names a command.
fn has_command() -> bool {
    let definition = Cli::command();
    let mut words = env::args().skip(1);
    words.any(|word| definition.find_subcommand(word).is_some())
}

/// The format that the command line asks for, even if it is otherwise invalid.
fn asked_format() -> Format {
    let words: Vec<String> = env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    if words.iter().any(|word| word == "--json") {
        return Format::Json;
    }
    let value = words
        .iter()
        .enumerate()
        .find_map(|(at, word)| match word.as_str() {
            "--format" => words.get(at + 1).map(String::as_str),
            word => word.strip_prefix("--format="),
        });
    value.map_or_else(Format::default, guess_format)
}

/// The format that a word names, or that was probably meant: a script that misspells `json` still
/// gets its error as JSON.
fn guess_format(word: &str) -> Format {
    let formats = Format::value_variants();
    let names = formats.iter().filter_map(ValueEnum::to_possible_value);
    let names: Vec<_> = names.map(|value| value.get_name().to_owned()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let nearest = || nearest(word, &names).and_then(|name| Format::from_str(name, false).ok());
    let named = Format::from_str(word, true).ok();
    named.or_else(nearest).unwrap_or_default()
}
