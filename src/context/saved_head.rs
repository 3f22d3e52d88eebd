//! Log heads that are saved outside of the vault.

use std::io::Read;
use std::path::Path;

use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{Draft, FileRole, IfExists, open_input};
use crate::vault::SavedHead;

/// The maximum size of a saved head, in bytes.
const MAX_SIZE: u64 = 1024;

/// Reads a saved head.
pub fn read(path: &Path) -> Result<SavedHead, Error> {
    let mut text = String::new();
    open_input(path)
        .and_then(|file| file.take(MAX_SIZE).read_to_string(&mut text))
        .map_err(|error| {
            let message = format!("cannot read the saved head `{}`: {error}", path.display());
            Error::new(ExitStatus::Trouble, message)
                .with_hint("`postkey log verify --save-head FILE` saves one to a new file")
        })?;
    text.parse().map_err(|why| {
        Error::new(ExitStatus::Trouble, format!("`{}` {why}", path.display()))
            .with_hint("`postkey log verify --save-head FILE` saves one")
    })
}

/// Saves a head, replacing the previous one.
pub fn save(head: &SavedHead, path: &Path) -> Result<(), Error> {
    let is_head = |text: &[u8]| {
        let text = str::from_utf8(text).ok();
        text.is_some_and(|text| text.parse::<SavedHead>().is_ok())
    };
    let mut draft = Draft::begin(path, FileRole::LogHead, IfExists::ReplaceIf(is_head))?;
    draft.write(head.to_string().as_bytes())?;
    Ok(draft.publish()?)
}
