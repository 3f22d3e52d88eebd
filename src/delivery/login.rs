//! The login of an SMTP key at the mail server, field by field.

use std::fmt::Write;

use zeroize::Zeroizing;

use crate::destination::LoginField;
use crate::settings::SmtpServer;

/// The login of an SMTP key at the mail server.
pub(super) struct ServerLogin<'a> {
    pub(super) username: &'a str,
    pub(super) secret: &'a str,
    pub(super) server: &'a SmtpServer,
}

impl ServerLogin<'_> {
    /// The value of a field; `None` if it needs the mail server, which is not known.
    pub(super) fn value(&self, field: LoginField) -> Option<Zeroizing<String>> {
        let host = self.server.host.as_ref().map(ToString::to_string);
        let value = match field {
            LoginField::Host => host?,
            LoginField::Port => host.map(|_| self.server.port.to_string())?,
            LoginField::Username => self.username.to_owned(),
            LoginField::Password => self.secret.to_owned(),
            LoginField::Url => return Some(self.url(&host?)),
        };
        Some(Zeroizing::new(value))
    }

    /// `smtp://user:secret@host:port`, or `smtps://` for TLS from the start, with what has a meaning
    /// in it escaped (RFC 3986).
    fn url(&self, host: &str) -> Zeroizing<String> {
        let (username, secret) = (self.username, self.secret);
        // The buffer does not grow, which would leave copies of the secret behind.
        let length = 3 * (username.len() + secret.len()) + host.len() + "smtps://:@:65535".len();
        let mut url = Zeroizing::new(String::with_capacity(length));
        url.push_str(match self.server.is_tls_from_start() {
            true => "smtps://",
            false => "smtp://",
        });
        escape(username, &mut url);
        url.push(':');
        escape(secret, &mut url);
        let _ = write!(url, "@{host}:{}", self.server.port);
        url
    }
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

/// The secret in a URL with a login; `None` if it is no such URL.
pub(super) fn secret_in_url(url: &str) -> Option<Zeroizing<String>> {
    let mut schemes = ["smtp://", "smtps://"].into_iter();
    let rest = schemes.find_map(|scheme| url.strip_prefix(scheme))?;
    let (login, _) = rest.rsplit_once('@')?;
    let (_, escaped) = login.split_once(':')?;
    let (mut secret, mut rest) = (Zeroizing::new(Vec::with_capacity(escaped.len())), escaped);
    while let Some(at) = rest.find('%') {
        secret.extend_from_slice(&rest.as_bytes()[..at]);
        secret.push(u8::from_str_radix(rest.get(at + 1..at + 3)?, 16).ok()?);
        rest = &rest[at + 3..];
    }
    secret.extend_from_slice(rest.as_bytes());
    Some(Zeroizing::new(
        std::str::from_utf8(&secret).ok()?.to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_the_login_escaped() {
        let mut server = SmtpServer {
            host: "mail.example.com".parse().ok(),
            port: 465,
        };
        let url = |username, secret, server: &SmtpServer| {
            let login = ServerLogin {
                username,
                secret,
                server,
            };
            login.value(LoginField::Url).map(|url| url.to_string())
        };
        for (username, secret, expected) in [
            ("shop", "abc-1", "smtps://shop:abc-1@mail.example.com:465"),
            ("a@b.c", "x", "smtps://a%40b.c:x@mail.example.com:465"),
            (
                "shop",
                "a:b@c%ä",
                "smtps://shop:a%3Ab%40c%25%C3%A4@mail.example.com:465",
            ),
        ] {
            let url = url(username, secret, &server).expect("a server");
            assert_eq!(url, expected);
            assert_eq!(secret_in_url(&url).expect("a login").as_str(), secret);
        }
        server.port = 587;
        let found = url("shop", "x", &server).expect("a server");
        assert_eq!(found, "smtp://shop:x@mail.example.com:587");
        for other in [
            "",
            "smtp://host",
            "smtp://a@b",
            "smtp://a:%@b",
            "smtp://a:%zz@b",
            "a:b@c",
        ] {
            assert!(secret_in_url(other).is_none(), "{other}");
        }
        server.host = None;
        assert_eq!(url("shop", "x", &server), None);
    }
}
