//! Appends to files of another program in place: it holds them open, and would not notice a
//! replacement.

mod lines;

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::location::Location;
use super::{Error, FileRole, failed};
use lines::RunnerError;

/// The maximum size of a runner's file, in bytes: larger than any.
const MAX_SIZE: u64 = 16 << 20;

/// Lines that were appended to a file, which can be undone.
#[derive(Debug)]
pub struct Appended {
    path: PathBuf,
    file: File,
    /// The file's length before and after.
    before: u64,
    after: u64,
}

impl Appended {
    /// Truncates the lines, if they are still at the end of the file.
    ///
    /// # Errors
    /// If that fails; the file is unchanged then.
    pub fn undo(self) -> Result<(), Error> {
        let cut = || match self.file.metadata()?.len() == self.after {
            true => self.file.set_len(self.before),
            false => Err(io::Error::other("another program appended to it")),
        };
        cut().map_err(|source| failed(&self.path, source))
    }
}

/// Appends whole lines to an existing file, or nothing.
pub fn append(path: &Path, lines: &[u8]) -> Result<Appended, Error> {
    let (mut file, _) = open(path)?;
    let mut add = || {
        let before = file.metadata()?.len();
        let gap: &[u8] = if ends_a_line(&mut file, before)? {
            b""
        } else {
            b"\n"
        };
        let text = Zeroizing::new([gap, lines].concat());
        let added = file.write_all(&text).and_then(|()| file.sync_all());
        if added.is_err() {
            let _ = file.set_len(before);
        }
        added.map(|()| (before, before + text.len() as u64))
    };
    let (before, after) = add().map_err(|source| failed(path, source))?;
    Ok(Appended {
        path: path.to_owned(),
        file,
        before,
        after,
    })
}

/// Makes sure that lines can be appended to a file.
///
/// # Errors
/// Those of [`append`], as far as they can be known in advance.
pub fn expect_appendable(path: &Path) -> Result<(), Error> {
    open(path).map(drop)
}

/// Opens a file of the runner and reads it; it must accept appended lines.
fn open(path: &Path) -> Result<(File, Zeroizing<Vec<u8>>), Error> {
    let location = Location::open(path, FileRole::Job)?;
    let refused = |why| Error::Refused {
        path: path.to_owned(),
        why,
        hint: "set it to the file that the runner created",
    };
    let found = location.metadata().map_err(|source| failed(path, source))?;
    match found {
        Some(found) if !found.is_file() => return Err(refused("is not a regular file")),
        Some(_) => {}
        None => return Err(failed(path, ErrorKind::NotFound.into())),
    }
    let file = location.append().map_err(|source| failed(path, source))?;
    let text = read_all(&file).map_err(|source| failed(path, source))?;
    let why = match lines::variables(&text) {
        _ if text.len() as u64 > MAX_SIZE => "is longer than 16 MiB",
        Ok(_) if !text.contains(&0) => return Ok((file, text)),
        Err(RunnerError::Open) => {
            "has an unterminated value (`NAME<<END` without `END`), so the runner ignores the rest"
        }
        Ok(_) | Err(RunnerError::Line) => "contains something other than a job's variables",
    };
    Err(refused(why))
}

/// The contents of a runner's file, or the beginning of one that is too long.
fn read_all(file: &File) -> io::Result<Zeroizing<Vec<u8>>> {
    let length = file.metadata()?.len().min(MAX_SIZE);
    // Large enough not to grow, which would leave copies behind.
    let room = usize::try_from(length).unwrap_or_default() + 2;
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    file.take(MAX_SIZE + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// The values of a variable in a runner's file; empty if the file cannot be read.
pub fn values_of(path: &Path, name: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let text = open(path).map(|(_, text)| text).unwrap_or_default();
    let found = lines::variables(&text).unwrap_or_default();
    let found = found.into_iter().filter(|(own, _)| *own == name.as_bytes());
    found
        .map(|(_, value)| Zeroizing::new(value.to_vec()))
        .collect()
}

fn ends_a_line(file: &mut File, length: u64) -> io::Result<bool> {
    if length == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(length - 1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn appended_lines_can_be_undone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        assert!(
            append(&path, b"A=1\n").is_err(),
            "the file is not ours to make"
        );
        for (before, after) in [
            ("", "A=1\n"),
            ("B=2\n", "B=2\nA=1\n"),
            ("B=2", "B=2\nA=1\n"),
        ] {
            fs::write(&path, before).expect("written");
            let added = append(&path, b"A=1\n").expect("added");
            assert_eq!(fs::read_to_string(&path).expect("the file"), after);
            added.undo().expect("taken back");
            assert_eq!(fs::read_to_string(&path).expect("the file"), before);
        }
        fs::write(&path, "B<<END\n2\n").expect("written");
        append(&path, b"A=1\n").expect_err("the runner would take it for a part of B");
        fs::write(&path, "B=2\n").expect("written");
        let added = append(&path, b"A=1\n").expect("added");
        append(&path, b"C=3\n").expect("added");
        assert!(added.undo().is_err());
        assert!(append(folder.path(), b"A=1\n").is_err());
    }
}
