//! Files that another program made and reads, to which lines are added in place: a file of the
//! same name would not be the one that it waits for.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::{Error, failed};

/// What was added to a file, and can be taken back.
#[derive(Debug)]
pub struct Appended {
    path: PathBuf,
    file: File,
    /// How long the file was, and how long it is now.
    before: u64,
    after: u64,
}

impl Appended {
    /// Cuts off what was added, if it is still the end of the file.
    ///
    /// # Errors
    /// If that fails; the file is then as it is.
    pub fn take_back(self) -> Result<(), Error> {
        let cut = || match self.file.metadata()?.len() == self.after {
            true => self.file.set_len(self.before),
            false => Err(io::Error::other("something else was added meanwhile")),
        };
        cut().map_err(|source| failed(&self.path, source))
    }
}

/// Adds whole lines to a file that is there, or nothing.
///
/// # Errors
/// If it is not a regular file, or cannot be written.
pub fn append(path: &Path, lines: &[u8]) -> Result<Appended, Error> {
    let mut file = open(path)?;
    let mut add = || {
        let before = file.metadata()?.len();
        let gap: &[u8] = if ends_a_line(&mut file, before)? {
            b""
        } else {
            b"\n"
        };
        let text = zeroize::Zeroizing::new([gap, lines].concat());
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

/// Makes sure that lines can be added to a file.
///
/// # Errors
/// Those of [`append`], as far as they can be told before.
pub fn expect_appendable(path: &Path) -> Result<(), Error> {
    open(path).map(drop)
}

/// Opens a file, but neither through a link nor to wait for a FIFO's reader.
fn open(path: &Path) -> Result<File, Error> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let found = fs::symlink_metadata(path).map_err(|source| failed(path, source))?;
    if !found.is_file() {
        return Err(Error::Refused {
            path: path.to_owned(),
            why: "is not a regular file",
            mend: "let it name the file that the runner made",
        });
    }
    OpenOptions::new()
        .read(true)
        .append(true)
        .custom_flags(flags.bits())
        .open(path)
        .map_err(|source| failed(path, source))
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

    #[test]
    fn lines_are_added_whole_and_taken_back() {
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
            added.take_back().expect("taken back");
            assert_eq!(fs::read_to_string(&path).expect("the file"), before);
        }
        let added = append(&path, b"A=1\n").expect("added");
        append(&path, b"C=3\n").expect("added");
        assert!(added.take_back().is_err());
        assert!(append(folder.path(), b"A=1\n").is_err());
    }
}
