//! Parses a request by its sender: only each caller's own headers count, or a client could choose
//! them.

use std::borrow::Cow;
use std::net::IpAddr;

use axum::extract::Query;
use hyper::header::{HeaderMap, HeaderName};
use hyper::http::request::Parts;
use serde::Deserialize;
use strum::VariantArray;

use crate::key::Kind;
use crate::serve::authorizer::AuthRequest;
use crate::serve::credentials::{CredentialReader, text};
use crate::usage::read_address;
use crate::verify::{Client, Need, Question};

// Constants, so that they are not parsed on every request.
const ORIGINAL_ADDRESS: HeaderName = HeaderName::from_static("x-original-address");
const ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

/// The sender of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, VariantArray)]
pub(super) enum Caller {
    /// nginx, with `auth_request`.
    Nginx,
    /// Caddy with `forward_auth`, Traefik with ForwardAuth.
    Forward,
    /// An application itself.
    Application,
}

/// The query of an application's request.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct VerifyQuery {
    method: Option<String>,
    path: Option<String>,
    address: Option<String>,
}

/// A parsed request.
#[derive(Debug)]
pub(super) struct CallerRequest<'a> {
    presented: &'a str,
    request: Option<(Cow<'a, str>, Cow<'a, str>)>,
    address: Option<IpAddr>,
}

impl Caller {
    /// The path for this caller.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Nginx => "/nginx",
            Self::Forward => "/forward",
            Self::Application => "/verify",
        }
    }

    /// Whether it forwards requests of clients that may be browsers.
    pub(super) fn is_gateway(self) -> bool {
        self != Self::Application
    }

    /// Parses a request; `None` if it is invalid.
    pub(super) fn take<'a>(
        self,
        parts: &'a Parts,
        credentials: &CredentialReader,
    ) -> Option<CallerRequest<'a>> {
        let headers = &parts.headers;
        let presented = credentials.presented(headers);
        let of = |method, target, address| CallerRequest {
            presented,
            request: Some((only(headers, method).into(), only(headers, target).into())),
            address,
        };
        match self {
            Self::Nginx => {
                let address = read_address(only(headers, ORIGINAL_ADDRESS)).ok();
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

fn of_application<'a>(presented: &'a str, parts: &Parts) -> Option<CallerRequest<'a>> {
    // Most requests have no query, and parsing an empty one costs as much as any other.
    let parameters = match parts.uri.query() {
        None => VerifyQuery::default(),
        Some(_) => Query::try_from_uri(&parts.uri).ok()?.0,
    };
    let request = match (parameters.method, parameters.path) {
        (Some(method), Some(path)) => Some((method.into(), path.into())),
        (None, None) => None,
        // Answering half a question could accept too much.
        _ => return None,
    };
    let address = parameters.address.map(|text| read_address(&text));
    Some(CallerRequest {
        presented,
        request,
        address: address.transpose().ok()?,
    })
}

impl CallerRequest<'_> {
    /// The request's method, if known.
    pub(super) fn method(&self) -> &str {
        self.request.as_ref().map_or("", |(method, _)| method)
    }

    /// What the key must be permitted to do.
    pub(super) fn asked(&self) -> AuthRequest<'_> {
        let need = match &self.request {
            None => Need::Nothing,
            Some((method, target)) => Need::Request { method, target },
        };
        AuthRequest {
            presented: self.presented,
            question: Question {
                kind: Some(Kind::Api),
                username: None,
                need,
                client: Client::At(self.address),
            },
            address: self.address,
        }
    }
}

/// A header's only value; `None` if it is missing or repeated.
fn only(headers: &HeaderMap, name: HeaderName) -> &str {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => text(value),
        _ => "",
    }
}

/// The last address in a list: the one that the gateway itself saw.
fn last(headers: &HeaderMap, name: HeaderName) -> Option<IpAddr> {
    let values = text(headers.get_all(name).iter().next_back()?);
    read_address(values.rsplit(',').next()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings;
    use hyper::Request;

    fn parts(target: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    #[test]
    fn each_caller_reads_its_own_headers_only() {
        let credentials = CredentialReader::new(&settings::Credentials::default());
        let headers = [
            ("X-Original-Method", "GET"),
            ("X-Original-URI", "/nginx"),
            ("X-Forwarded-Method", "PUT"),
            ("X-Forwarded-Uri", "/forward"),
            ("X-Forwarded-For", "192.0.2.1, 192.0.2.2"),
            ("X-Original-Address", "192.0.2.3"),
        ];
        let parts = parts("/verify?method=POST&path=/own&address=192.0.2.4", &headers);
        for (caller, expected) in Caller::VARIANTS.iter().zip([
            ("GET", "/nginx", "192.0.2.3"),
            ("PUT", "/forward", "192.0.2.2"),
            ("POST", "/own", "192.0.2.4"),
        ]) {
            let taken = caller.take(&parts, &credentials).expect("understood");
            let (method, target) = taken.request.expect("a request");
            let address = taken.address.expect("an address").to_string();
            assert_eq!((&*method, &*target, &*address), expected);
        }
    }

    #[test]
    fn incomplete_requests_are_refused() {
        let credentials = CredentialReader::new(&settings::Credentials::default());
        for target in [
            "/verify?method=GET",
            "/verify?path=/",
            "/verify?address=x",
            "/verify?Method=GET&Path=/",
        ] {
            assert!(
                Caller::Application
                    .take(&parts(target, &[]), &credentials)
                    .is_none(),
                "{target}"
            );
        }
        let twice = [("X-Original-URI", "/a"), ("X-Original-URI", "/b")];
        let parts = parts("/", &twice);
        let taken = Caller::Nginx
            .take(&parts, &credentials)
            .expect("understood");
        assert_eq!(taken.request, Some(("".into(), "".into())));
    }
}
