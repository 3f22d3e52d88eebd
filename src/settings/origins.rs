//! The web pages that may call the API from a browser.

use std::fmt;
use std::str::FromStr;

use crate::key::Invalid;

/// The origins whose pages may read responses (Fetch standard, CORS protocol).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<Origin>);

/// An origin as browsers write it, or `*` for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin(String);

impl Origins {
    pub(super) fn new(origins: Vec<Origin>) -> Self {
        Self(origins)
    }

    /// Whether none is allowed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an origin is allowed.
    pub fn allow(&self, origin: &str) -> bool {
        let mut allowed = self.0.iter();
        allowed.any(|Origin(allowed)| allowed == "*" || allowed == origin)
    }
}

impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins: Vec<&str> = self
            .0
            .iter()
            .map(|Origin(origin)| origin.as_str())
            .collect();
        f.write_str(&origins.join(", "))
    }
}

impl FromStr for Origin {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refused = |rule| {
            Err(Invalid::new("an origin", text, rule).with_hint(
                "write it as browsers do, as in `https://app.example.com`; `*` allows every origin",
            ))
        };
        if text == "*" {
            return Ok(Self(text.to_owned()));
        }
        let (scheme, host) = match text.split_once("://") {
            Some((scheme @ ("https" | "http"), host)) => (scheme, host),
            _ => return refused("it begins with neither `https://` nor `http://`"),
        };
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if host.is_empty()
            || !host
                .bytes()
                .all(|byte| is_plain(byte) || b"-.:[]".contains(&byte))
        {
            return refused("it must be a scheme and a host in lower case, without a path");
        }
        let is_default = |port| matches!((scheme, port), ("https", "443") | ("http", "80"));
        if host
            .rsplit_once(':')
            .is_some_and(|(_, port)| is_default(port))
        {
            return refused("browsers omit the default port");
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for text in [
            "*",
            "https://app.example.com",
            "http://localhost:3000",
            "http://[::1]:3000",
            "https://xn--bcher-kva.example",
        ] {
            assert!(text.parse::<Origin>().is_ok(), "{text}");
        }
        for text in [
            "",
            "null",
            "app.example.com",
            "https://",
            "https://app.example.com/",
            "https://App.example.com",
            "https://app.example.com:443",
            "http://app.example.com:80",
            "https://*.example.com",
            "https://user@example.com",
            "ftp://example.com",
            "https://a.example https://b.example",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_origin_is_allowed_whole_or_not_at_all() {
        let origins = |texts: &[&str]| {
            Origins::new(texts.iter().map(|text| text.parse().expect(text)).collect())
        };
        let some = origins(&["https://a.example", "http://localhost:3000"]);
        assert!(some.allow("https://a.example") && some.allow("http://localhost:3000"));
        for origin in [
            "http://a.example",
            "https://a.example.evil",
            "https://a.example:8",
            "null",
            "",
        ] {
            assert!(!some.allow(origin), "{origin}");
        }
        assert!(origins(&["*"]).allow("https://anybody.example"));
        assert!(!Origins::default().allow("https://a.example"));
    }
}
