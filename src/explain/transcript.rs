//! Parses a login in an SMTP transcript (RFC 4954; PLAIN is RFC 4616, LOGIN a draft in common use)
//! from swaks, smtplib, openssl or a log.

use std::fmt;

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::decoding;
use crate::key::escape_controls;

/// How tools mark lines of the client.
const CLIENT_MARKS: [&str; 7] = ["-> ", "~> ", "C: ", ">>> ", "--> ", "=> ", "> "];

/// How they mark lines of the server, and others that are not part of the dialogue.
const OTHER_MARKS: [&str; 10] = [
    "<- ", "<~ ", "<** ", "<~* ", "S: ", "<<< ", "<-- ", "<= ", "< ", "=== ",
];

/// How a client's commands begin.
const CLIENT_COMMANDS: [&str; 4] = ["EHLO ", "HELO ", "AUTH ", MAIL];

/// The command that begins a mail.
const MAIL: &str = "MAIL FROM:";

/// The last login in a transcript.
pub struct Login {
    /// The SASL mechanism: `PLAIN`
    pub mechanism: Option<String>,
    /// The username.
    pub username: Option<String>,
    /// The secret, or why the transcript does not show it.
    pub password: Result<Zeroizing<String>, TranscriptError>,
    /// The envelope sender of the last mail after it, if there is one.
    pub sender: Option<String>,
}

/// Why a transcript does not show a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TranscriptError {
    /// There is no login.
    NoAuth,
    /// The mechanism never sends the secret.
    Mechanism,
    /// The response is not base64.
    NotBase64,
    /// The PLAIN response is not two or three strings, each after a null character.
    NotPlain,
    /// The transcript ends too early, or the client cancelled.
    Missing,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = self.password.as_ref().map(|_| "…");
        write!(
            f,
            "Login({:?}, {:?}, {password:?})",
            self.mechanism, self.username
        )
    }
}

impl Login {
    /// The last login in the text, if it is a transcript.
    pub(super) fn read(lines: &[&str]) -> Option<Self> {
        let is_marked = lines
            .iter()
            .any(|line| strip_mark(line, &CLIENT_MARKS).is_some());
        let client: Vec<&str> = lines
            .iter()
            .filter_map(|line| match is_marked {
                true => strip_mark(line, &CLIENT_MARKS),
                false => own(line),
            })
            .collect();
        let begins = |line: &str| {
            CLIENT_COMMANDS
                .iter()
                .any(|command| has_prefix(line, command))
        };
        client.iter().find(|line| begins(line))?;
        let auth = client.iter().rposition(|line| has_prefix(line, "AUTH "));
        let Some(auth) = auth else {
            return Some(Self::without(None, TranscriptError::NoAuth));
        };
        let mut words = client[auth].split_ascii_whitespace().skip(1);
        let mechanism = words.next().unwrap_or_default().to_ascii_uppercase();
        let mut sent = words.chain(client[auth + 1..].iter().copied());
        let login = match &*mechanism {
            "PLAIN" => Self::by_plain(mechanism, sent.next()),
            "LOGIN" => Self::by_login(mechanism, sent.next(), sent.next()),
            _ => Self::without(
                Some(escape_controls(&mechanism).into_owned()),
                TranscriptError::Mechanism,
            ),
        };
        let sender = client[auth + 1..]
            .iter()
            .rev()
            .find_map(|line| sender(line));
        Some(Self { sender, ..login })
    }

    fn without(mechanism: Option<String>, fault: TranscriptError) -> Self {
        Self {
            mechanism,
            username: None,
            password: Err(fault),
            sender: None,
        }
    }

    fn by_plain(mechanism: String, sent: Option<&str>) -> Self {
        let message = match sent.map(decoded) {
            None => return Self::without(Some(mechanism), TranscriptError::Missing),
            Some(Err(fault)) => return Self::without(Some(mechanism), fault),
            Some(Ok(message)) => message,
        };
        let parts: Vec<&str> = message.split('\0').collect();
        match parts[..] {
            [_, username, password] => Self {
                mechanism: Some(mechanism),
                username: Some(username.to_owned()),
                password: Ok(Zeroizing::new(password.to_owned())),
                sender: None,
            },
            _ => Self::without(Some(mechanism), TranscriptError::NotPlain),
        }
    }

    fn by_login(mechanism: String, username: Option<&str>, password: Option<&str>) -> Self {
        let username = username.map(decoded).and_then(Result::ok);
        Self {
            mechanism: Some(mechanism),
            username: username.map(|username| username.to_string()),
            password: password.map_or(Err(TranscriptError::Missing), decoded),
            sender: None,
        }
    }
}

/// The line after one of the marks.
fn strip_mark<'a>(line: &'a str, marks: &[&str]) -> Option<&'a str> {
    let line = line.trim_start();
    marks.iter().find_map(|mark| line.strip_prefix(mark))
}

/// A line of the client, if lines are not marked: anything that is not a server's reply.
fn own(line: &str) -> Option<&str> {
    let line = line.trim();
    let code = line.as_bytes();
    let is_answer = code.len() > 2
        && code[..3].iter().all(u8::is_ascii_digit)
        && matches!(code.get(3), None | Some(b' ' | b'-'));
    let is_other = OTHER_MARKS.iter().any(|mark| line.starts_with(mark));
    (!line.is_empty() && !is_answer && !is_other).then_some(line)
}

fn has_prefix(line: &str, prefix: &str) -> bool {
    let begin = line.get(..prefix.len());
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
}

/// The envelope sender of a MAIL command, which may be empty (RFC 5321, section 4.1.1.2).
fn sender(line: &str) -> Option<String> {
    let path = line.get(MAIL.len()..).filter(|_| has_prefix(line, MAIL))?;
    let (address, _) = path.trim_start().strip_prefix('<')?.rsplit_once('>')?;
    Some(address.to_owned())
}

/// Decodes base64; invalid UTF-8 becomes U+FFFD.
fn decoded(base64: &str) -> Result<Zeroizing<String>, TranscriptError> {
    if base64 == "*" {
        return Err(TranscriptError::Missing);
    }
    let bytes = Base64::decode_vec(base64.trim()).map_err(|_| TranscriptError::NotBase64)?;
    let bytes = Zeroizing::new(bytes);
    Ok(decoding::decoded(&bytes))
}
