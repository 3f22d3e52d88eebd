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
/// From the moment this returns, their secrets are refused. A key that is stopped already
/// stays so.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
pub struct Deactivate {
    /// Which keys; `-` reads names from standard input, a line each
    #[arg(value_name = "NAME", add = selection::completer())]
    names: Vec<Selector>,
}

const QUESTION: KeyPrompt = KeyPrompt {
    text: "Which key is to be deactivated?",
    fits: Some(|key, _| key.status == Status::Active && !key.is_decoy),
    none: "no key is active",
};

pub(super) fn run(args: Deactivate, context: &mut Context) -> Result<ExitStatus, Error> {
    let names = selection::names(args.names, QUESTION, context)?;
    activate::change_status(names, Status::Inactive, Action::Deactivate, context)
}
