//! The paths of `serve` and their responses.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::Response;
use axum::routing::{get, post};
use compact_str::ToCompactString;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::http::request::Parts;
use jiff::Timestamp;
use strum::VariantArray;
use tokio::time::{sleep_until, timeout};
use tower_service::Service;

use super::app::{App, Received};
use super::auth_request::{Caller, CallerRequest};
use super::authorizer::Decision;
use super::refusal::{POSTKEY_STATUS, UNAVAILABLE, refused, refused_as};
use super::{cors, mail};
use crate::vault::Error;
use crate::verify::{Refusal, Verdict};

/// How long the health check may take.
const PROBE_TIMEOUT: Duration = Duration::from_millis(750);

/// The maximum `Retry-After`, in seconds. Some clients silently sleep that long (urllib3, and with
/// it Brevo's older Python clients); the end of a longer window is in `X-RateLimit-Reset`.
const MAX_RETRY_AFTER: i64 = 60;

const POSTKEY_NAME: HeaderName = HeaderName::from_static("x-postkey-name");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The metrics' name for preflights.
const PREFLIGHT: &str = "preflight";

/// For an invalid request.
const BAD_REQUEST: Refusal = Refusal {
    status: 400,
    code: "bad_request",
    message: "method and path must be given together, and address must be an IP address; nothing \
         else is allowed",
};
const NOT_FOUND: Refusal = Refusal {
    status: 404,
    code: "not_found",
    message: "Not found",
};

/// A response, or what is needed to get one.
enum Reply<'a> {
    Now(Response),
    /// Rare parts are boxed, to keep those of every request small.
    Later(Pin<Box<dyn Future<Output = Response> + Send + 'a>>),
}

impl Reply<'_> {
    /// The response, which no cache may reuse for another request.
    async fn answer(self) -> Response {
        let mut response = self.response().await;
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(CACHE_CONTROL, no_store);
        response
    }

    async fn response(self) -> Response {
        match self {
            Self::Now(response) => response,
            Self::Later(answer) => answer.await,
        }
    }
}

/// Answers a request. Those about keys are by far the most frequent: they skip the other paths, and
/// are answered at once if that does not block.
pub(super) fn reply<'a>(
    app: &'a App,
    router: &'a Router,
    request: hyper::Request<Incoming>,
) -> impl Future<Output = Response> + Send + use<'a> {
    let path = request.uri().path();
    let caller = Caller::VARIANTS
        .iter()
        .copied()
        .find(|caller| caller.path() == path);
    let reply = match caller {
        Some(caller) => app.decide(caller, request.into_parts().0),
        None => {
            let answer = router.clone().call(request);
            Reply::Later(Box::pin(async {
                answer.await.unwrap_or_else(|never| match never {})
            }))
        }
    };
    reply.answer()
}

/// The other paths.
pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/dovecot", post(mail::report))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .fallback(async || refused(NOT_FOUND))
        .layer(DefaultBodyLimit::max(mail::MAX_REPORT))
        .with_state(app)
}

impl App {
    fn decide(&self, caller: Caller, parts: Parts) -> Reply<'_> {
        let Some(taken) = caller.take(&parts, &self.credentials) else {
            return Reply::Now(refused(BAD_REQUEST));
        };
        if self.is_preflight(caller, &taken, &parts.headers) {
            self.metrics.count(caller, PREFLIGHT);
            return Reply::Now(preflight());
        }
        let received = Received::now();
        match self.authorizer.try_decide(taken.asked(), received.at) {
            Some(decision) => self.answer_decision(caller, decision, received, parts.headers),
            None => Reply::Later(Box::pin(self.decide_blocking(caller, parts, received))),
        }
    }

    async fn decide_blocking(&self, caller: Caller, parts: Parts, received: Received) -> Response {
        let Some(taken) = caller.take(&parts, &self.credentials) else {
            return refused(BAD_REQUEST);
        };
        let decision = self.authorizer.decide(taken.asked(), received.at).await;
        let reply = self.answer_decision(caller, decision, received, parts.headers);
        reply.response().await
    }

    fn is_preflight(&self, caller: Caller, taken: &CallerRequest<'_>, headers: &HeaderMap) -> bool {
        caller.is_gateway()
            && cors::is_preflight(&self.cors_origins, taken.method(), headers)
            && self.credentials.are_absent(headers)
    }

    /// Counts a decision and answers it, or that there is none; delays a refusal.
    fn answer_decision(
        &self,
        caller: Caller,
        decision: Result<Decision, Error>,
        received: Received,
        asked: HeaderMap,
    ) -> Reply<'static> {
        let answer_at = decision.as_ref().ok();
        let answer_at =
            answer_at.and_then(|decision| self.authorizer.answer_at(decision, received.instant));
        let origin = cors::allowed(&self.cors_origins, &asked);
        let mut answer = match &decision {
            Ok(decision) => {
                self.metrics.count(caller, decision.verdict.into_str());
                answer(caller, decision, received.at, asked)
            }
            Err(error) => {
                self.note_vault(Some(error));
                self.metrics.count(caller, UNAVAILABLE.code);
                refused(UNAVAILABLE)
            }
        };
        let verdict = decision.map(|decision| decision.verdict);
        if verdict
            .as_ref()
            .is_ok_and(|verdict| verdict.refusal() == Some(Refusal::UNAUTHORIZED))
        {
            let challenge = self.credentials.challenge();
            answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(origin) = origin.filter(|_| !verdict.is_ok_and(Verdict::is_accepted)) {
            cors::allow_read(&mut answer, origin);
        }
        match answer_at {
            None => Reply::Now(answer),
            Some(instant) => Reply::Later(Box::pin(async move {
                sleep_until(instant.into()).await;
                answer
            })),
        }
    }
}

