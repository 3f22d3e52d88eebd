//! Files of `NAME=value` lines, as sh, Docker and systemd read them: some variables are set, and
//! everything else stays byte for byte.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::shared::{self, Changed};

/// Longer than any value is, in bytes.
const LONGEST_VALUE: usize = 254;

/// Why variables were not set in a file; it is as it was then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] super::Error),
    /// A variable is set more than once: which of them counts is not the same to all readers.
    #[error("`{}` sets the variable `{name}` more than once", path.display())]
    Ambiguous {
        /// The file.
        path: PathBuf,
        /// The variable.
        name: String,
    },
}

/// Sets variables in a file, all or none of them; makes the file, 0600, if there is none.
///
/// What other processes set in it in this way at the same time stays, too. Names and values are
/// as [`set`] wants them.
///
/// # Errors
/// If the file must not be replaced or cannot be written, or sets one of them more than once.
pub fn save(path: &Path, variables: &[(&str, &str)]) -> Result<Changed, Error> {
    shared::change(path, |text| set_all(path, text, variables))
}

/// Makes sure, as far as that can be told before, that variables of these names can be set in a
/// file.
///
/// # Errors
/// Those of [`save`].
pub fn expect_savable(path: &Path, names: &[&str]) -> Result<(), Error> {
    let value = "x".repeat(LONGEST_VALUE);
    let variables: Vec<_> = names.iter().map(|name| (*name, &value[..])).collect();
    shared::expect_changeable(path, |text| set_all(path, text, &variables))
}

fn set_all(
    path: &Path,
    text: &[u8],
    variables: &[(&str, &str)],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    if text.contains(&0) {
        return Err(Error::File(super::Error::Refused {
            path: path.to_owned(),
            why: "is no text, as a file of variables is",
            mend: "name another file",
        }));
    }
    let mut text = Zeroizing::new(text.to_vec());
    for (name, value) in variables {
        text = set(&text, name, value).map_err(|Ambiguous| Error::Ambiguous {
            path: path.to_owned(),
            name: (*name).to_owned(),
        })?;
    }
    Ok(text)
}

/// Whether a text sets the variable.
pub fn is_set(text: &[u8], name: &str) -> bool {
    entries(text).iter().any(|entry| entry.sets(name))
}

/// A variable is set more than once.
#[derive(Debug, PartialEq, Eq)]
pub struct Ambiguous;

/// One or several lines that belong together: an assignment whose value may span lines, or
/// anything else.
struct Entry<'a> {
    text: &'a [u8],
    /// The variable, and where its value begins.
    variable: Option<(&'a [u8], usize)>,
}

impl Entry<'_> {
    fn sets(&self, name: &str) -> bool {
        self.variable
            .is_some_and(|(found, _)| found == name.as_bytes())
    }
}

/// The text of a file with the variable set: where it stood, or at the end. The value must be
/// plain: letters, digits and `.`, `_`, `-`, `@` mean themselves to every reader without quotes.
///
/// # Errors
/// If the variable is set there more than once.
pub fn set(text: &[u8], name: &str, value: &str) -> Result<Zeroizing<Vec<u8>>, Ambiguous> {
    let entries = entries(text);
    let found = entries.iter().filter(|entry| entry.sets(name)).count();
    if found > 1 {
        return Err(Ambiguous);
    }
    // Large enough that no copy stays behind where it grew.
    let mut out = Zeroizing::new(Vec::with_capacity(
        text.len() + name.len() + value.len() + 4,
    ));
    for entry in &entries {
        match entry.variable {
            Some((found, at)) if found == name.as_bytes() => {
                out.extend_from_slice(&entry.text[..at]);
                out.extend_from_slice(value.as_bytes());
                out.extend_from_slice(line_end(entry.text));
            }
            _ => out.extend_from_slice(entry.text),
        }
    }
    if found == 0 {
        end_line(&mut out);
        for part in [name, "=", value, "\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    Ok(out)
}

/// Ends the last line, if there is one, so that what follows is a line of its own: a backslash
/// before its end would join the two (to systemd, even in a comment).
fn end_line(out: &mut Vec<u8>) {
    if !matches!(out.last(), None | Some(b'\n')) {
        out.push(b'\n');
    }
    if out.ends_with(b"\\\n") || out.ends_with(b"\\\r\n") {
        out.push(b'\n');
    }
}

/// The value of a variable, without quotes and what follows it; the last, as to sh, if it is set
/// more than once.
pub fn value<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let entries = entries(text);
    let of = |entry: &Entry<'a>| {
        let (_, at) = entry
            .variable
            .filter(|(found, _)| *found == name.as_bytes())?;
        Some(unquoted(&entry.text[at..]))
    };
    entries.iter().rev().find_map(of)
}

