//! `postkey verify`: checks a secret.

use std::net::IpAddr;

use clap::Args;

use crate::arguments;
use crate::context::secret_prompt;
use crate::context::secret_prompt::PresentedSecret;
use crate::context::{Context, access_flags};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Allowance, Kind, Permission, Username, WindowUse};
use crate::ui::{SecretRole, VerdictDetails, VerdictView};
use crate::usage::{RequestKind, UsageEvent, UsageStore, read_address};
use crate::vault::{StoredSecret, Vault};
use crate::verify::{Client, Need, Question, SecretMatch, Verdict, allowance, judge};

/// Check a secret from standard input
///
/// Prints the verdict and its exact reason, and exits 0 if the secret is accepted, 1 if not. The
/// verdicts are accepted, malformed, unknown, mismatch, decoy, inactive, expired, retired,
/// replaced, revoked, deleted, network, permission-missing and over-limit. On a terminal, the secret is
/// prompted for and not shown.
///
/// The check is recorded as a use of the key and counts against its limit.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  printf %s \"$KEY\" | postkey verify
  postkey verify <key.txt >/dev/null && echo valid
  postkey verify --username ops@example.com
  postkey verify --method POST --path /v3/smtp/email --no-record <key.txt")]
pub struct Verify {
    /// Accept only a key of this kind
    #[arg(long, value_parser = arguments::one_of::<Kind>())]
    kind: Option<Kind>,
    /// SMTP: the login that the secret must belong to; required for imported passwords
    #[arg(long)]
    username: Option<Username>,
    /// API: the permission that the key must have; `full` permits everything
    #[arg(long, conflicts_with_all = ["method", "path"], add = access_flags::permissions())]
    permission: Option<Permission>,
    /// API: the request that the key must permit, as in GET
    #[arg(long, requires = "path")]
    method: Option<String>,
    /// API: that request's path, as in /v3/contacts
    #[arg(long, requires = "method")]
    path: Option<String>,
    /// The client's IP address, for the key's networks and the usage record
    #[arg(long, value_name = "ADDRESS", value_parser = read_address)]
    ip: Option<IpAddr>,
    /// Do not record the use, nor count it against the key's limit
    #[arg(long)]
    no_record: bool,
}

pub(super) fn run(args: Verify, context: &mut Context) -> Result<ExitStatus, Error> {
    if let Some(permission) = &args.permission {
        context.settings.permissions.expect(permission.clone())?;
    }
    let mut presentation = secret_prompt::present(context, args.username.as_ref())?;
    let (verdict, allowance) = args.judge(&presentation, context);
    if let Some(vault) = presentation.vault.as_mut().filter(|_| !args.no_record) {
        if matches!(verdict, Verdict::Expired | Verdict::Retired) {
            context.note_ends(vault);
        }
        if let Ok(secret) = presentation.matched.secret()
            && secret.learned.is_some()
        {
            context.store_digest(secret, vault);
        }
    }
    let display = context.display_at(presentation.at);
    let secret = presentation.matched.secret();
    let key = secret.ok().map(|secret| &secret.record.key);
    let view = VerdictView::new(
        &VerdictDetails {
            verdict,
            key,
            which: secret.ok().map(SecretRole::of),
            allowance,
            login: args.compared(&presentation.matched),
            dead: presentation.matched.dead(),
        },
        &display,
    );
    context.ui.result(&view, &view.line())?;
    Ok(if verdict.is_accepted() {
        ExitStatus::Done
    } else {
        ExitStatus::No
    })
}

impl Verify {
    fn question(&self) -> Question<'_> {
        let need = match (&self.permission, &self.method, &self.path) {
            (Some(permission), ..) => Need::Permission(permission),
            (None, Some(method), Some(target)) => Need::Request { method, target },
            _ => Need::Nothing,
        };
        Question {
            kind: self.kind,
            username: self.username.as_ref().map(Username::as_str),
            need,
            client: self
                .ip
                .map_or(Client::None, |address| Client::At(Some(address))),
        }
    }

    /// The login whose imported password does not match.
    fn compared(&self, matched: &SecretMatch) -> Option<&str> {
        let is_compared = matches!(matched, SecretMatch::WrongPassword(_));
        let login = self.username.as_ref().filter(|_| is_compared);
        login.map(Username::as_str)
    }

    /// Decides, and records that before the verdict is printed; also returns what is left of the
    /// key's limit.
    fn judge(
        &self,
        presented: &PresentedSecret,
        context: &Context,
    ) -> (Verdict, Option<Allowance>) {
        let decide = |used: WindowUse| match presented.matched.secret() {
            Err(verdict) => (verdict, None),
            Ok(secret) => self.decide(secret, presented, used, context),
        };
        let Some(vault) = &presented.vault else {
            return decide(WindowUse::default());
        };
        let (decided, without) = if self.no_record {
            let decided = presented.used(context).map(decide);
            (
                decided,
                "cannot tell how much of its limit the key has used",
            )
        } else {
            let decided = self.record(presented, vault, context, decide);
            (decided, "the use was not recorded")
        };
        decided.unwrap_or_else(|error| {
            context.ui.warn(format!("{without}: {error}"));
            decide(WindowUse::default())
        })
    }

    fn decide(
        &self,
        secret: &StoredSecret,
        presented: &PresentedSecret,
        used: WindowUse,
        context: &Context,
    ) -> (Verdict, Option<Allowance>) {
        let permissions = &context.settings.permissions;
        let verdict = judge(secret, &self.question(), permissions, presented.at, used);
        let allowance = allowance(&secret.record, self.question().need, used, presented.at);
        let is_spent = verdict.is_accepted() && !self.no_record;
        (
            verdict,
            allowance.map(|left| if is_spent { left.next() } else { left }),
        )
    }

    fn record(
        &self,
        presented: &PresentedSecret,
        vault: &Vault,
        context: &Context,
        decide: impl Fn(WindowUse) -> (Verdict, Option<Allowance>),
    ) -> Result<(Verdict, Option<Allowance>), crate::usage::Error> {
        let (key, tail) = match &presented.matched {
            SecretMatch::Nobody(_) => (None, None),
            SecretMatch::Lookalike(key) | SecretMatch::WrongPassword(key) => (Some(*key), None),
            SecretMatch::Secret(secret) => (Some(secret.record.id), Some(secret.tail.clone())),
            SecretMatch::Dead(dead) => (Some(dead.key_id), Some(dead.tail.clone())),
        };
        let settings = &context.settings;
        let mut usage = UsageStore::open_or_create(vault, settings.wait, settings.retention)?;
        let permissions = &settings.permissions;
        let needed = match self.question().need {
            Need::Request { method, target } => permissions.matching(method, target),
            _ => None,
        };
        let needed = needed.as_ref().map(RequestKind::of).unwrap_or_default();
        let secret = presented.matched.secret().ok();
        let is_api = secret.is_some_and(|secret| secret.record.key.kind() == Kind::Api);
        let needed = Some(needed).filter(|_| is_api);
        let recorded = usage.record_request(key, (needed, permissions), |used| {
            let (verdict, allowance) = decide(used);
            let sighting = UsageEvent {
                key,
                tail,
                verdict: verdict.into_str(),
                count: 1,
                at: presented.at,
                address: self.ip,
            };
            let next = allowance.filter(|_| verdict.is_accepted());
            let next = next.map(|left| left.with_count(1));
            ((verdict, allowance), sighting, next)
        });
        recorded.map_err(|error| usage.explained(error))
    }
}