/// The response that lets a preflight pass. The name is present and empty: Caddy would pass on the
/// placeholder for a missing one.
fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(POSTKEY_STATUS, HeaderValue::from_static("200"));
    headers.insert(POSTKEY_NAME, HeaderValue::from_static(""));
    response
}

/// The response to a gateway or an application. Reuses the memory of the request's header map.
fn answer(caller: Caller, decision: &Decision, now: Timestamp, mut asked: HeaderMap) -> Response {
    let mut response = match decision.verdict.refusal() {
        None => {
            let mut response = Response::new(Body::empty());
            asked.clear();
            *response.headers_mut() = asked;
            response
        }
        // nginx only takes 401 and 403 for a refusal.
        Some(refusal) if caller == Caller::Nginx && refusal.status != 401 => {
            refused_as(refusal, StatusCode::FORBIDDEN)
        }
        Some(refusal) => refused(refusal),
    };
    let headers = response.headers_mut();
    if let Some(known) = decision
        .known
        .as_ref()
        .filter(|_| decision.verdict.is_accepted())
    {
        headers.insert(POSTKEY_STATUS, HeaderValue::from_static("200"));
        headers.insert(POSTKEY_NAME, plain(known.secret.record.key.name.as_str()));
    }
    if let Some(allowance) = decision.allowance.filter(|_| is_valid(decision)) {
        headers.insert(LIMIT, number(allowance.limit));
        headers.insert(REMAINING, number(allowance.remaining()));
        headers.insert(RESET, number(allowance.resets_at));
        if decision.verdict.refusal() == Some(Refusal::TOO_MANY_REQUESTS) {
            let wait = (allowance.resets_at - now.as_second()).max(1);
            if wait <= MAX_RETRY_AFTER {
                headers.insert(RETRY_AFTER, wait.into());
            }
        }
    }
    response
}

/// A number as a header's value, with one allocation where the type itself needs two.
fn number(number: impl ToCompactString) -> HeaderValue {
    plain(&number.to_compact_string())
}

/// A name or a number as a header's value.
fn plain(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("names and numbers contain only plain characters")
}

/// Whether the secret is valid, even if it may not do this or not now: only then is the limit
/// disclosed.
fn is_valid(decision: &Decision) -> bool {
    decision.verdict.refusal() != Some(Refusal::UNAUTHORIZED)
}

/// Whether keys can be verified now.
async fn health(State(app): State<Arc<App>>) -> Response {
    let source = Arc::clone(&app.source);
    let probe = app.prober.run(move |()| source.probe());
    let probed = timeout(PROBE_TIMEOUT, probe).await;
    match probed.ok().flatten().unwrap_or(Err(Error::Busy)) {
        Ok(()) => {
            app.note_vault(None);
            Response::new(Body::from("ok\n"))
        }
        Err(error) => {
            app.note_vault(Some(&error));
            refused(UNAVAILABLE)
        }
    }
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let cached = i64::try_from(app.authorizer.cached()).unwrap_or(i64::MAX);
    app.metrics.cached.set(cached);
    let mut response = Response::new(Body::from(app.metrics.text()));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS));
    response
}
