//! `postkey rename`: renames a key.

use clap::Args;

use crate::context::selection::KeyPrompt;
use crate::context::{Context, selection};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName};
use crate::vault::Action;

/// Rename a key
///
/// Its secret keeps working.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
pub struct Rename {
    /// The current name; prompted for on a terminal
    #[arg(add = selection::completer())]
    name: Option<KeyName>,
    /// The new name; prompted for on a terminal
    new_name: Option<KeyName>,
}

const QUESTION: KeyPrompt = KeyPrompt::of_any("Rename which key?");

pub(super) fn run(args: Rename, context: &mut Context) -> Result<ExitStatus, Error> {
    let Some(name) = selection::name(args.name, QUESTION, context)? else {
        return Ok(selection::report_cancelled(context));
    };
    let hint = "give it after the current name";
    let Some(new_name) = context.given_or_asked(args.new_name, "New name", hint)? else {
        return Ok(selection::report_cancelled(context));
    };
    context.edit(&name, Action::Rename, |key, _| {
        Ok(Key {
            name: new_name.clone(),
            ..key.clone()
        })
    })
}
