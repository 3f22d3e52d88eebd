//! Reads a key's own policy in a manifest.

use toml::de::DeValue;

use super::field::{ManifestErrors, ManifestTable, parsed, texts};
use crate::error::Error;
use crate::key::{AfterCommand, PolicyChange};

/// The key's own policy, as far as it is given.
pub(super) fn policy(fields: &ManifestTable<'_>, mistakes: &mut ManifestErrors) -> PolicyChange {
    PolicyChange {
        rotate_every: fields.get("rotate_every", mistakes, parsed),
        unused: None,
        grace: fields.get("grace", mistakes, parsed),
        settle: fields.get("settle", mistakes, parsed),
        after: fields.get("after", mistakes, after),
    }
}

/// A command, as a list; an empty one removes what a key has.
fn after(value: &DeValue<'_>) -> Result<Option<AfterCommand>, Error> {
    let form = "write a list of arguments, as in `after = [\"systemctl\", \"reload\", \"app\"]`";
    let arguments = texts(value, form)?;
    match arguments.is_empty() {
        true => Ok(None),
        false => Ok(Some(AfterCommand::new(arguments)?)),
    }
}
