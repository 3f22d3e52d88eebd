//! The request headers in which an API key is accepted.

use std::fmt;
use std::str::FromStr;

use crate::key::Invalid;

/// The maximum number of headers.
const MAX_HEADERS: usize = 8;

/// The maximum length of a header's name, in bytes.
const MAX_LENGTH: usize = 64;

/// Header names with a meaning for gateways, clients or `serve` itself.
const RESERVED: [&str; 20] = [
    "accept",
    "authorization",
    "cache-control",
    "connection",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "location",
    "origin",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
];

/// Prefixes of such names.
const RESERVED_PREFIXES: [&str; 10] = [
    "access-control-",
    "content-",
    "if-",
    "proxy-",
    "sec-",
    "x-forwarded-",
    "x-original-",
    "x-postkey-",
    "x-ratelimit-",
    "x-real-",
];

/// The headers in which an API key is accepted. A request must have exactly one credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Headers whose whole value is the key.
    pub headers: Vec<KeyHeader>,
    /// Whether `Authorization: Bearer KEY` is accepted (RFC 6750, section 2.1).
    pub bearer: bool,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            headers: vec![KeyHeader("api-key".to_owned())],
            bearer: true,
        }
    }
}

impl Credentials {
    /// The authentication scheme in challenges (RFC 9110, section 11.6.1). None is registered for
    /// keys in custom headers.
    pub fn challenge(&self) -> &'static str {
        if self.bearer { "Bearer" } else { "ApiKey" }
    }

    /// # Errors
    /// If there are none, more than eight, or duplicates.
    pub(super) fn new(headers: Vec<KeyHeader>, bearer: bool) -> Result<Self, Invalid> {
        let refused = |rule: &str| {
            let names: Vec<_> = headers.iter().map(KeyHeader::as_str).collect();
            Err(Invalid::new(
                "a list of headers for keys",
                &names.join(", "),
                rule,
            ))
        };
        if headers.is_empty() && !bearer {
            return refused("with `bearer = false` no key could be sent");
        }
        if headers.len() > MAX_HEADERS {
            return refused("it names more than 8");
        }
        let is_named_before = |(at, header)| headers[..at].contains(header);
        if headers.iter().enumerate().any(is_named_before) {
            return refused("a header is named twice");
        }
        Ok(Self { headers, bearer })
    }
}

/// The name of a header, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHeader(String);

impl KeyHeader {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyHeader {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let name = text.to_ascii_lowercase();
        let refused = |rule| {
            let invalid = Invalid::new("the name of a header for keys", text, rule);
            Err(invalid.with_hint("use a name such as `api-key` or `x-api-key`"))
        };
        // Gateways drop a header with `_`, or treat it like `-`.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if name.len() > MAX_LENGTH {
            return refused("it is longer than 64 characters");
        }
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.bytes().all(is_plain) {
            return refused(
                "it may contain only letters, digits and `-`, and must begin with a letter",
            );
        }
        if name == "authorization" {
            let invalid = Invalid::new(
                "the name of a header for keys",
                text,
                "a key in it is a bearer token",
            );
            return Err(invalid.with_hint("`bearer = true` reads it, and is the default"));
        }
        if RESERVED.contains(&&*name)
            || RESERVED_PREFIXES
                .iter()
                .any(|start| name.starts_with(start))
        {
            return refused("that header has another meaning");
        }
        Ok(Self(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_and_invalid_header_names_are_refused() {
        for (text, expected) in [
            ("api-key", Some("api-key")),
            ("X-API-Key", Some("x-api-key")),
            ("apikey2", Some("apikey2")),
            ("", None),
            ("x api", None),
            ("x_api_key", None),
            ("-key", None),
            ("1key", None),
            ("k\u{e9}y", None),
            ("key:", None),
            ("key\"", None),
            ("Authorization", None),
            ("cookie", None),
            ("X-Forwarded-For", None),
            ("x-postkey-name", None),
            ("content-length", None),
        ] {
            let found = text.parse::<KeyHeader>();
            assert_eq!(
                found.ok().as_ref().map(KeyHeader::as_str),
                expected,
                "{text}"
            );
        }
        assert!("a".repeat(MAX_LENGTH + 1).parse::<KeyHeader>().is_err());
    }

    #[test]
    fn credential_headers_are_unique_and_not_empty() {
        let named = |names: &[&str]| names.iter().map(|name| KeyHeader((*name).into())).collect();
        for (headers, bearer, is_right) in [
            (&["a"][..], false, true),
            (&[], true, true),
            (&["a", "b"], true, true),
            (&[], false, false),
            (&["a", "a"], true, false),
            (&["a", "b", "c", "d", "e", "f", "g", "h", "i"], true, false),
        ] {
            let made = Credentials::new(named(headers), bearer);
            assert_eq!(made.is_ok(), is_right, "{headers:?} {bearer}");
        }
    }
}
