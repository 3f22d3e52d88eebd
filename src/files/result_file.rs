//! Files that contain a single result and are replaced as a whole: only by another such result,
//! since a wrong path may have been given.

use std::path::Path;

use zeroize::Zeroizing;

use super::Error;
use super::shared::{self, Changed};

/// What a kind of result looks like, to recognize an earlier one.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// What it begins with.
    pub start: &'static str,
    /// What else it contains.
    pub marks: &'static [&'static str],
    /// Its number of lines.
    pub lines: usize,
}

/// More than any result needs, in bytes.
const CAPACITY: usize = 1024;

/// Writes a result to a file, with mode 0600 if it is new; the caller must sync the change.
///
/// # Errors
/// If the file must not be replaced or cannot be written; it is unchanged then. Also the errors of
/// `allow`, which is called with the contents before and after.
pub fn save<E: From<Error>>(
    path: &Path,
    shape: Shape,
    text: &[u8],
    allow: impl Fn(&[u8], &[u8]) -> Result<(), E>,
) -> Result<Changed, E> {
    shared::change(path, |before| {
        shape.expect(before, path)?;
        allow(before, text)?;
        Ok(Zeroizing::new(text.to_vec()))
    })
}

/// Checks in advance, as far as possible, that a result can be written to a file.
pub fn expect_savable<E: From<Error>>(
    path: &Path,
    shape: Shape,
    allow: impl Fn(&[u8], &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    shared::expect_changeable(path, |before| {
        let after = Zeroizing::new(vec![b'\n'; CAPACITY]);
        shape.expect(before, path)?;
        allow(before, &after)?;
        Ok(after)
    })
}

impl Shape {
    fn expect(self, text: &[u8], path: &Path) -> Result<(), Error> {
        let lines = text.iter().filter(|&&byte| byte == b'\n').count();
        let holds = |mark: &&str| memchr::memmem::find(text, mark.as_bytes()).is_some();
        let is_alike = text.starts_with(self.start.as_bytes())
            && self.marks.iter().all(holds)
            && lines <= self.lines;
        if is_alike || text.trim_ascii().is_empty() {
            return Ok(());
        }
        Err(Error::Refused {
            path: path.to_owned(),
            why: "has other contents, which would be lost",
            hint: "name another file, or set a variable in this one with --format env",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_similar_or_empty_files_are_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let shape = Shape {
            start: "xkey",
            marks: &["post-"],
            lines: 1,
        };
        let allow = |_: &[u8], _: &[u8]| Ok::<_, Error>(());
        for (before, is_replaced) in [
            ("", true),
            ("\n", true),
            ("xkeypost-1\n", true),
            ("xkeypost-1", true),
            ("xkeypost-1\nB=2\n", false),
            ("KEY=xkeypost-1\n", false),
            ("xsmtppost-1\n", false),
            ("xkeychain\n", false),
        ] {
            fs::write(&path, before).expect("written");
            fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("changed");
            assert_eq!(
                expect_savable(&path, shape, allow).is_ok(),
                is_replaced,
                "{before:?}"
            );
            assert_eq!(fs::read(&path).expect("the file"), before.as_bytes());
            assert_eq!(
                save(&path, shape, b"new\n", allow).is_ok(),
                is_replaced,
                "{before:?}"
            );
        }
    }
}
