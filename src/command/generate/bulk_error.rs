//! Errors of keys that are created together.

use super::destination::BulkDestination;
use crate::delivery::Failure;
use crate::error::Error;
use crate::key::KeyName;
use crate::ui::counted;
use crate::vault;

/// Why a key was not created; others may have been.
pub(super) fn explained(failure: Failure, name: &KeyName, destination: &BulkDestination) -> Error {
    match failure {
        Failure::Delivery(error) if matches!(destination, BulkDestination::Lines) => error.with_hint(
            "read standard output to its end; the same command with --if-absent creates the rest",
        ),
        Failure::Staging(error) => name_taken(error),
        Failure::Activation(error) => error.about(format_args!("`{name}`")),
        failure => failure.into(),
    }
}

/// Returns the first of several errors, with the number of others.
pub(super) fn combine_errors(errors: Vec<Error>) -> Result<(), Error> {
    let more = errors.len().saturating_sub(1);
    let Some(first) = errors.into_iter().next() else {
        return Ok(());
    };
    if more == 0 {
        return Err(first);
    }
    let keys = counted(more as i128, "more key", "more keys");
    let error = Error::new(
        first.exit_status(),
        format!("{first} (the same for {keys})"),
    );
    Err(match first.hint() {
        Some(hint) => error.with_hint(hint),
        None => error,
    })
}

/// Adds a hint where a name is taken.
pub(super) fn name_taken(error: vault::Error) -> Error {
    let is_name = matches!(error, vault::Error::NameTaken(_));
    let error = Error::from(error);
    match is_name {
        true => error.with_hint("remove it, or keep that key with --if-absent"),
        false => error,
    }
}
