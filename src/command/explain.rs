//! `postkey explain`: explains why a request or a login is accepted or refused.

mod points;
mod report;

use std::io::{self, IsTerminal};

use clap::Args;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::context::secret_prompt;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::explain::{Attempt, KeyLocation, Login, Request, SentKey, TranscriptError};
use crate::key::{Kind, Username, quoted, redact_secrets};
use crate::settings::Credentials;
use crate::verify::{Client, Need, Question};
use report::ExplainReport;

/// The maximum size of the input, in bytes.
const MAX_INPUT: u64 = 1 << 20;

/// Explain why a request or a login is accepted or refused
///
/// Reads from standard input what a developer can show: an HTTP request as it was sent, the output
/// of `curl -v`, an SMTP transcript (from swaks, openssl or Python's smtplib), or a secret alone.
/// Checks each point that matters - how and where the secret was sent, blanks and invisible
/// characters, its format, whose it is, whether the key is active, expired, permitted to do this
/// and within its limit - and says how to fix what fails.
///
/// Nothing is recorded or sent, and no secret is shown. Exits 0 if every check passes, and 1
/// otherwise. On a terminal, pasted text is not shown; finish with Enter and Ctrl-D.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  curl -v --header @key.header https://api.example.com/v3/account 2>&1 | postkey explain
  swaks --server mail.example.com --auth-user user_1 2>&1 | postkey explain
  postkey explain <request.txt
  printf %s \"$KEY\" | postkey explain")]
pub struct Explain {}

pub(super) fn run(_: Explain, context: &mut Context) -> Result<ExitStatus, Error> {
    context.expect_own_home()?;
    let input = read(context)?;
    context.expect_vault()?;
    let attempt = Attempt::read(&input).ok_or_else(|| {
        let what = "the input is neither a request, a transcript nor a single secret";
        Error::usage(what).with_hint(ACCEPTED_INPUT)
    })?;
    let mut report = ExplainReport::new(context);
    match &attempt {
        Attempt::Request(request) => report.request(request)?,
        Attempt::Login(login) => report.login(login)?,
        Attempt::Secret(secret) => report.secret(secret, None, &Question::default())?,
    }
    report.show()
}

/// What can be explained.
const ACCEPTED_INPUT: &str =
    "give an HTTP request, the output of curl -v, an SMTP transcript or a secret";

fn read(context: &Context) -> Result<Zeroizing<Vec<u8>>, Error> {
    if io::stdin().is_terminal() {
        let hint = "redirect standard input, as in postkey explain <request.txt";
        context.ui.expect_interactive("no input given", hint)?;
        return context
            .ui
            .hidden_text("Request, transcript or secret, then Ctrl-D");
    }
    let bytes = secret_prompt::read_input(MAX_INPUT)
        .map_err(|error| Error::usage(format!("cannot read standard input: {error}")))?;
    if bytes.len() as u64 > MAX_INPUT {
        return Err(Error::usage("standard input holds more than 1 MiB").with_hint(ACCEPTED_INPUT));
    }
    Ok(bytes)
}

impl ExplainReport<'_> {
    fn request(&mut self, request: &Request) -> Result<(), Error> {
        if request.count > 1 {
            let note = format!("found {} requests; explaining the last", request.count);
            self.context.ui.note(note);
        }
        let credentials = &self.context.settings.credentials;
        let accepted_headers = accepted_headers(credentials);
        let Some(sent) = SentKey::find(request, credentials) else {
            self.fails(
                "header",
                "no key was sent",
                format!("send it as {accepted_headers}"),
            );
            return Ok(());
        };
        let locations: Vec<String> = sent.locations.iter().map(KeyLocation::to_string).collect();
        match &*locations {
            _ if sent.is_read => self.ok("header", format!("sent as {}", locations.join(", "))),
            [only] => {
                let message = format!("sent as {only}; this API reads {accepted_headers}");
                self.fails("header", message, format!("send it as {accepted_headers}"));
            }
            _ => {
                let message = format!("sent {} times: {}", locations.len(), locations.join(", "));
                self.fails(
                    "header",
                    message,
                    format!("send it once, as {accepted_headers}"),
                );
            }
        }
        let need = request
            .line
            .as_ref()
            .map(|(method, target)| Need::Request { method, target });
        let question = Question {
            kind: Some(Kind::Api),
            username: None,
            need: need.unwrap_or_default(),
            client: Client::None,
        };
        self.secret(&sent.presented, None, &question)
    }

    fn login(&mut self, login: &Login) -> Result<(), Error> {
        let mechanism = login.mechanism.as_deref().unwrap_or_default();
        let mechanism = redact_secrets(mechanism);
        let password = match &login.password {
            Ok(password) => password,
            Err(fault) => {
                let (message, fix) = describe(*fault, &mechanism);
                self.fails("login", message, fix);
                return Ok(());
            }
        };
        let username = login.username.as_deref().unwrap_or_default();
        self.ok(
            "login",
            format!("AUTH {mechanism} for {}", quoted(username)),
        );
        let parsed = username.parse::<Username>();
        if let Err(invalid) = &parsed {
            self.fails(
                "username",
                invalid.to_string(),
                "log in with the key's username",
            );
        }
        let question = Question {
            kind: Some(Kind::Smtp),
            username: parsed.is_ok().then_some(username),
            need: login
                .sender
                .as_deref()
                .map_or(Need::Nothing, Need::Recipient),
            client: Client::None,
        };
        self.secret(password, parsed.as_ref().ok(), &question)
    }
}

/// Where this API accepts keys, as a sentence.
fn accepted_headers(credentials: &Credentials) -> String {
    let headers = credentials
        .headers
        .iter()
        .map(|header| format!("`{header}`"));
    let bearer = credentials
        .bearer
        .then(|| "`Authorization: Bearer`".to_owned());
    headers.chain(bearer).collect::<Vec<_>>().join(" or ")
}

/// Why a transcript shows no secret, and what to do.
fn describe(fault: TranscriptError, mechanism: &str) -> (String, String) {
    let again = "log in with PLAIN or LOGIN, over TLS".to_owned();
    match fault {
        TranscriptError::NoAuth => (
            "nobody logged in: the transcript has no AUTH".to_owned(),
            again,
        ),
        TranscriptError::Mechanism => {
            let message =
                format!("AUTH {mechanism} does not send the secret, so it cannot be checked");
            (message, again)
        }
        TranscriptError::NotBase64 => {
            let message = format!("the response to AUTH {mechanism} is not base64");
            (
                message,
                "encode all of it, as in printf '\\0%s\\0%s' USER SECRET | base64 -w0".to_owned(),
            )
        }
        TranscriptError::NotPlain => {
            let message = "the response to AUTH PLAIN must be a username and a secret, each after a null \
                 byte";
            (
                message.to_owned(),
                "encode it as in printf '\\0%s\\0%s' USER SECRET | base64 -w0".to_owned(),
            )
        }
        TranscriptError::Missing => {
            let message = format!("the secret of AUTH {mechanism} is not in the transcript");
            (
                message,
                "give the complete transcript, including what the client sent".to_owned(),
            )
        }
    }
}
