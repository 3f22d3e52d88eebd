//! `postkey deactivate`: stops keys.

use clap::Args;

use super::activate;
use crate::context::Context;
use crate::context::selection;
use crate::context::selection::{KeyPrompt, Selector};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::Status;
use crate::vault::Action;

/// Deactivate keys until they are activated again
///
/// Once this returns, their secrets are refused. A key that is already inactive stays inactive.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
pub struct Deactivate {
    /// Keys to deactivate; `-` reads names from standard input, one per line
    #[arg(value_name = "NAME", add = selection::completer())]
    names: Vec<Selector>,
}

const QUESTION: KeyPrompt = KeyPrompt {
    text: "Deactivate which key?",
    fits: Some(|key, _| key.status == Status::Active && !key.is_decoy),
    none: "no key is active",
};

pub(super) fn run(args: Deactivate, context: &mut Context) -> Result<ExitStatus, Error> {
    let names = selection::names(args.names, QUESTION, context)?;
    activate::change_status(names, Status::Inactive, Action::Deactivate, context)
}
