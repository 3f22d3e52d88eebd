//! What somebody tried to do with a secret, read from what they pasted: an HTTP request, the
//! output of `curl -v`, an SMTP transcript, or the secret alone.
//!
//! Knows no vault: whose the secret is, others tell.

mod python;
mod request;
mod sent_key;
mod transcript;

use zeroize::Zeroizing;

pub use crate::explain::sent_key::{KeyLocation, SentKey};
pub use request::Request;
pub use transcript::{Login, TranscriptError};

/// What was tried, as far as the text tells.
#[derive(Debug)]
pub enum Attempt {
    /// A request to an API.
    Request(Request),
    /// A login at a mail server.
    Login(Login),
    /// A secret and nothing else.
    Secret(Zeroizing<String>),
}

impl Attempt {
    /// Reads what was pasted; `None` if it is none of these.
    pub fn read(pasted: &[u8]) -> Option<Self> {
        let text = decoded(pasted);
        let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
        let sent = python::sent(&lines);
        let lines: Vec<&str> = match &sent {
            Some(sent) => sent.lines().collect(),
            None => lines,
        };
        if let Some(request) = Request::read(&lines) {
            return Some(Self::Request(request));
        }
        if let Some(login) = Login::read(&lines) {
            return Some(Self::Login(login));
        }
        if let Some(request) = Request::of_headers(&lines) {
            return Some(Self::Request(request));
        }
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        is_alone(line).then(|| Self::Secret(Zeroizing::new(line.to_owned())))
    }
}

/// Whether a text is one secret, though perhaps a damaged one.
fn is_alone(text: &str) -> bool {
    text.split_whitespace().count() < 2 || sent_key::begins_like_a_secret(text)
}

/// The text, also if it is UTF-16 with a byte order mark, as PowerShell writes it. What is no
/// text in it is replaced by U+FFFD.
fn decoded(pasted: &[u8]) -> Zeroizing<String> {
    let pairs = |from: fn([u8; 2]) -> u16| {
        let units: Zeroizing<Vec<u16>> = Zeroizing::new(
            pasted
                .chunks_exact(2)
                .map(|pair| from([pair[0], pair[1]]))
                .collect(),
        );
        let mut text = Zeroizing::new(String::with_capacity(3 * units.len()));
        let units = char::decode_utf16(units.iter().copied());
        text.extend(units.map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
        text
    };
    match pasted {
        [0xff, 0xfe, ..] => pairs(u16::from_le_bytes),
        [0xfe, 0xff, ..] => pairs(u16::from_be_bytes),
        _ => {
            let mut text = Zeroizing::new(String::with_capacity(3 * pasted.len()));
            for chunk in pasted.utf8_chunks() {
                text.push_str(chunk.valid());
                if !chunk.invalid().is_empty() {
                    text.push(char::REPLACEMENT_CHARACTER);
                }
            }
            text
        }
    }
}

#[cfg(test)]
mod tests;
