//! Logins that a mail server asks about. Only on a unix socket: any user of this machine could
//! guess passwords on a loopback port.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::response::Response;
use axum::routing::get;
use base64ct::{Base64, Encoding};
use hyper::Uri;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde::Deserialize;
use tokio::time::sleep_until;
use zeroize::Zeroizing;

use super::app::{App, Received};
use super::authorizer::{Decision, LoginAttempt};
use super::credentials::{of_scheme, text};
use super::refusal::{UNAVAILABLE, refused};

use crate::usage::read_address;
use crate::verify::Refusal;

/// The challenge for a client without a valid password (RFC 7617).
const CHALLENGE: HeaderValue =
    HeaderValue::from_static(r#"Basic realm="postkey", charset="UTF-8""#);

/// For an invalid login: which part of it is wrong is not disclosed.
const REFUSED: Refusal = Refusal {
    status: 401,
    code: "unauthorized",
    message: "Invalid username or password",
};

/// For a request without a login.
const BAD_LOGIN: Refusal = Refusal {
    status: 400,
    code: "bad_request",
    message: "A login must be one Authorization: Basic header, with at most an address in the \
         query",
};

/// The query of a request.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginQuery {
    /// The client's address. PAM may send a host name, which is ignored.
    address: Option<String>,
}

/// A username and a password from `Authorization: Basic` (RFC 7617).
struct Basic {
    decoded: Zeroizing<Vec<u8>>,
    /// The end of the username.
    colon: usize,
}

/// The paths that only exist on unix sockets.
pub(super) fn router(app: Arc<App>) -> Router {
    Router::new().route("/login", get(answer)).with_state(app)
}

async fn answer(State(app): State<Arc<App>>, request: Request) -> Response {
    let basic = Basic::of(request.headers());
    let (Some(basic), Some(parameters)) = (basic, LoginQuery::of(request.uri())) else {
        return refused(BAD_LOGIN);
    };
    let address = parameters.address.as_deref().unwrap_or_default();
    let attempt = LoginAttempt {
        username: basic.username(),
        password: basic.password(),
        address: read_address(address).ok(),
    };
    let received = Received::now();
    match app.authorizer.decide_login(attempt, received.at).await {
        Ok(decision) => {
            app.note_vault(None);
            answer_decision(&app, &decision, received).await
        }
        Err(error) => {
            app.metrics.count_login(UNAVAILABLE.code);
            app.note_vault(Some(&error));
            refused(UNAVAILABLE)
        }
    }
}

/// Counts a decision and answers it; delays a refusal.
async fn answer_decision(app: &App, decision: &Decision, received: Received) -> Response {
    app.metrics.count_login(decision.verdict.into_str());
    if let Some(instant) = app.authorizer.answer_at(decision, received.instant) {
        sleep_until(instant.into()).await;
    }
    if decision.verdict.is_accepted() {
        return Response::new(Body::empty());
    }
    let mut response = refused(REFUSED);
    response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
    response
}

impl LoginQuery {
    fn of(uri: &Uri) -> Option<Self> {
        let query = Query::try_from_uri(uri).ok()?;
        Some(query.0)
    }
}

impl Basic {
    /// The only credentials of a request; `None` if they are invalid.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(only), None) = (values.next(), values.next()) else {
            return None;
        };
        let encoded = of_scheme("basic", text(only))?;
        let decoded = Zeroizing::new(Base64::decode_vec(encoded).ok()?);
        let colon = decoded.iter().position(|&byte| byte == b':')?;
        Some(Self { decoded, colon })
    }

    /// The username; empty, and so unknown, if it is not UTF-8.
    fn username(&self) -> &str {
        str::from_utf8(&self.decoded[..self.colon]).unwrap_or_default()
    }

    /// The password; empty, and so wrong, if it is not UTF-8.
    fn password(&self) -> &str {
        str::from_utf8(&self.decoded[self.colon + 1..]).unwrap_or_default()
    }
}
