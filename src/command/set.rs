//! `postkey set`: a key's permission, limit and expiry.

use clap::Args;

use super::{Session, selection, values};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Expiry, Grant, Key, KeyName, Limit, Permission};

/// Changes a key's permission, limit or expiry
///
/// Its secret stays.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey set ci --expires 90d
  postkey set reports --permission read-only --limit 1000/hour")]
pub struct Set {
    /// Which key
    #[arg(add = selection::completer())]
    name: KeyName,
    /// API: what it may call
    #[arg(long, value_parser = values::one_of(Permission::ALL, Permission::word))]
    permission: Option<Permission>,
    /// API: the limit by the name of a plan: free, starter, business, or one of the settings
    #[arg(long, conflicts_with = "limit")]
    plan: Option<String>,
    /// API: how often it may be used: 300/day, 1000/hour, 20/minute, or none
    #[arg(long)]
    limit: Option<Limit>,
    /// When it stops by itself: 90d, 2027-01-31 (the first second of that day, UTC), or never
    #[arg(long, value_name = "WHEN")]
    expires: Option<Expiry>,
}

pub(super) fn run(args: Set, session: &mut Session) -> Result<ExitStatus, Error> {
    let by_plan = args
        .plan
        .as_deref()
        .map(|plan| session.settings.plans.limit(plan))
        .transpose()?;
    let limit = args.limit.or(by_plan);
    if args.permission.is_none() && limit.is_none() && args.expires.is_none() {
        return Err(Error::usage("nothing to set was given").hint(
            "say --permission, --plan, --limit or --expires; `describe` and `rename` do the rest",
        ));
    }
    session.edit(&args.name, "set", |key, change| {
        let expires = args
            .expires
            .map(|expires| expires.resolve(change.now()))
            .transpose()?;
        Ok(Key {
            grant: grant(key, args.permission, limit)?,
            expires_at: expires.unwrap_or(key.expires_at),
            ..key.clone()
        })
    })
}

fn grant(key: &Key, new: Option<Permission>, new_limit: Option<Limit>) -> Result<Grant, Error> {
    match &key.grant {
        Grant::Api { permission, limit } => Ok(Grant::Api {
            permission: new.unwrap_or(*permission),
            limit: new_limit.unwrap_or(*limit),
        }),
        Grant::Smtp { .. } if new.is_some() || new_limit.is_some() => {
            Err(Error::usage(format!("`{}` is an SMTP key", key.name))
                .hint("only API keys have permissions and limits"))
        }
        smtp @ Grant::Smtp { .. } => Ok(smtp.clone()),
    }
}
