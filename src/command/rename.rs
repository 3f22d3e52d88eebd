//! `postkey rename`: another name for a key.

use clap::Args;

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
    /// The current name
    #[arg(add = selection::completer())]
    name: KeyName,
    /// The new name
    new_name: KeyName,
}

pub(super) fn run(args: Rename, context: &mut Context) -> Result<ExitStatus, Error> {
    let new_name = args.new_name;
    context.edit(&args.name, Action::Rename, |key, _| {
        Ok(Key {
            name: new_name.clone(),
            ..key.clone()
        })
    })
}
