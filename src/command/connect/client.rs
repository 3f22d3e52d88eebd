//! Programs that use a key: what their code names.

mod facts;

use super::facts::{PlaceholderValue, fill};
use crate::settings::Credentials;

pub(super) use facts::{ClientFacts, EXAMPLE_HOST, EXAMPLE_URL};

/// The header of a key, and what precedes the key in it.
fn header(credentials: &Credentials) -> (&str, &'static str) {
    match credentials.headers.first() {
        Some(header) => (header.as_str(), ""),
        None => ("Authorization", "Bearer "),
    }
}

/// The header's value as an expression.
fn with_scheme(credentials: &Credentials, bearer: &str) -> String {
    match header(credentials).1 {
        "" => "secret",
        _ => bearer,
    }
    .to_owned()
}

pub(super) const PLACEHOLDERS: [(&str, PlaceholderValue); 21] = [
    ("key", |facts| Ok(facts.client.described_key())),
    ("source", |facts| {
        let variable = &facts.client.variable;
        Ok(format!(
            "The secret is in the environment variable {variable}."
        ))
    }),
    ("variable", |facts| Ok(facts.client.variable.to_string())),
    ("file", |facts| Ok(facts.client.file().to_owned())),
    ("username", |facts| Ok(facts.client.username().to_owned())),
    ("header", |facts| Ok(header(facts.credentials).0.to_owned())),
    ("header_value", |facts| {
        Ok(with_scheme(facts.credentials, "\"Bearer \" + secret"))
    }),
    // As gofmt formats it.
    ("go_header_value", |facts| {
        Ok(with_scheme(facts.credentials, "\"Bearer \"+secret"))
    }),
    ("scheme", |facts| Ok(header(facts.credentials).1.to_owned())),
    ("api_url", |facts| Ok(facts.client.api_url())),
    ("smtp_host", |facts| Ok(facts.client.host())),
    ("smtp_port", |facts| Ok(facts.client.port().to_string())),
    ("go_mail", |facts| {
        let from_start = facts.client.is_tls_from_start();
        let text = match from_start {
            true => include_str!("client/smtp/go-tls.go"),
            false => include_str!("client/smtp/go.go"),
        };
        fill(text, facts)
    }),
    ("smtp_scheme", |facts| Ok(facts.client.tls("smtps", "smtp"))),
    ("tls_from_start", |facts| {
        Ok(facts.client.tls("true", "false"))
    }),
    ("msmtp_starttls", |facts| Ok(facts.client.tls("off", "on"))),
    ("php_tls", |facts| Ok(facts.client.tls("ssl", "tls"))),
    ("ruby_tls", |facts| {
        Ok(facts.client.tls("tls: true", "starttls: :always"))
    }),
    ("rails_tls", |facts| {
        Ok(facts.client.tls("tls: true", "enable_starttls: true"))
    }),
    ("django_tls", |facts| {
        Ok(facts.client.tls("EMAIL_USE_SSL", "EMAIL_USE_TLS"))
    }),
    ("python_connection", |facts| {
        Ok(facts.client.python_connection())
    }),
];
