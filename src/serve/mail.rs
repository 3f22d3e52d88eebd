//! Logins that Dovecot reports with its auth policy protocol.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::time::timeout;

use super::Notice;
use super::app::App;
use super::key_usage::PresentedUse;
use super::refusal::{JSON, UNAVAILABLE, refused};
use super::token;
use super::usage_recorder::UsageRecorder;
use crate::key::{Digest, EffectiveStatus, Kind, Tail, WindowUse};
use crate::process;
use crate::serve::vault_handle::VaultHandle;
use crate::settings::Permissions;
use crate::usage::read_address;
use crate::vault::{Error, FoundSecret, KeyId, Record, StoredSecret, Vault};
use crate::verify::{Client, Question, Refusal, Verdict, judge};

/// The maximum size of a report, in bytes.
pub(super) const MAX_REPORT: usize = 64 << 10;

/// How long receiving a report may take.
const REPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// For a report without a login.
const BAD_REPORT: Refusal = Refusal {
    status: 400,
    code: "bad_request",
    message: "The body is not a report of Dovecot's auth policy protocol",
};

/// For a report without the mail server's token.
const NOT_THE_MAIL_SERVER: Refusal = Refusal {
    status: 401,
    code: "unauthorized",
    message: "The report does not contain the vault's token",
};

/// A login attempt (doc.dovecot.org, authentication policy support); unknown fields are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct LoginReport {
    login: String,
    /// Only present in a report: Dovecot's question before a login must not count as one.
    success: bool,
    #[serde(default)]
    remote: String,
    /// The extra column of the password query; empty if that found nothing.
    #[serde(default)]
    tail: String,
    /// The tail of the presented password, if that looks like a secret; otherwise empty, as with an
    /// older configuration.
    #[serde(default)]
    presented_tail: String,
    /// The digest of the same password, which proves what the public tail does not.
    #[serde(default)]
    presented_digest: String,
}

/// The owner of a login, its secret, and the verdict.
#[derive(Debug)]
struct ReportedLogin {
    record: Option<Record>,
    /// The number of the key that no longer has the secret.
    dead: Option<KeyId>,
    tail: Option<Tail>,
    verdict: Verdict,
}

/// Receives a login report from Dovecot. The answer never refuses: the vault has already decided,
/// or will if Dovecot asks before a login.
pub(super) async fn report(State(app): State<Arc<App>>, request: Request) -> Response {
    if request.uri().query() == Some("command=allow") {
        return pass_to_next();
    }
    let is_from_dovecot = is_from_dovecot(&app, request.headers()).await;
    if !matches!(is_from_dovecot, Ok(true)) {
        if !app.was_report_refused.swap(true, Ordering::Relaxed) {
            (app.notify)(Notice::ReportRefused);
        }
        // An unreadable token says nothing about the vault.
        return refused(is_from_dovecot.map_or(UNAVAILABLE, |_| NOT_THE_MAIL_SERVER));
    }
    let body = axum::body::to_bytes(request.into_body(), MAX_REPORT);
    let Ok(Ok(body)) = timeout(REPORT_TIMEOUT, body).await else {
        return refused(BAD_REPORT);
    };
    match count(&app, &body).await {
        None => refused(BAD_REPORT),
        Some(Ok(verdict)) => {
            app.metrics.count_login(verdict);
            app.note_vault(None);
            pass_to_next()
        }
        Some(Err(error)) => {
            app.note_vault(Some(&error));
            refused(UNAVAILABLE)
        }
    }
}

/// Whether a report has the vault's token, which is read each time, since it may be created or
/// replaced meanwhile.
async fn is_from_dovecot(app: &App, headers: &HeaderMap) -> Result<bool, Error> {
    let Some(presented) = token::presented(headers) else {
        return Ok(false);
    };
    let source = Arc::clone(&app.source);
    let token = app.readers.run(move |()| source.token()).await;
    let token = token.unwrap_or(Err(Error::Busy))?;
    Ok(token.is_some_and(|token| token.is(presented)))
}

