//! What somebody tried to do with a secret, read from what they pasted: an HTTP request, the
//! output of `curl -v`, an SMTP transcript, or the secret alone.
//!
//! Knows no vault: whose the secret is, others tell.

mod decoding;
mod python;
mod request;
mod sent_key;
mod transcript;

use zeroize::Zeroizing;

use decoding::decoded;
pub use request::Request;
pub use sent_key::{KeyLocation, SentKey};
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
    pub fn read(input: &[u8]) -> Option<Self> {
        let text = decoded(input);
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

#[cfg(test)]
mod tests;
