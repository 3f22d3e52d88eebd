//! The services that keys are for, as programs reach them: the mail server, and the API.

use std::fmt;
use std::str::FromStr;

use crate::key::Invalid;

/// The port for mail from programs (RFC 6409).
const SUBMISSION: u16 = 587;

/// The port for the same over TLS from the start (RFC 8314).
const SUBMISSIONS: u16 = 465;

/// The mail server that SMTP keys are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpServer {
    /// Its host, if it is set.
    pub host: Option<HostName>,
    /// Its port.
    pub port: u16,
}

impl SmtpServer {
    pub(super) fn new(host: Option<HostName>, port: Option<u16>) -> Self {
        Self {
            host,
            port: port.unwrap_or(SUBMISSION),
        }
    }

    /// Whether a connection begins with TLS, instead of changing to it with STARTTLS.
    pub fn is_tls_from_start(&self) -> bool {
        self.port == SUBMISSIONS
    }
}

impl fmt::Display for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(f, "{host}")?;
        }
        write!(f, ":{}", self.port)
    }
}

impl FromStr for SmtpServer {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
        let host = Some(host).filter(|host| !host.is_empty());
        Ok(Self {
            host: host.map(str::parse).transpose()?,
            port: port
                .parse()
                .map_err(|_| Invalid::new("a mail server", text, "it has no port"))?,
        })
    }
}

/// A host name or IPv4 address, which needs no quoting in any language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HostName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = text.as_bytes();
        let has_edges = is_edge(bytes.first()) && is_edge(bytes.last());
        if has_edges && bytes.len() <= 253 && bytes.iter().copied().all(is_allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(
            Invalid::new("a mail server's host", text, "it is not a host name")
                .with_hint("write `mail.example.com`; the port is a setting of its own"),
        )
    }
}

/// The URL of the API that API keys are for, which needs no quoting within quotes in any language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiUrl(String);

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ApiUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // The rest of those in RFC 3986 is special in a string of some language, or begins a
        // password.
        let is_allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?=&,+%[]".contains(&byte);
        let schemes = ["https://", "http://"];
        let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
        let has_host =
            rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', ':', '?']));
        if has_host && text.bytes().all(is_allowed) {
            return Ok(Self(text.to_owned()));
        }
        let rule = "it is not a plain http or https URL";
        Err(Invalid::new("the API's URL", text, rule)
            .with_hint("write `https://api.example.com/v3/account`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_urls_need_no_quoting() {
        for good in ["localhost", "mail.example.com", "192.0.2.1", "a"] {
            assert_eq!(good.parse::<HostName>().expect(good).to_string(), good);
        }
        for bad in ["", "-a", "a.", "a b", "a:25", "'a'", "a\"b", "::1", "ä"] {
            assert!(bad.parse::<HostName>().is_err(), "{bad}");
        }
        for good in ["http://[::1]:8080/", "https://a/b?c=d&e=%20", "https://a"] {
            assert_eq!(good.parse::<ApiUrl>().expect(good).to_string(), good);
        }
        for bad in [
            "",
            "a",
            "ftp://a",
            "https://",
            "https:///x",
            "https://a'b",
            "https://a\"b",
            "https://a b",
            "https://a$b",
            "https://a`b",
            "https://a\\b",
            "https://a#{b}",
            "https://user:x@a",
        ] {
            assert!(bad.parse::<ApiUrl>().is_err(), "{bad}");
        }
    }
}
