//! The permission and limit of an API key, as flags of `generate` and `set`.

use std::ffi::OsStr;

use clap::Args;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use super::completion;
use crate::context::Context;
use crate::error::Error;
use crate::key::{Limit, Permission};
use crate::settings::Settings;

/// The flags that only API keys have.
#[derive(Args, Debug)]
pub struct ApiKeyFlags {
    /// API: what it may call: full, read-only, send-only, contacts, or one from the settings
    #[arg(long, add = permissions())]
    pub permission: Option<Permission>,
    /// API: the limit, as a plan: free, starter, business, or one from the settings
    #[arg(long, conflicts_with = "limit", add = plans())]
    plan: Option<String>,
    /// API: the limit, as requests per time: 300/day, 1000/hour, 20/minute, or none
    #[arg(long)]
    pub limit: Option<Limit>,
}

impl ApiKeyFlags {
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

    /// The first of these flags that was given.
    pub fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--permission", self.permission.is_some()),
            ("--plan", self.plan.is_some()),
            ("--limit", self.limit.is_some()),
        ];
        flags
            .into_iter()
            .find_map(|(flag, is_given)| is_given.then_some(flag))
    }

    /// Refuses these flags for an SMTP key.
    pub fn refuse(&self) -> Result<(), Error> {
        match self.given() {
            None => Ok(()),
            Some(flag) => Err(Error::usage(format!("an SMTP key has no {flag}"))
                .with_hint("only API keys have permissions and limits")),
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
