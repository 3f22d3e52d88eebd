//! `postkey set`: a key's permission, limit and expiry.

use clap::Args;

use super::bounds::Bounds;
use super::{Session, selection};
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
    #[command(flatten)]
    bounds: Bounds,
    /// When it stops by itself: 90d, 2027-01-31 (the first second of that day, UTC), or never
    #[arg(long, value_name = "WHEN")]
    expires: Option<Expiry>,
}

pub(super) fn run(args: Set, session: &mut Session) -> Result<ExitStatus, Error> {
    if args.bounds.given().is_none() && args.expires.is_none() {
        return Err(Error::usage("nothing to set was given").hint(
            "say --permission, --plan, --limit or --expires; `describe` and `rename` do the rest",
        ));
    }
    let permission = args.bounds.permission(session)?;
    let limit = args.bounds.limit(session)?;
    session.edit(&args.name, "set", |key, change| {
        let expires = args
            .expires
            .map(|expires| expires.resolve(change.now()))
            .transpose()?;
        Ok(Key {
            grant: args.grant(key, permission.as_ref(), limit)?,
            ..key.expiring(expires.unwrap_or(key.expires_at))
        })
    })
}

impl Set {
    fn grant(
        &self,
        key: &Key,
        new_permission: Option<&Permission>,
        new_limit: Option<Limit>,
    ) -> Result<Grant, Error> {
        match &key.grant {
            Grant::Api { permission, limit } => Ok(Grant::Api {
                permission: new_permission.unwrap_or(permission).clone(),
                limit: new_limit.unwrap_or(*limit),
            }),
            smtp @ Grant::Smtp { .. } => self.bounds.refuse().map(|()| smtp.clone()),
        }
    }
}
