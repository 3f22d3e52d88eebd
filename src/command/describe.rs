//! `postkey describe`: what a key is for.

use clap::Args;

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
    /// The key
    #[arg(add = selection::completer())]
    name: KeyName,
    /// What it is for, in at most 200 characters; not secret
    #[arg(value_name = "TEXT", required_unless_present = "clear")]
    description: Option<Description>,
    /// Remove the description
    #[arg(long, conflicts_with = "description")]
    clear: bool,
}

pub(super) fn run(args: Describe, context: &mut Context) -> Result<ExitStatus, Error> {
    let description = args.description;
    context.edit(&args.name, Action::Describe, |key, _| {
        Ok(Key {
            description: description.clone(),
            ..key.clone()
        })
    })
}
