//! Parses an env file: blank lines, comments and assignments. Lines that readers understand
//! differently are refused.
//!
//! Readers differ: a shell (POSIX, 2.10) runs what is not an assignment, systemd joins lines that
//! end in a backslash, Docker takes each line as it is, dotenv libraries look for quotes across
//! lines. A line is accepted only if all of them agree on where it ends and which variable it sets;
//! they may differ on the value of a variable that is not changed.

/// A refused line, numbered from 1, with the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EnvLineError {
    pub(super) line: usize,
    pub(super) why: &'static str,
    pub(super) hint: &'static str,
}

/// A line, or several that a quoted value spans.
#[derive(Debug)]
pub(super) struct EnvEntry<'a> {
    /// Its first line's number, from 1.
    pub(super) line: usize,
    /// Its offset in the whole text.
    pub(super) start: usize,
    /// Its text with the line end.
    pub(super) text: &'a str,
    /// Its assignment; `None` for a blank line or a comment.
    pub(super) assignment: Option<Assignment<'a>>,
}

/// A variable and its value.
#[derive(Debug)]
pub(super) struct Assignment<'a> {
    pub(super) name: &'a str,
    /// The value's offset in the entry's text.
    pub(super) start: usize,
    /// The value, without its quotes.
    pub(super) value: &'a str,
    /// The comment after the value, from its `#`.
    pub(super) comment: Option<&'a str>,
    /// Whether other variables are expanded in the value.
    pub(super) is_expanded: bool,
    /// Whether some readers take part of the value for an assignment or a line.
    pub(super) is_split: bool,
}

type EditRefusal = (&'static str, &'static str);

const ANOTHER_FILE: &str = "name an env file, in which each line is a comment or NAME=value";
const NOT_CLOSED: EditRefusal = (
    "a quote is not closed",
    "close it, or put the value in quotes of the other kind",
);
const IN_QUOTES: &str = "put the whole value in single quotes";
const CONTINUED: EditRefusal = (
    "the line ends in a backslash; some readers join it with the next",
    "remove the backslash",
);
const COMMAND: EditRefusal = (
    "the value runs a command",
    "write the literal value, or put the value in single quotes",
);

/// The entries of the text.
///
/// # Errors
/// The first line on which readers disagree.
pub(super) fn entries(text: &str) -> Result<Vec<EnvEntry<'_>>, EnvLineError> {
    let (mut entries, mut start, mut line) = (Vec::new(), 0, 1);
    while start < text.len() {
        let read = entry(&text[start..], line);
        let (length, assignment) = read.map_err(|(why, hint)| EnvLineError { line, why, hint })?;
        let text = &text[start..start + length];
        entries.push(EnvEntry {
            line,
            start,
            text,
            assignment,
        });
        line += text.matches('\n').count();
        start += length;
    }
    Ok(entries)
}

/// The first entry of a non-empty text: its length, and its assignment.
fn entry(text: &str, number: usize) -> Result<(usize, Option<Assignment<'_>>), EditRefusal> {
    let line = first_line(text);
    expect_plain(line, number)?;
    let content = content(line);
    let begin = content.trim_start_matches(BLANKS);
    match begin.chars().next() {
        None => Ok((line.len(), None)),
        Some('#') => {
            expect_comment_ends(content, &text[line.len()..])?;
            Ok((line.len(), None))
        }
        Some(_) => {
            let (length, assignment) = assignment(text, line)?;
            Ok((length, Some(assignment)))
        }
    }
}

/// Whitespace before a name and after a value.
pub(super) const BLANKS: [char; 2] = [' ', '\t'];

/// The first line of a text with its end.
fn first_line(text: &str) -> &str {
    let end = text.find('\n').map_or(text.len(), |end| end + 1);
    &text[..end]
}

fn content(line: &str) -> &str {
    line.strip_suffix('\n').unwrap_or(line)
}

