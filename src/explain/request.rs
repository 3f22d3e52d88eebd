//! Parses an HTTP request (RFC 9112, section 2.1), raw or as `curl -v` prints it.

use std::fmt;

use zeroize::Zeroizing;

/// How `curl -v` marks lines that it sent.
const CURL_MARK: &str = ">";

/// A request.
pub struct Request {
    /// Its method and target; `None` if the input only has headers.
    pub line: Option<(String, Zeroizing<String>)>,
    /// Its headers, with names as written.
    pub headers: Vec<(String, Zeroizing<String>)>,
    /// How many requests the input has; this is the last one.
    pub count: usize,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.line.as_ref().map(|(method, _)| method);
        write!(f, "Request({method:?}, {} headers)", self.headers.len())
    }
}

impl Request {
    /// The last request in the input.
    pub(super) fn read(lines: &[&str]) -> Option<Self> {
        let is_curl = lines
            .iter()
            .any(|line| request_line(unmarked(line)).is_some());
        let own: Vec<Option<&str>> = lines
            .iter()
            .map(|line| match is_curl {
                true => unmarked(line),
                false => Some(line.trim_start()),
            })
            .collect();
        let is_first = |&at: &usize| request_line(own[at]).is_some();
        let begins: Vec<usize> = (0..own.len()).filter(is_first).collect();
        let last = *begins.last()?;
        let (method, target) = request_line(own[last])?;
        let head = own[last + 1..].iter().copied().map_while(|line| line);
        Some(Self {
            line: Some((method.to_owned(), Zeroizing::new(target.to_owned()))),
            headers: headers(head),
            count: begins.len(),
        })
    }

    /// A request of which only headers are given.
    pub(super) fn of_headers(lines: &[&str]) -> Option<Self> {
        let lines = lines.iter().filter(|line| !line.trim().is_empty());
        let headers: Option<Vec<_>> = lines.map(|line| header(line)).collect();
        let headers = headers.filter(|headers| !headers.is_empty())?;
        Some(Self {
            line: None,
            headers,
            count: 1,
        })
    }
}

/// The line after curl's mark.
fn unmarked(line: &str) -> Option<&str> {
    let rest = line.strip_prefix(CURL_MARK)?;
    Some(rest.strip_prefix(' ').unwrap_or(rest))
}

/// The method and the target of `POST /v3/smtp/email HTTP/1.1`.
fn request_line(line: Option<&str>) -> Option<(&str, &str)> {
    let mut words = line?.split_ascii_whitespace();
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let is_method = method.len() < 20 && method.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_request = is_method && version.starts_with("HTTP/") && words.next().is_none();
    is_request.then_some((method, target))
}

/// The headers up to the empty line.
fn headers<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, Zeroizing<String>)> {
    let head = lines.take_while(|line| !line.trim().is_empty());
    head.filter_map(header).collect()
}

/// A header's name as written, and its value without surrounding whitespace (RFC 9112, section 5).
fn header(line: &str) -> Option<(String, Zeroizing<String>)> {
    let (name, value) = line.split_once(':')?;
    let is_name = !name.is_empty() && !name.contains([' ', '\t', '"']);
    let value = value.trim_matches([' ', '\t', '\r']);
    is_name.then(|| (name.to_owned(), Zeroizing::new(value.to_owned())))
}
