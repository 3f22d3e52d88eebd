//! Requests of web pages of other origins (Fetch standard, CORS protocol).
//!
//! Before such a request a browser asks the API whether it may, without a key: that question, the
//! preflight, goes to the API, which answers it. What `serve` refuses a page may read, too, so
//! that it can tell a key that has expired from a network that is down.

use axum::response::Response;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderValue, ORIGIN, UPGRADE, VARY,
};

use super::credentials::text;
use crate::settings::Origins;

/// What a page may read of a refusal besides its status and body.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset",
);

/// Whether a request is a preflight of a page that may call the API. It carries no credentials,
/// which is for the caller to see.
pub(super) fn is_preflight(origins: &Origins, method: &str, headers: &HeaderMap) -> bool {
    !origins.is_empty()
        && method == "OPTIONS"
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        // No browser asks for that with it, and a connection that changes is out of sight.
        && !headers.contains_key(UPGRADE)
        && allowed(origins, headers).is_some()
}

/// The origin of the page that asks, if it may call the API.
pub(super) fn allowed(origins: &Origins, headers: &HeaderMap) -> Option<HeaderValue> {
    if origins.is_empty() {
        return None;
    }
    let mut sent = headers.get_all(ORIGIN).iter();
    let origin = sent.next().filter(|origin| origins.allow(text(origin)));
    origin.filter(|_| sent.next().is_none()).cloned()
}

/// Lets a page of this origin read a refusal.
pub(super) fn allow_read(refusal: &mut Response, origin: HeaderValue) {
    let headers = refusal.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    headers.insert(VARY, HeaderValue::from_static("Origin"));
}