/// Makes sure that no character in a line is invisible, or a line end for some readers only.
fn expect_plain(line: &str, number: usize) -> Result<(), EditRefusal> {
    let content = content(line);
    if number == 1 && content.starts_with('\u{feff}') {
        return Err((
            "it begins with a byte order mark, which shells read as part of the first name",
            "remove it: sed -i '1s/^\\xEF\\xBB\\xBF//' FILE",
        ));
    }
    if content.ends_with('\r') {
        return Err((
            "it ends in CRLF, and shells read the CR as part of the value",
            "remove each CR: sed -i 's/\\r$//' FILE",
        ));
    }
    let is_odd = |char: char| {
        matches!(char, '\u{2028}' | '\u{2029}' | '\u{feff}') || (char.is_control() && char != '\t')
    };
    match content.contains(is_odd) {
        true => Err(("it contains a control character", "remove it")),
        false => Ok(()),
    }
}

/// Before version 254, systemd joins a comment that ends in a backslash with the next line.
fn expect_comment_ends(comment: &str, after: &str) -> Result<(), EditRefusal> {
    let is_joined = comment.ends_with('\\') && !first_line(after).trim().is_empty();
    if is_joined { Err(CONTINUED) } else { Ok(()) }
}

/// The assignment at the start of a text, and its length with the line end.
fn assignment<'a>(text: &'a str, line: &'a str) -> Result<(usize, Assignment<'a>), EditRefusal> {
    let (name, start) = name(content(line))?;
    let after = &text[start..];
    let value = match after.chars().next() {
        Some(quote @ ('\'' | '"')) => quoted(after, quote)?,
        _ => bare(content(&line[start..]))?,
    };
    let tail = first_line(&after[value.length..]);
    let comment = comment(content(tail), value.is_quoted)?;
    if is_base64(name, first_line(after).trim_end()) {
        return Err(("it looks like a secret, not like NAME=value", ANOTHER_FILE));
    }
    let assignment = Assignment {
        name,
        start,
        value: value.text,
        comment,
        is_expanded: value.is_expanded,
        is_split: value.is_split,
    };
    Ok((start + value.length + tail.len(), assignment))
}

/// The variable that a line sets, and the offset of its value.
fn name(line: &str) -> Result<(&str, usize), EditRefusal> {
    let Some(equals) = line.find('=') else {
        return Err(("it is neither a comment nor NAME=value", ANOTHER_FILE));
    };
    let before = line[..equals].trim_start_matches(BLANKS);
    let name = match before.strip_prefix("export") {
        Some(rest) if rest.starts_with(BLANKS) => rest.trim_start_matches(BLANKS),
        _ => before,
    };
    // Docker accepts dots and dashes in names; shells cannot set those variables.
    let is_word = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '.' | '-');
    let begins_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if begins_well && name.chars().all(is_word) {
        return Ok((name, equals + 1));
    }
    let is_spaced = begins_well && name.trim_end_matches(BLANKS).chars().all(is_word);
    Err(match is_spaced {
        true => (
            "there is a space before the `=`",
            "write NAME=value, without spaces around the `=`",
        ),
        false => ("it is neither a comment nor NAME=value", ANOTHER_FILE),
    })
}

/// Whether an apparent name is a padded base64 secret.
fn is_base64(name: &str, value: &str) -> bool {
    let has = |of: fn(&char) -> bool| name.chars().any(|char| of(&char));
    let is_mixed = has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase);
    match value {
        "=" => true,
        "" => name.len() > 15 && is_mixed && has(char::is_ascii_digit),
        _ => false,
    }
}

/// A value as written.
struct EnvValue<'a> {
    text: &'a str,
    /// Including its quotes.
    length: usize,
    is_quoted: bool,
    is_expanded: bool,
    is_split: bool,
}

/// A quoted value, which may span several lines.
fn quoted(text: &str, quote: char) -> Result<EnvValue<'_>, EditRefusal> {
    let is_double = quote == '"';
    let (mut chars, mut end) = (text.char_indices().skip(1), None);
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' if is_double => drop(chars.next()),
            _ if char == quote => {
                end = Some(at);
                break;
            }
            _ => {}
        }
    }
    let inner = &text[1..end.ok_or(NOT_CLOSED)?];
    if inner.ends_with('\\') {
        return Err((
            "there is a backslash before the closing quote; some readers take that as an escaped \
             quote",
            "remove the backslash",
        ));
    }
    for line in inner.split_inclusive('\n').skip(1) {
        expect_plain(line, 0)?;
    }
    Ok(EnvValue {
        text: inner,
        length: inner.len() + 2,
        is_quoted: true,
        is_expanded: is_double && expands(inner)?,
        is_split: inner.contains('\n'),
    })
}

