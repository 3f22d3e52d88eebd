//! The path of a request, in a form that permissions can be decided on.

use std::borrow::Cow;

use smallvec::SmallVec;

/// How many times a path is decoded to find hidden dot segments.
const MAX_DECODES: usize = 4;

/// A path that every server understands in the same way.
///
/// Ambiguous paths are refused: `.` and `..` segments (RFC 3986, section 5.2.4), plain or encoded
/// any number of times, also after an encoded slash or before a `;`; a `#`, which ends the path for
/// some servers; a backslash; control characters; invalid percent-encoding. An encoded slash stays
/// within its segment.
#[derive(Clone, Debug)]
pub struct RequestPath<'a>(SmallVec<[Cow<'a, str>; 6]>);

impl<'a> RequestPath<'a> {
    /// The path of a request target without its query, if it is unambiguous.
    pub fn parse(target: &'a str) -> Option<Self> {
        let path = target.split('?').next()?;
        let segments = path.strip_prefix('/').filter(|_| !path.contains('#'))?;
        segments
            .split('/')
            .map(plain)
            .collect::<Option<_>>()
            .map(Self)
    }

    /// The segments, decoded once; `/` has one empty segment.
    pub fn segments(&self) -> &[Cow<'a, str>] {
        &self.0
    }
}

/// A segment, decoded once, if it never becomes a dot segment.
fn plain(segment: &str) -> Option<Cow<'_, str>> {
    let once = decoded(segment)?;
    is_plain(once.clone()).then_some(once)
}

/// Whether a segment never becomes a dot segment, however often it is decoded.
fn is_plain(mut plain: Cow<'_, str>) -> bool {
    for _ in 0..MAX_DECODES {
        if is_misleading(&plain) {
            return false;
        }
        match decoded(&plain) {
            Some(deeper) if deeper != plain => plain = Cow::Owned(deeper.into_owned()),
            _ => return true,
        }
    }
    false
}

fn is_misleading(segment: &str) -> bool {
    let is_dots = |part: &str| matches!(part.split(';').next(), Some("." | ".."));
    segment.contains('\\')
        || segment.chars().any(char::is_control)
        || segment.split('/').any(is_dots)
}

/// Decodes each `%41`; `None` if one is invalid, or the result is not UTF-8.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_are_parsed_without_their_query() {
        for path in [
            "/",
            "/v3/contacts",
            "/a//b/",
            "/a%2Fb",
            "/100%25",
            "/a.b/..c/...",
            "/a%23b?c#d",
            "/größe",
        ] {
            assert!(RequestPath::parse(path).is_some(), "{path}");
        }
        let path = RequestPath::parse("/a%20b/c?/../d#e").expect("plain");
        assert_eq!(path.segments(), ["a b", "c"]);
    }

    #[test]
    fn paths_that_servers_read_differently_are_refused() {
        for path in [
            "",
            "v3",
            "*",
            "http://host/v3",
            "/..",
            "/./x",
            "/a/../b",
            "/a/%2e%2e/b",
            "/%2E",
            "/a/%2e%2e%2fb",
            "/..%2f",
            "/%252e%252e/b",
            "/%25252e%25252e",
            "/a%5c..%5cb",
            "/a\\b",
            "/..;/a",
            "/..;x=1/a",
            "/a#b",
            "/a#/../b",
            "/a#b?c",
            "/%00",
            "/a%0d%0ab",
            "/a\nb",
            "/%",
            "/%4",
            "/%zz",
            "/%ff",
        ] {
            assert!(RequestPath::parse(path).is_none(), "{path}");
        }
    }
}
