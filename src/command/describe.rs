//! `postkey describe`: sets a key's description.

use clap::Args;

use crate::context::selection::KeyPrompt;
use crate::context::{Context, selection};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Description, Key, KeyName};
use crate::vault::Action;

/// Set a key's description
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
pub struct Describe {
    /// The key; prompted for on a terminal
    #[arg(add = selection::completer())]
    name: Option<KeyName>,
    /// What it is for, in at most 200 characters; not secret; prompted for on a terminal
    #[arg(value_name = "TEXT")]
    description: Option<Description>,
    /// Remove the description
    #[arg(long, conflicts_with = "description")]
    clear: bool,
}

const QUESTION: KeyPrompt = KeyPrompt::of_any("Describe which key?");

pub(super) fn run(args: Describe, context: &mut Context) -> Result<ExitStatus, Error> {
    let Some(name) = selection::name(args.name, QUESTION, context)? else {
        return Ok(selection::report_cancelled(context));
    };
    let description = match args.clear {
        true => None,
        false => {
            let hint = "give it after the name, or pass --clear";
            let answer = context.given_or_asked(args.description, "Description", hint)?;
            if answer.is_none() {
                return Ok(selection::report_cancelled(context));
            }
            answer
        }
    };
    context.edit(&name, Action::Describe, |key, _| {
        Ok(Key {
            description: description.clone(),
            ..key.clone()
        })
    })
}