/// The response that lets Dovecot continue.
fn pass_to_next() -> Response {
    let mut response = Response::new(Body::from(r#"{"status":0,"msg":""}"#));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

async fn count(app: &App, body: &Bytes) -> Option<Result<&'static str, Error>> {
    let report: LoginReport = serde_json::from_slice(body).ok()?;
    let (source, usage_recorder) = (Arc::clone(&app.source), Arc::clone(&app.usage_recorder));
    let count = move |(): &mut ()| report.count(&source, &usage_recorder, process::now());
    let counted = app.readers.run(count).await;
    Some(counted.unwrap_or(Err(Error::Busy)))
}

impl LoginReport {
    /// Counts the login for its key; returns the verdict's word. Blocks.
    pub(super) fn count(
        &self,
        source: &VaultHandle,
        usage_recorder: &UsageRecorder,
        clock: Timestamp,
    ) -> Result<&'static str, Error> {
        let fresh = source.read(|vault| self.login(vault, clock))?;
        let login = fresh.value;
        let key_usage = match (&login.record, login.dead) {
            (Some(record), _) => usage_recorder.key_usage(record, source),
            (None, Some(key)) => usage_recorder.refused(key, source),
            (None, None) => Arc::clone(usage_recorder.unknown_key()),
        };
        let presented = PresentedUse {
            tail: login.tail.as_ref(),
            address: read_address(&self.remote).ok(),
            at: clock,
            request: None,
        };
        let (verdict, _) = usage_recorder.count(&key_usage, presented, |_| (login.verdict, None));
        Ok(verdict.into_str())
    }

    fn login(&self, vault: &Vault, clock: Timestamp) -> Result<ReportedLogin, Error> {
        if self.success {
            return self.accepted(vault);
        }
        Ok(match self.look_up(vault)? {
            Some(FoundSecret::Owned(found)) => {
                let is_it = self.matches_digest(found.verifier.digest());
                ReportedLogin {
                    verdict: match is_it {
                        true => refusal(&found, read_address(&self.remote).ok(), clock),
                        false => Verdict::Mismatch,
                    },
                    dead: None,
                    tail: is_it.then_some(found.tail),
                    record: Some(found.record),
                }
            }
            Some(FoundSecret::Dead(dead)) if self.matches_digest(Some(&dead.digest)) => {
                ReportedLogin {
                    verdict: dead.cause.into(),
                    dead: Some(dead.key_id),
                    tail: Some(dead.tail),
                    record: None,
                }
            }
            Some(FoundSecret::Dead(_)) | None => {
                // The key of a shared login is unknown.
                let record = vault.of_username(self.username())?;
                let verdict = record.as_ref().map(|record| refusal_reason(record, clock));
                ReportedLogin {
                    verdict: verdict.unwrap_or(Verdict::Unknown),
                    dead: None,
                    record,
                    tail: None,
                }
            }
        })
    }

    /// The login, without the tail that the password query puts behind it.
    fn username(&self) -> &str {
        let with_tail = self.login.rsplit_once('/');
        with_tail.map_or(&self.login, |(username, _)| username)
    }

    /// The presented secret, or the one with the same tail.
    fn look_up(&self, vault: &Vault) -> Result<Option<FoundSecret>, Error> {
        let tail: Option<Tail> = self.presented_tail.parse().ok();
        let found = tail.map(|tail| vault.stored(&tail)).transpose()?;
        Ok(found.flatten())
    }

    /// Whether the secret with this digest was presented. One with only a hash, from before
    /// digests, is assumed to be.
    fn matches_digest(&self, kept: Option<&Digest>) -> bool {
        let presented: Option<Digest> = self.presented_digest.parse().ok();
        presented.is_some_and(|presented| kept.is_none_or(|kept| kept.is(&presented)))
    }

    fn accepted(&self, vault: &Vault) -> Result<ReportedLogin, Error> {
        let tail: Option<Tail> = self.tail.parse().ok();
        let by_tail = tail
            .as_ref()
            .map(|tail| vault.presented(tail))
            .transpose()?;
        // An imported password has no known tail, and so none is reported.
        let known = match by_tail.flatten() {
            None if self.tail.is_empty() => vault.imported(self.username())?,
            by_tail => by_tail.filter(|known| known.record.key.kind() == Kind::Smtp),
        };
        let (record, tail) = match known {
            Some(known) => (Some(known.record), Some(known.tail)),
            None => (vault.of_username(self.username())?, tail),
        };
        Ok(ReportedLogin {
            verdict: Verdict::Accepted,
            dead: None,
            tail: record.as_ref().and(tail),
            record,
        })
    }
}

/// Why a login with this secret was refused.
fn refusal(found: &StoredSecret, address: Option<IpAddr>, at: Timestamp) -> Verdict {
    let permissions = Permissions::default();
    let question = Question {
        client: Client::At(address),
        ..Question::default()
    };
    match judge(found, &question, &permissions, at, WindowUse::default()) {
        // It is valid for another login; or Dovecot had an error, which it does not report.
        Verdict::Accepted => Verdict::Mismatch,
        verdict => verdict,
    }
}

/// Why a login with this key was refused, as far as that is known without the secret.
fn refusal_reason(record: &Record, at: Timestamp) -> Verdict {
    match record.key.effective_status(at) {
        // Whether it was the secret of a decoy is unknown.
        EffectiveStatus::Active | EffectiveStatus::Rotating | EffectiveStatus::Decoy => {
            Verdict::Mismatch
        }
        EffectiveStatus::Inactive => Verdict::Inactive,
        EffectiveStatus::Expired => Verdict::Expired,
    }
}