/// An unquoted value: up to the first blank.
fn bare(line: &str) -> Result<EnvValue<'_>, EditRefusal> {
    let text = &line[..line.find(BLANKS).unwrap_or(line.len())];
    if line.ends_with('\\') {
        return Err(CONTINUED);
    }
    let is_expanded = expands(text)?;
    if text.contains(['\'', '"']) {
        let is_open = text.matches('\'').count() % 2 + text.matches('"').count() % 2 > 0;
        let within = ("there is a quote inside the value", IN_QUOTES);
        return Err(if is_open { NOT_CLOSED } else { within });
    }
    // Query strings are common, and only a shell ends a URL at `&`.
    let is_split = text.contains('&');
    if text.contains([';', '|', '<', '>', '(', ')']) || (is_split && !text.contains("://")) {
        return Err((
            "the value contains a character that ends it in a shell (one of ; & | < > ( ))",
            IN_QUOTES,
        ));
    }
    Ok(EnvValue {
        text,
        length: text.len(),
        is_quoted: false,
        is_expanded,
        is_split,
    })
}

/// The comment after a value, if any.
fn comment(tail: &str, is_quoted: bool) -> Result<Option<&str>, EditRefusal> {
    let comment = tail.trim_start_matches(BLANKS);
    match comment.chars().next() {
        None => Ok(None),
        Some('#') if comment.ends_with('\\') => Err(CONTINUED),
        Some('#') if comment.len() < tail.len() => Ok(Some(comment)),
        Some(_) if is_quoted => Err(("there is text after the closing quote", IN_QUOTES)),
        Some(_) => Err((
            "there is more than one word after the `=`",
            "quote a value that contains spaces, and put each variable on its own line",
        )),
    }
}

/// Whether variables are expanded in a text; substitutions that run or set something are refused.
fn expands(text: &str) -> Result<bool, EditRefusal> {
    if text.contains('`') {
        return Err(COMMAND);
    }
    let mut is_expanded = false;
    for (at, _) in text.match_indices('$') {
        let after = &text[at + 1..];
        if after.starts_with(['(', '[']) {
            return Err(COMMAND);
        }
        if let Some(braces) = after.strip_prefix('{') {
            let inner = braces.split('}').next().unwrap_or_default();
            expect_lookup(inner)?;
        }
        is_expanded |= after.starts_with(|first: char| first == '{' || is_of_name(first));
    }
    Ok(is_expanded)
}

/// Makes sure that `${…}` only reads a variable, with a default at most.
fn expect_lookup(inner: &str) -> Result<(), EditRefusal> {
    let rest = inner.trim_start_matches(is_of_name);
    let word = rest.strip_prefix(':').unwrap_or(rest);
    let is_default = word.starts_with(['-', '+']) && !word.contains(['$', '\\', '\'', '"', '{']);
    match rest.is_empty() || is_default {
        true => Ok(()),
        false => Err((
            "`${…}` does more than look a variable up",
            "write the literal value, or put the value in single quotes",
        )),
    }
}

fn is_of_name(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_'
}

impl EnvEntry<'_> {
    /// Whether all readers agree that the entry sets the variable.
    pub(super) fn sets(&self, name: &str) -> bool {
        let assignment = self.assignment.as_ref();
        assignment.is_some_and(|assignment| assignment.name == name)
    }

    /// Whether some readers see the variable set inside another's value.
    pub(super) fn hides(&self, name: &str) -> bool {
        let Some(assignment) = self.assignment.as_ref().filter(|value| value.is_split) else {
            return false;
        };
        let parts = assignment.value.split(['\n', '&']).skip(1);
        parts.into_iter().any(|part| {
            let part = part.trim_start_matches(BLANKS);
            let part = part.strip_prefix("export").map_or(part, str::trim_start);
            let word = part.split(|char| !is_of_name(char)).next();
            word == Some(name)
        })
    }
}
