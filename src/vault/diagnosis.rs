//! Distinguishes a failing disk from a damaged vault.
//!
//! SQLite reports a page that could not be read (EIO) as damage, too: it turns
//! `SQLITE_IOERR_CORRUPTFS` into `SQLITE_CORRUPT`.

use std::io;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::Error;
use super::descriptors::Descriptor;

/// The cause of damage reported by SQLite: [`Error::Unreadable`] if the disk fails, or failed and
/// the file is intact. `None` if the file is damaged, or nothing more is known.
pub fn diagnose(path: &Path) -> Option<Error> {
    let read = Descriptor::open(path).and_then(|file| io::copy(&mut &*file, &mut io::sink()));
    let is_disk = read.is_err()
        || match checked(path).map_err(Error::from) {
            Ok(finding) => finding == "ok" || is_of_disk(&finding),
            Err(error) => matches!(error, Error::Unreadable),
        };
    is_disk.then_some(Error::Unreadable)
}

fn checked(path: &Path) -> rusqlite::Result<String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
}

/// Whether a finding of SQLite's integrity check is about an unreadable page.
pub(super) fn is_of_disk(finding: &str) -> bool {
    const PRIMARY: u32 = 0xff;
    let code = finding
        .split("error code=")
        .nth(1)
        .map(|rest| rest.chars().take_while(char::is_ascii_digit));
    let code = code.and_then(|digits| digits.collect::<String>().parse::<u32>().ok());
    code.is_some_and(|code| (code & PRIMARY) as i32 == rusqlite::ffi::SQLITE_IOERR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreadable_and_damaged_pages_are_distinguished() {
        for (finding, expected) in [
            (
                "Tree 12 page 12: unable to get the page. error code=8458",
                true,
            ),
            (
                "Tree 12 page 12: unable to get the page. error code=266; x",
                true,
            ),
            (
                "Tree 12 page 12: unable to get the page. error code=11",
                false,
            ),
            (
                "Tree 12 page 12: btreeInitPage() returns error code 11",
                false,
            ),
            ("wrong # of entries in index log_key", false),
            ("ok", false),
        ] {
            assert_eq!(is_of_disk(finding), expected, "{finding}");
        }
    }
}
