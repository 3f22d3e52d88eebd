//! Refusals as HTTP responses.

use axum::body::Body;
use axum::response::Response;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};

use crate::verify::Refusal;

pub(super) const POSTKEY_STATUS: HeaderName = HeaderName::from_static("x-postkey-status");
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// For a caller that cannot be answered now.
pub(super) const UNAVAILABLE: Refusal = Refusal {
    status: 503,
    code: "unavailable",
    message: "Key verification is unavailable",
};

/// A refusal.
pub(super) fn refused(refusal: Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status);
    refused_as(refusal, status.expect("refusals have HTTP's statuses"))
}

/// A refusal, with an HTTP status that may differ from the real one.
pub(super) fn refused_as(refusal: Refusal, status: StatusCode) -> Response {
    let Refusal { code, message, .. } = refusal;
    let body = format!(r#"{{"code":"{code}","message":"{message}"}}"#);
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(POSTKEY_STATUS, refusal.status.into());
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
