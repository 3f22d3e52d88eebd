//! What a request asks, by who sends it: each caller's own headers count and no others, or a
//! client could choose them.

use std::borrow::Cow;
use std::net::IpAddr;

use axum::extract::Query;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use serde::Deserialize;

use super::gate::Asked;
use crate::verify::Need;

// As constants, so that they are not read anew on every request.
const API_KEY: HeaderName = HeaderName::from_static("api-key");
const ORIGINAL_ADDRESS: HeaderName = HeaderName::from_static("x-original-address");
const ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Caller {
    /// nginx, by `auth_request`.
    Nginx,
    /// Caddy by `forward_auth`, Traefik by ForwardAuth.
    Forward,
    /// An application for itself.
    Application,
}

/// The query of an application's request.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    method: Option<String>,
    path: Option<String>,
    address: Option<IpAddr>,
}

/// A request, taken apart.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    presented: &'a str,
    request: Option<(Cow<'a, str>, Cow<'a, str>)>,
    address: Option<IpAddr>,
}

impl Caller {
    /// Every caller.
    pub(super) const ALL: [Self; 3] = [Self::Nginx, Self::Forward, Self::Application];

    /// The path that the caller asks at.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Nginx => "/nginx",
            Self::Forward => "/forward",
            Self::Application => "/verify",
        }
    }

    /// Takes a request apart; `None` if it cannot be understood.
    pub(super) fn take(self, parts: &Parts) -> Option<Taken<'_>> {
        let headers = &parts.headers;
        let presented = presented(headers);
        let of = |method, target, address| Taken {
            presented,
            request: Some((only(headers, method).into(), only(headers, target).into())),
            address,
        };
        match self {
            Self::Nginx => {
                let address = only(headers, ORIGINAL_ADDRESS).parse().ok();
                Some(of(ORIGINAL_METHOD, ORIGINAL_URI, address))
            }
            Self::Forward => {
                let address = last(headers, FORWARDED_FOR);
                Some(of(FORWARDED_METHOD, FORWARDED_URI, address))
            }
            Self::Application => of_application(presented, parts),
        }
    }
}

fn of_application<'a>(presented: &'a str, parts: &Parts) -> Option<Taken<'a>> {
    // Most have none, and an empty one is not read faster than another.
    let parameters = match parts.uri.query() {
        None => Parameters::default(),
        Some(_) => Query::try_from_uri(&parts.uri).ok()?.0,
    };
    let request = match (parameters.method, parameters.path) {
        (Some(method), Some(path)) => Some((method.into(), path.into())),
        (None, None) => None,
        // Half a question would be answered too generously.
        _ => return None,
    };
    Some(Taken {
        presented,
        request,
        address: parameters.address,
    })
}

impl Taken<'_> {
    /// What is asked.
    pub(super) fn asked(&self) -> Asked<'_> {
        let need = match &self.request {
            None => Need::Nothing,
            Some((method, target)) => Need::Request { method, target },
        };
        Asked {
            presented: self.presented,
            need,
            address: self.address,
        }
    }
}

/// The one key that was presented, in `api-key` or as a bearer's (RFC 6750, section 2.1);
/// nothing if there are several.
fn presented(headers: &HeaderMap) -> &str {
    let own = headers.get_all(API_KEY).iter().map(text);
    let bearers = headers
        .get_all(AUTHORIZATION)
        .iter()
        .map(text)
        .filter_map(bearer);
    let mut presented = own.chain(bearers);
    match (presented.next(), presented.next()) {
        (Some(only), None) => only,
        _ => "",
    }
}

/// The credentials of the scheme `Bearer`, which is compared without case.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, credentials) = authorization.split_once(' ').unwrap_or((authorization, ""));
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    is_bearer.then(|| credentials.trim_matches(' '))
}

/// A header's only value; nothing if it is missing or there are several.
fn only(headers: &HeaderMap, name: HeaderName) -> &str {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => text(value),
        _ => "",
    }
}

/// The last address of a list: the one that the gateway itself saw.
fn last(headers: &HeaderMap, name: HeaderName) -> Option<IpAddr> {
    let values = text(headers.get_all(name).iter().next_back()?);
    values.rsplit(',').next()?.trim().parse().ok()
}

/// A header's value as text; what is no text is nothing.
fn text(value: &HeaderValue) -> &str {
    std::str::from_utf8(value.as_bytes()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn parts(target: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    #[test]
    fn one_key_counts_and_two_are_none() {
        for (headers, expected) in [
            (&[("api-key", "a")][..], "a"),
            (&[("Authorization", "Bearer a")], "a"),
            (&[("Authorization", "bearer  a")], "a"),
            (&[("Authorization", "Basic YTpi"), ("api-key", "a")], "a"),
            (&[("Authorization", "Basic YTpi")], ""),
            (&[], ""),
            (&[("api-key", "a"), ("api-key", "a")], ""),
            (&[("api-key", "a"), ("Authorization", "Bearer a")], ""),
        ] {
            assert_eq!(
                presented(&parts("/", headers).headers),
                expected,
                "{headers:?}"
            );
        }
    }

    #[test]
    fn each_caller_reads_its_own_headers_only() {
        let headers = [
            ("X-Original-Method", "GET"),
            ("X-Original-URI", "/nginx"),
            ("X-Forwarded-Method", "PUT"),
            ("X-Forwarded-Uri", "/forward"),
            ("X-Forwarded-For", "192.0.2.1, 192.0.2.2"),
            ("X-Original-Address", "192.0.2.3"),
        ];
        let parts = parts("/verify?method=POST&path=/own&address=192.0.2.4", &headers);
        for (caller, expected) in Caller::ALL.into_iter().zip([
            ("GET", "/nginx", "192.0.2.3"),
            ("PUT", "/forward", "192.0.2.2"),
            ("POST", "/own", "192.0.2.4"),
        ]) {
            let taken = caller.take(&parts).expect("understood");
            let (method, target) = taken.request.expect("a request");
            let address = taken.address.expect("an address").to_string();
            assert_eq!((&*method, &*target, &*address), expected);
        }
    }

    #[test]
    fn half_a_question_is_not_understood_and_a_missing_target_is_allowed_to_nobody() {
        for target in [
            "/verify?method=GET",
            "/verify?path=/",
            "/verify?address=x",
            "/verify?Method=GET&Path=/",
        ] {
            assert!(
                Caller::Application.take(&parts(target, &[])).is_none(),
                "{target}"
            );
        }
        let twice = [("X-Original-URI", "/a"), ("X-Original-URI", "/b")];
        let parts = parts("/", &twice);
        let taken = Caller::Nginx.take(&parts).expect("understood");
        assert_eq!(taken.request, Some(("".into(), "".into())));
    }
}
