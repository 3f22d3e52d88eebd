//! Requests of web pages from other origins (Fetch standard, CORS protocol).
//!
//! Before such a request, a browser sends a preflight without a key to the API, which answers it.
//! Pages may also read refusals of `serve`, so that they can distinguish an expired key from a
//! network failure.

use axum::response::Response;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderValue, ORIGIN, UPGRADE, VARY,
};

use super::credentials::text;
use crate::settings::Origins;

/// The headers of a refusal that a page may read.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset",
);

/// Whether a request is a preflight of an allowed page. The caller checks that it has no
/// credentials.
pub(super) fn is_preflight(origins: &Origins, method: &str, headers: &HeaderMap) -> bool {
    !origins.is_empty()
        && method == "OPTIONS"
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        // Browsers do not send these headers, and an upgraded connection cannot be inspected.
        && !headers.contains_key(UPGRADE)
        && allowed(origins, headers).is_some()
}

/// The origin of the page, if it is allowed.
pub(super) fn allowed(origins: &Origins, headers: &HeaderMap) -> Option<HeaderValue> {
    if origins.is_empty() {
        return None;
    }
    let mut sent = headers.get_all(ORIGIN).iter();
    let origin = sent.next().filter(|origin| origins.allow(text(origin)));
    origin.filter(|_| sent.next().is_none()).cloned()
}

/// Allows a page of this origin to read a refusal.
pub(super) fn allow_read(refusal: &mut Response, origin: HeaderValue) {
    let headers = refusal.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    headers.insert(VARY, HeaderValue::from_static("Origin"));
}
