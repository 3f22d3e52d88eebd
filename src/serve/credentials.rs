//! Finds the key in the headers of a request.

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use crate::settings;

/// The headers in which a key is accepted.
#[derive(Debug)]
pub struct CredentialReader {
    headers: Box<[HeaderName]>,
    bearer: bool,
    challenge: HeaderValue,
}

impl CredentialReader {
    /// Reads them from the settings.
    pub fn new(settings: &settings::Credentials) -> Self {
        let name = |header: &settings::KeyHeader| {
            HeaderName::from_bytes(header.as_str().as_bytes()).expect("it was read as a name")
        };
        Self {
            headers: settings.headers.iter().map(name).collect(),
            bearer: settings.bearer,
            challenge: HeaderValue::from_static(settings.challenge()),
        }
    }

    /// The only key presented; empty if there is none, or several.
    pub fn presented<'a>(&self, headers: &'a HeaderMap) -> &'a str {
        let own = self.headers.iter().flat_map(|name| headers.get_all(name));
        let authorizations = self.bearer.then(|| headers.get_all(AUTHORIZATION));
        let authorizations = authorizations.into_iter().flatten().map(text);
        let bearers = authorizations.filter_map(|value| of_scheme("bearer", value));
        let mut presented = own.map(text).chain(bearers);
        match (presented.next(), presented.next()) {
            (Some(only), None) => only,
            _ => "",
        }
    }

    /// Whether none of these headers, nor other credentials, are present.
    pub(super) fn are_absent(&self, headers: &HeaderMap) -> bool {
        let mut own = self.headers.iter();
        !own.any(|name| headers.contains_key(name)) && !headers.contains_key(AUTHORIZATION)
    }

    /// The challenge for a client without a valid key.
    pub(super) fn challenge(&self) -> HeaderValue {
        self.challenge.clone()
    }
}

/// The credentials in an `Authorization` with that scheme, ignoring case.
pub(super) fn of_scheme<'a>(scheme: &str, authorization: &'a str) -> Option<&'a str> {
    let (found, credentials) = authorization.split_once(' ').unwrap_or((authorization, ""));
    let is_same = found.eq_ignore_ascii_case(scheme);
    is_same.then(|| credentials.trim_matches(' '))
}

/// A header's value as text; empty if it is not UTF-8.
pub(super) fn text(value: &HeaderValue) -> &str {
    std::str::from_utf8(value.as_bytes()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            (name, HeaderValue::from_static(value))
        };
        let mut map = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            map.append(name, value);
        }
        map
    }

    fn credentials(names: &[&str], bearer: bool) -> CredentialReader {
        let headers = names.iter().map(|name| name.parse().expect("a header"));
        let headers = headers.collect();
        CredentialReader::new(&settings::Credentials { headers, bearer })
    }

    #[test]
    fn exactly_one_key_is_accepted() {
        let default = CredentialReader::new(&settings::Credentials::default());
        for (pairs, expected) in [
            (&[("api-key", "a")][..], "a"),
            (&[("Authorization", "Bearer a")], "a"),
            (&[("Authorization", "bearer  a")], "a"),
            (&[("Authorization", "Basic YTpi"), ("api-key", "a")], "a"),
            (&[("Authorization", "Basic YTpi")], ""),
            (&[("x-api-key", "a")], ""),
            (&[], ""),
            (&[("api-key", "a"), ("api-key", "a")], ""),
            (&[("api-key", "a"), ("Authorization", "Bearer a")], ""),
        ] {
            assert_eq!(default.presented(&headers(pairs)), expected, "{pairs:?}");
        }
    }

    #[test]
    fn the_settings_say_which_headers_count() {
        let two = credentials(&["X-API-Key", "api-key"], false);
        for (pairs, expected, are_absent) in [
            (&[("x-api-key", "a")][..], "a", false),
            (&[("api-key", "a")], "a", false),
            (&[("api-key", "a"), ("x-api-key", "a")], "", false),
            (
                &[("x-api-key", "a"), ("Authorization", "Bearer b")],
                "a",
                false,
            ),
            (&[("Authorization", "Bearer b")], "", false),
            (&[("Origin", "https://a.example")], "", true),
        ] {
            let headers = headers(pairs);
            assert_eq!(two.presented(&headers), expected, "{pairs:?}");
            assert_eq!(two.are_absent(&headers), are_absent, "{pairs:?}");
        }
        assert_eq!(two.challenge(), "ApiKey");
        let only_bearer = credentials(&[], true);
        assert_eq!(only_bearer.presented(&headers(&[("api-key", "a")])), "");
        let bearer = [("api-key", "a"), ("Authorization", "Bearer b")];
        assert_eq!(only_bearer.presented(&headers(&bearer)), "b");
    }
}
