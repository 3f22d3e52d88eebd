//! Files of `NAME=value` lines, as sh, Docker and systemd read them: one variable is set, and
//! everything else stays byte for byte.

use zeroize::Zeroizing;

/// A variable is set more than once: which of them counts is not the same to all readers.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the variable `{0}` is set more than once in it")]
pub struct Ambiguous(pub String);

/// One or several lines that belong together: an assignment whose value may span lines, or
/// anything else.
struct Entry<'a> {
    text: &'a [u8],
    /// The variable, and where its value begins.
    variable: Option<(&'a [u8], usize)>,
}

/// The text of a file with the variable set: where it stood, or at the end. The value must be
/// plain: letters, digits and `.`, `_`, `-`, `@` mean themselves to every reader without quotes.
///
/// # Errors
/// If the variable is set there more than once.
pub fn set(text: &[u8], name: &str, value: &str) -> Result<Zeroizing<Vec<u8>>, Ambiguous> {
    let entries = entries(text);
    let is_it = |entry: &&Entry<'_>| {
        entry
            .variable
            .is_some_and(|(found, _)| found == name.as_bytes())
    };
    let found = entries.iter().filter(is_it).count();
    if found > 1 {
        return Err(Ambiguous(name.to_owned()));
    }
    // Large enough that no copy stays behind where it grew.
    let mut out = Zeroizing::new(Vec::with_capacity(
        text.len() + name.len() + value.len() + 3,
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
        if !matches!(out.last(), None | Some(b'\n')) {
            out.push(b'\n');
        }
        for part in [name, "=", value, "\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    Ok(out)
}

/// The text, entry by entry. Where a quote is never closed, quotes mean nothing, as to Docker,
/// and each line stands for itself.
fn entries(text: &[u8]) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let length = length(rest).unwrap_or_else(|| line(rest));
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
        assert_eq!(refused, Err(Ambiguous("KEY".to_owned())));
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
