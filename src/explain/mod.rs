//! Parses an attempt to use a secret: an HTTP request, the output of `curl -v`, an SMTP transcript,
//! or the secret alone.
//!
//! Does not use the vault: looking up the secret's owner is left to the caller.

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

/// What was attempted, as far as the text shows.
#[derive(Debug)]
pub enum Attempt {
    /// A request to an API.
    Request(Request),
    /// A login to a mail server.
    Login(Login),
    /// A secret alone.
    Secret(Zeroizing<String>),
}

impl Attempt {
    /// Parses the input; `None` if it is none of these.
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

/// Whether a text is a single secret, even if malformed.
fn is_alone(text: &str) -> bool {
    text.split_whitespace().count() < 2 || sent_key::begins_like_a_secret(text)
}

#[cfg(test)]
mod tests;
