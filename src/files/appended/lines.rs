//! Parses a job's variables like GitHub's runner: `NAME=value`, or `NAME<<END` and lines up to
//! `END` (actions/runner, `FileCommandManager.cs`).

/// Why the runner would refuse a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunnerError {
    /// A line has neither form.
    Line,
    /// The end of a value is missing: appended lines would become part of it.
    Open,
}

/// A variable's name and value.
type RunnerVariable<'a> = (&'a [u8], &'a [u8]);

/// The variables that a file sets, in order.
///
/// # Errors
/// Why the runner would refuse it.
pub fn variables(text: &[u8]) -> Result<Vec<RunnerVariable<'_>>, RunnerError> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(line) = next_line(&mut rest) {
        if line.is_empty() {
            continue;
        }
        let (name, set) = split(line).ok_or(RunnerError::Line)?;
        found.push(match set.strip_prefix(b"<<") {
            Some(b"") => return Err(RunnerError::Line),
            Some(end) => (name, lines_before(end, &mut rest)?),
            None => (name, &set[1..]),
        });
    }
    Ok(found)
}

fn next_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if rest.is_empty() {
        return None;
    }
    let end = rest.iter().position(|&byte| byte == b'\n');
    let (line, after) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
    *rest = after;
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

/// Everything before the line `end`, which is consumed.
fn lines_before<'a>(end: &[u8], rest: &mut &'a [u8]) -> Result<&'a [u8], RunnerError> {
    let all = *rest;
    loop {
        let length = all.len() - rest.len();
        if next_line(rest).ok_or(RunnerError::Open)? == end {
            return Ok(&all[..length]);
        }
    }
}

/// A line's name, and the rest from `=` or `<<` on.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let end = line.iter().position(|byte| !is_name(byte))?;
    let (name, rest) = line.split_at(end);
    let is_set = rest.starts_with(b"=") || rest.starts_with(b"<<");
    (is_set && !name.is_empty()).then_some((name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_as_the_runner_does() {
        for (text, expected) in [
            ("", Ok(vec![])),
            ("\n\r\n", Ok(vec![])),
            ("A=1\nB=\n", Ok(vec![("A", "1"), ("B", "")])),
            ("A=1", Ok(vec![("A", "1")])),
            ("A=x<<y\n", Ok(vec![("A", "x<<y")])),
            ("A<<E\nE\n", Ok(vec![("A", "")])),
            (
                "A<<E\n1\n\nB=2\nE\nC=3",
                Ok(vec![("A", "1\n\nB=2\n"), ("C", "3")]),
            ),
            ("A<<E\r\n1\r\nE\r\n", Ok(vec![("A", "1\r\n")])),
            ("A<<E=\n1\nE=", Ok(vec![("A", "1\n")])),
            ("A<<E\n1\n", Err(RunnerError::Open)),
            ("A<<E", Err(RunnerError::Open)),
            ("A<<E\nE \n", Err(RunnerError::Open)),
            ("A<<E\n1\nE\nB<<E\n2\n", Err(RunnerError::Open)),
            ("A<<\n\n", Err(RunnerError::Line)),
            ("# a comment\n", Err(RunnerError::Line)),
            ("A=1\nB\n", Err(RunnerError::Line)),
            ("=1\n", Err(RunnerError::Line)),
            ("A\0=1\n", Err(RunnerError::Line)),
        ] {
            let found = variables(text.as_bytes());
            let bytes =
                |(name, value): (&'static str, &'static str)| (name.as_bytes(), value.as_bytes());
            let expected = expected.map(|all| all.into_iter().map(bytes).collect::<Vec<_>>());
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
