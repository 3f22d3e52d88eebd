//! Reads the input: a file or standard input.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::Error;
use crate::files::open_input;

/// The maximum size, in bytes: the passwords of a hundred thousand users.
const MAX_SIZE: usize = 16 << 20;

/// The initial size of the buffer.
const INITIAL_CAPACITY: usize = 64 << 10;

/// The input; it may contain passwords.
pub(super) struct ImportInput {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) is_standard: bool,
}

/// Reads the whole input.
///
/// # Errors
/// If it cannot be read, or is too long; if no file is named and standard input is a terminal.
pub(super) fn read(file: Option<&Path>) -> Result<ImportInput, Error> {
    let file = file.filter(|file| *file != Path::new("-"));
    let bytes = match file {
        Some(path) => read_file(path)?,
        None => read_standard()?,
    };
    Ok(ImportInput {
        bytes,
        is_standard: file.is_none(),
    })
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let name = format!("`{}`", path.display());
    let file = open_input(path).map_err(|error| unreadable(&name, &error))?;
    read_all(file, &name)
}

fn read_standard() -> Result<Zeroizing<Vec<u8>>, Error> {
    if io::stdin().is_terminal() {
        return Err(Error::usage("no file was named")
            .with_hint("name it, or pipe it in, as in `postkey import dovecot - <users`"));
    }
    let name = "standard input";
    let input = io::stdin().as_fd().try_clone_to_owned();
    read_all(
        File::from(input.map_err(|error| unreadable(name, &error))?),
        name,
    )
}

/// A growing buffer would leave copies of passwords where it was.
fn read_all(mut file: impl Read, name: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut bytes = Zeroizing::new(vec![0; INITIAL_CAPACITY]);
    let mut filled = 0;
    loop {
        match file.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(name, &error)),
        }
        if filled > MAX_SIZE {
            let message = format!("{name} holds more than 16 MiB");
            return Err(Error::usage(message).with_hint("import it in parts"));
        }
        if filled == bytes.len() {
            let mut larger = Zeroizing::new(vec![0; 2 * filled]);
            larger[..filled].copy_from_slice(&bytes);
            bytes = larger;
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn unreadable(name: &str, error: &io::Error) -> Error {
    Error::usage(format!("cannot read {name}: {error}"))
        .with_hint("name a readable file; `-` is standard input")
}
