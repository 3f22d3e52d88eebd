//! Files that are read once from beginning to end, including pipes such as the shell's `<(…)`.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl, fstatfs};

use crate::files::lock::RETRY_INTERVAL;

/// How long to wait for a FIFO's writer.
const WRITER_TIMEOUT: Duration = Duration::from_secs(5);

/// The file system of unnamed pipes (`linux/magic.h`).
const PIPEFS: u64 = 0x5049_5045;

/// An open input.
#[derive(Debug)]
pub struct Input {
    /// The first byte of a pipe, read when it was opened.
    first: Option<u8>,
    file: File,
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (self.first, buffer.first_mut()) {
            (Some(first), Some(slot)) => {
                *slot = first;
                self.first = None;
                Ok(1)
            }
            _ => self.file.read(buffer),
        }
    }
}

/// Opens a file to read it once; waits only for a limited time for a FIFO's writer.
pub fn open_input(path: &Path) -> io::Result<Input> {
    open_within(path, WRITER_TIMEOUT)
}

fn open_within(path: &Path, timeout: Duration) -> io::Result<Input> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    let mut open = OpenOptions::new();
    let flags = flags.try_into().map_err(io::Error::other)?;
    let file = open.read(true).custom_flags(flags).open(path)?;
    let first = match file.metadata()?.file_type().is_fifo() {
        true => wait_for_writer(&file, timeout)?,
        false => None,
    };
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(Input { first, file })
}

/// Waits until a FIFO has a writer; returns a pipe's first byte, if it is already there.
fn wait_for_writer(mut file: &File, timeout: Duration) -> io::Result<Option<u8>> {
    let has_name = fstatfs(file).is_ok_and(|system| system.f_type as u64 != PIPEFS);
    let end = Instant::now() + timeout;
    let mut first = [0];
    loop {
        match file.read(&mut first) {
            Ok(0) if has_name && Instant::now() < end => thread::sleep(RETRY_INTERVAL),
            Ok(0) if has_name => {
                return Err(io::Error::other(
                    "it is a FIFO that no process has opened for writing",
                ));
            }
            Ok(read) => return Ok((read > 0).then_some(first[0])),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;
    use std::os::fd::AsRawFd;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    fn all(path: &Path) -> io::Result<String> {
        let mut text = String::new();
        open_input(path)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn files_and_pipes_are_read_whole_and_a_fifo_without_a_writer_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        for text in ["", "a", "names\nand more\n"] {
            fs::write(&path, text).expect("written");
            assert_eq!(all(&path).expect("read"), text);
            let (reader, mut writer) = io::pipe().expect("a pipe");
            writer.write_all(text.as_bytes()).expect("written");
            drop(writer);
            let pipe = format!("/dev/fd/{}", reader.as_raw_fd());
            assert_eq!(all(Path::new(&pipe)).expect("read"), text);
        }
        let fifo = folder.path().join("fifo");
        mkfifo(&fifo, Mode::S_IRWXU).expect("made");
        let error = open_within(&fifo, Duration::ZERO).expect_err("no writer");
        assert!(error.to_string().contains("no process"), "{error}");
        thread::scope(|scope| {
            // Opens the FIFO before or after the reader, and writes twice.
            scope.spawn(|| {
                let mut writer = OpenOptions::new().write(true).open(&fifo).expect("opened");
                writer.write_all(b"names\n").expect("written");
                thread::sleep(RETRY_INTERVAL);
                writer.write_all(b"and more\n").expect("written");
            });
            assert_eq!(all(&fifo).expect("read"), "names\nand more\n");
        });
    }
}
