//! The key that a program uses, and the service that it is for.

use crate::key::{Key, KeyName, KeyVariables, Kind, Variable};
use crate::settings::{ApiUrl, SmtpServer};

/// Stands for a username without a key.
const USERNAME: &str = "USERNAME";

/// Stands for the mail server's host, if the settings do not name it.
pub(in super::super) const EXAMPLE_HOST: &str = "mail.example.com";

/// Stands for the API's URL, if the settings do not name it.
pub(in super::super) const EXAMPLE_URL: &str = "https://api.example.com/";

/// The key that a program uses, and the service.
pub(in super::super) struct ClientFacts<'a> {
    key: Option<&'a Key>,
    kind: Kind,
    pub(super) variable: Variable,
    smtp: &'a SmtpServer,
    api_url: Option<&'a ApiUrl>,
}

impl<'a> ClientFacts<'a> {
    /// For a key, or any of a kind; the secret's variable is named after the key by default.
    pub(in super::super) fn new(
        key: Option<&'a Key>,
        kind: Kind,
        variable: Option<Variable>,
        smtp: &'a SmtpServer,
        api_url: Option<&'a ApiUrl>,
    ) -> Self {
        let default = || match key {
            Some(key) => KeyVariables::of(&key.name, kind).secret,
            None => KeyVariables::unnamed(kind).secret,
        };
        Self {
            key,
            kind,
            variable: variable.unwrap_or_else(default),
            smtp,
            api_url,
        }
    }

    /// The kind of key that it uses.
    pub(in super::super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn described_key(&self) -> String {
        let title = self.kind.title();
        match self.key {
            Some(key) => format!("the {title} key `{}`", key.name),
            None => format!("an {title} key"),
        }
    }

    /// The name of its env file.
    pub(super) fn file(&self) -> &str {
        self.key.map_or("postkey", |key| KeyName::as_str(&key.name))
    }

    pub(super) fn username(&self) -> &str {
        let username = self.key.and_then(Key::username);
        username.map_or(USERNAME, |username| username.as_str())
    }

    pub(super) fn is_tls_from_start(&self) -> bool {
        self.smtp.is_tls_from_start()
    }

    pub(super) fn port(&self) -> u16 {
        self.smtp.port
    }

    pub(super) fn host(&self) -> String {
        let host = self.smtp.host.as_ref();
        host.map_or(EXAMPLE_HOST.to_owned(), ToString::to_string)
    }

    pub(super) fn api_url(&self) -> String {
        self.api_url
            .map_or(EXAMPLE_URL.to_owned(), ToString::to_string)
    }

    /// One of two texts: for TLS from the start, or STARTTLS.
    pub(super) fn tls(&self, from_start: &str, later: &str) -> String {
        match self.smtp.is_tls_from_start() {
            true => from_start,
            false => later,
        }
        .to_owned()
    }

    pub(super) fn python_connection(&self) -> String {
        let (host, port) = (self.host(), self.smtp.port);
        match self.smtp.is_tls_from_start() {
            true => format!(
                "smtplib.SMTP_SSL(\"{host}\", {port}, timeout=10, context=context) as server:"
            ),
            false => format!(
                "smtplib.SMTP(\"{host}\", {port}, timeout=10) as server:\n    \
                 server.starttls(context=context)"
            ),
        }
    }
}