fn unquoted(value: &[u8]) -> &[u8] {
    let until = |value: &'_ [u8], is_end: &dyn Fn(&u8) -> bool| {
        value.iter().position(is_end).unwrap_or(value.len())
    };
    match value.split_first() {
        Some((quote @ (b'"' | b'\''), rest)) => &rest[..until(rest, &|byte| byte == quote)],
        _ => &value[..until(value, &u8::is_ascii_whitespace)],
    }
}

/// So many quotes may be open to the end: each is looked for up to there.
const MOST_OPEN: usize = 20;

/// The text, entry by entry. Where a quote is never closed, quotes mean nothing, as to Docker,
/// and each line stands for itself.
fn entries(text: &[u8]) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    let (mut rest, mut open) = (text, 0);
    while !rest.is_empty() {
        let closed = Some(rest).filter(|_| open < MOST_OPEN).and_then(length);
        open += usize::from(closed.is_none());
        let length = closed.unwrap_or_else(|| line(rest));
        let (text, after) = rest.split_at(length);
        entries.push(Entry {
            text,
            variable: variable(text),
        });
        rest = after;
    }
    entries
}

/// How long the first line is, its end included.
fn line(text: &[u8]) -> usize {
    let end = text.iter().position(|&byte| byte == b'\n');
    end.map_or(text.len(), |end| end + 1)
}

/// How long the first entry is; `None` if a quote in it is never closed.
fn length(text: &[u8]) -> Option<usize> {
    let Some((_, value)) = variable(text) else {
        return Some(line(text));
    };
    let mut quote = None;
    let mut bytes = text.iter().enumerate().skip(value);
    while let Some((at, &byte)) = bytes.next() {
        match (byte, quote) {
            (b'\\', None | Some(b'"')) => {
                bytes.next();
            }
            (b'\n', None) => return Some(at + 1),
            (b'#', None) if text[at - 1].is_ascii_whitespace() => {
                return Some(at + line(&text[at..]));
            }
            (b'"' | b'\'', None) => quote = Some(byte),
            (byte, Some(open)) if byte == open => quote = None,
            _ => {}
        }
    }
    quote.is_none().then_some(text.len())
}

