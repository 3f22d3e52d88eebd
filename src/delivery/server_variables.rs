//! The variables for the mail server beside those of an SMTP key.

use std::fmt::Write;

use zeroize::Zeroizing;

use crate::key::Variable;
use crate::settings::{HostName, SmtpServer};
use crate::ui::Issued;

/// The variables for the mail server: its host and port, and a URL with the login.
#[derive(Clone, Debug)]
pub struct ServerVariables {
    server: HostName,
    server_port: u16,
    host: Variable,
    port: Variable,
    url: Variable,
}

impl ServerVariables {
    /// Those beside the secret's variable; `None` if the server is not known.
    pub(super) fn beside(secret: &Variable, server: &SmtpServer) -> Option<Self> {
        let host = server.host.clone()?;
        Some(Self::of(secret, host, server.port))
    }

    /// The same beside another variable.
    pub(super) fn beside_another(&self, secret: &Variable) -> Self {
        Self::of(secret, self.server.clone(), self.server_port)
    }

    fn of(secret: &Variable, server: HostName, server_port: u16) -> Self {
        Self {
            server,
            server_port,
            host: secret.beside("HOST"),
            port: secret.beside("PORT"),
            url: secret.beside("URL"),
        }
    }

    /// The names.
    pub(super) fn names(&self) -> [&Variable; 3] {
        [&self.host, &self.port, &self.url]
    }

    /// The value of each variable for a key; the URL contains the secret.
    pub(super) fn values(&self, issued: &Issued<'_>) -> [(&str, Zeroizing<String>); 3] {
        let (host, port) = (self.server.to_string(), self.server_port.to_string());
        let username = issued.username().unwrap_or_default();
        let url = url(username, issued.secret().expose(), &host, &port);
        [
            (self.host.as_str(), Zeroizing::new(host)),
            (self.port.as_str(), Zeroizing::new(port)),
            (self.url.as_str(), url),
        ]
    }
}

/// `smtp://user:secret@host:port`, with what has a meaning in it escaped (RFC 3986).
fn url(username: &str, secret: &str, host: &str, port: &str) -> Zeroizing<String> {
    // The buffer does not grow, which would leave copies of the secret behind.
    let length = 3 * (username.len() + secret.len()) + host.len() + "smtp://:@:65535".len();
    let mut url = Zeroizing::new(String::with_capacity(length));
    url.push_str("smtp://");
    escape(username, &mut url);
    url.push(':');
    escape(secret, &mut url);
    let _ = write!(url, "@{host}:{port}");
    url
}

fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}
