//! Operations that do not apply to decoys.

use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::Key;

/// The error for an operation that only makes sense for a key that opens something.
pub(super) fn refused(key: &Key, what: &str) -> Error {
    let name = &key.name;
    let message = format!("`{name}` is a decoy and never valid: {what}");
    Error::new(ExitStatus::No, message).with_hint(format!(
        "`postkey regenerate {name}` gives it another secret, `postkey delete {name}` removes it"
    ))
}

/// Makes sure that a key is not a decoy.
pub(super) fn expect_none(key: &Key, what: &str) -> Result<(), Error> {
    match key.is_decoy {
        true => Err(refused(key, what)),
        false => Ok(()),
    }
}