/// The variable that the first line sets, and where its value begins.
fn variable(text: &[u8]) -> Option<(&[u8], usize)> {
    let line = &text[..line(text)];
    let equals = line.iter().position(|&byte| byte == b'=')?;
    let before = line[..equals].trim_ascii_start();
    let name = match before.strip_prefix(b"export") {
        Some(rest) if rest.first().is_some_and(u8::is_ascii_whitespace) => rest.trim_ascii_start(),
        _ => before,
    };
    let is_name = name
        .iter()
        .all(|&byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let begins_well = name.first().is_some_and(|byte| !byte.is_ascii_digit());
    (is_name && begins_well).then_some((name, equals + 1))
}

fn line_end(text: &[u8]) -> &'static [u8] {
    if text.ends_with(b"\r\n") {
        b"\r\n"
    } else {
        b"\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{Draft, Existing};
    use proptest::prelude::*;

    fn set_in(text: &str, name: &str) -> String {
        let set = set(text.as_bytes(), name, "new").expect("set once at most");
        String::from_utf8(set.to_vec()).expect("text")
    }

    #[test]
    fn one_variable_is_set_and_the_rest_stays() {
        for (before, after) in [
            ("", "KEY=new\n"),
            ("A=1", "A=1\nKEY=new\n"),
            ("KEY=old\n", "KEY=new\n"),
            ("KEY=old", "KEY=new\n"),
            (
                "# a\n\n  export KEY='old' # b\nB=2\n",
                "# a\n\n  export KEY=new\nB=2\n",
            ),
            ("KEY=\"a\nB=1\n\"\nC=2\n", "KEY=new\nC=2\n"),
            ("A='\nKEY=1\n'\nKEY=2\n", "A='\nKEY=1\n'\nKEY=new\n"),
            ("A=1\\\nKEY=1\n", "A=1\\\nKEY=1\nKEY=new\n"),
            ("A=1\\\n", "A=1\\\n\nKEY=new\n"),
            ("A=1\n# b\\", "A=1\n# b\\\n\nKEY=new\n"),
            ("A=1 # it's\nKEY=1\n", "A=1 # it's\nKEY=new\n"),
            ("A=it's\nKEY=1\nB=2\n", "A=it's\nKEY=new\nB=2\n"),
            ("#KEY=1\r\nKEY=2\r\n", "#KEY=1\r\nKEY=new\r\n"),
            ("MY_KEY=1\nKEY_2=1\n", "MY_KEY=1\nKEY_2=1\nKEY=new\n"),
        ] {
            assert_eq!(set_in(before, "KEY"), after, "{before:?}");
            assert_eq!(set_in(after, "KEY"), after, "{before:?} twice");
        }
    }

    #[test]
    fn a_variable_that_is_set_twice_is_not_touched() {
        let twice = b"KEY=1\nexport KEY=2\n";
        let refused = set(twice, "KEY", "new").map(|_| ());
        assert_eq!(refused, Err(Ambiguous));
    }

    #[test]
    fn quotes_that_are_never_closed_take_no_long_time() {
        let text = "A=\\''\n".repeat(50_000);
        let began = std::time::Instant::now();
        let set = set(text.as_bytes(), "KEY", "new").expect("not set");
        assert_eq!(set.as_slice(), format!("{text}KEY=new\n").as_bytes());
        assert!(began.elapsed().as_secs() < 20);
    }

    #[test]
    fn a_value_is_read_as_it_is_meant() {
        for (text, expected) in [
            ("KEY=x-1\n", Some("x-1")),
            ("KEY=x # y\r\n", Some("x")),
            ("export KEY='x y'\n", Some("x y")),
            ("KEY=\"x\" # y", Some("x")),
            ("KEY=1\nKEY=2\n", Some("2")),
            ("KEY=\nB=1", Some("")),
            ("A='\nKEY=1\n'\n", None),
            ("#KEY=1\nMY_KEY=2\n", None),
        ] {
            let found = value(text.as_bytes(), "KEY");
            assert_eq!(found, expected.map(str::as_bytes), "{text:?}");
        }
    }

    #[test]
    fn variables_are_saved_together_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("env");
        let both = [("USER", "a_b@c.d"), ("PASSWORD", "x-1")];
        save(&path, &both).expect("made");
        let text = || std::fs::read_to_string(&path).expect("the file");
        assert_eq!(text(), "USER=a_b@c.d\nPASSWORD=x-1\n");
        let twice = "USER=a # us\nB=1\nPASSWORD=2\nPASSWORD=3\n";
        std::fs::write(&path, twice).expect("written");
        let names = both.map(|(name, _)| name);
        for refused in [save(&path, &both).map(drop), expect_savable(&path, &names)] {
            let message = refused.expect_err("ambiguous").to_string();
            assert!(message.ends_with("`PASSWORD` more than once"), "{message}");
        }
        assert_eq!(text(), twice);
        save(&path, &both[..1]).expect("changed");
        assert_eq!(text(), twice.replace("a # us", "a_b@c.d"));
    }

    #[test]
    fn what_is_no_text_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("photo");
        let other = Draft::begin(&path, Existing::Keep);
        let other = other.and_then(|mut other| other.write(b"A=1\n\0").map(|()| other));
        other.and_then(Draft::publish).expect("written");
        let refused = save(&path, &[("A", "2")]).err().expect("no text");
        assert!(refused.to_string().contains("is no text"), "{refused}");
        assert_eq!(std::fs::read(&path).expect("the file"), b"A=1\n\0");
    }

    proptest! {
        #[test]
        fn what_is_not_the_variable_stays(text in "([A-C]=[^\n]{0,6}\n|[^\n=]{0,8}\n|\n){0,8}") {
            let after = set(text.as_bytes(), "KEY", "new").expect("it is not there");
            prop_assert!(after.starts_with(text.as_bytes()));
            prop_assert!(after.ends_with(b"KEY=new\n"));
        }
    }
}
