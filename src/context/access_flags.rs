//! What a key may do and from where, as flags of `generate` and `set`.

use std::ffi::OsStr;

use clap::Args;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use super::completion;
use crate::context::{Context, random};
use crate::error::Error;
use crate::key::{Access, Kind, Limit, Networks, Permission, Senders, Username};
use crate::settings::Settings;

/// The flags that restrict what a key may do.
#[derive(Args, Debug)]
pub struct AccessFlags {
    /// API: what it may call: full, read-only, send-only, contacts, or one from the settings
    #[arg(long, add = permissions())]
    pub permission: Option<Permission>,
    /// The limit, as a plan: free, starter, business, or one from the settings
    #[arg(long, conflicts_with = "limit", add = plans())]
    plan: Option<String>,
    /// The limit, as requests (API) or recipients (SMTP) per time: 300/day, 1000/hour, 20/minute, or
    /// none
    #[arg(long)]
    pub limit: Option<Limit>,
    /// SMTP: the envelope senders it may use: example.com, .example.com (sub-domains),
    /// robot@example.com, null (bounces), or any; several with commas
    #[arg(long, value_name = "SENDERS")]
    pub sender: Option<Senders>,
    /// The networks it may be used from: 203.0.113.0/24, 2001:db8::/32, or any; several with commas
    #[arg(long, value_name = "NETWORKS")]
    pub network: Option<Networks>,
}

impl AccessFlags {
    /// The given permission.
    pub fn permission(&self, context: &Context) -> Result<Option<Permission>, Error> {
        let given = self.permission.clone();
        let known = given.map(|permission| context.settings.permissions.expect(permission));
        Ok(known.transpose()?)
    }

    /// The given limit, as such or by a plan.
    pub fn limit(&self, context: &Context) -> Result<Option<Limit>, Error> {
        let by_plan = self
            .plan
            .as_deref()
            .map(|plan| context.settings.plans.limit(plan));
        Ok(self.limit.or(by_plan.transpose()?))
    }

    /// What a new key may do, with a username if it was given; flags of the other kind are refused.
    pub fn access(
        &self,
        kind: Kind,
        username: Option<&Username>,
        context: &Context,
    ) -> Result<Access, Error> {
        self.expect_fit(kind)?;
        let limit = self.limit(context)?;
        match kind {
            Kind::Smtp => {
                let generated = || random().map(Username::generated);
                Ok(Access::Smtp {
                    username: username.cloned().map_or_else(generated, Ok)?,
                    senders: self.sender.clone().unwrap_or_default(),
                    limit: limit.unwrap_or(Limit::None),
                })
            }
            Kind::Api if username.is_some() => Err(Error::usage("an API key has no --username")
                .with_hint("only SMTP keys have usernames")),
            Kind::Api => Ok(Access::Api {
                permission: self
                    .permission(context)?
                    .unwrap_or_else(|| context.settings.permission.clone()),
                limit: limit.unwrap_or(context.settings.limit),
            }),
        }
    }

    /// The first of these flags that was given.
    pub fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--permission", self.permission.is_some()),
            ("--plan", self.plan.is_some()),
            ("--limit", self.limit.is_some()),
            ("--sender", self.sender.is_some()),
            ("--network", self.network.is_some()),
        ];
        flags
            .into_iter()
            .find_map(|(flag, is_given)| is_given.then_some(flag))
    }

    /// Refuses flags that only keys of the other kind have.
    pub fn expect_fit(&self, kind: Kind) -> Result<(), Error> {
        let refused = |what: &str, hint: &str| Err(Error::usage(what).with_hint(hint));
        match kind {
            Kind::Smtp if self.permission.is_some() => refused(
                "an SMTP key has no --permission",
                "only API keys have permissions; --sender restricts what an SMTP key may send",
            ),
            Kind::Api if self.sender.is_some() => refused(
                "an API key has no --sender",
                "only SMTP keys have senders; --permission restricts what an API key may call",
            ),
            _ => Ok(()),
        }
    }
}

/// Completes the names of permissions, including those in the settings.
pub fn permissions() -> ArgValueCompleter {
    of_settings(|settings| settings.permissions.names().map(str::to_owned).collect())
}

/// Completes the names of plans, including those in the settings.
fn plans() -> ArgValueCompleter {
    of_settings(|settings| settings.plans.names().map(str::to_owned).collect())
}

/// Completes names defined in the settings.
fn of_settings(names: fn(&Settings) -> Vec<String>) -> ArgValueCompleter {
    ArgValueCompleter::new(move |current: &OsStr| -> Vec<CompletionCandidate> {
        let Some((prefix, context)) = current.to_str().zip(completion::context_of_words()) else {
            return Vec::new();
        };
        let names = names(&context.settings).into_iter();
        let names = names.filter(|name| name.starts_with(prefix));
        names.map(CompletionCandidate::new).collect()
    })
}
