//! `postkey set`: a key's name, description, permission, limit, expiry, and rules of its own.

mod questions;

use std::str::FromStr;

use clap::Args;

use super::decoy;
use crate::context::api_key_flags::ApiKeyFlags;
use crate::context::selection::KeyPrompt;
use crate::context::{Context, selection};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{
    Access, Description, Expiry, Invalid, Key, KeyName, Limit, OwnPolicy, Period, Permission, Term,
};
use crate::vault::Action;

/// Change a key's name, description, permission, limit or expiry
///
/// Its secret does not change. On a terminal, a missing key is prompted for, and what to change if
/// nothing is given.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey set ci --expires 90d
  postkey set web --name shop --description 'the web shop'
  postkey set reports --permission read-only --limit 1000/hour
  postkey set backup --rotate-every 365d --unused-after never")]
pub struct Set {
    /// The key; prompted for on a terminal
    #[arg(add = selection::completer())]
    name: Option<KeyName>,
    /// New name
    #[arg(long = "name", value_name = "NAME")]
    new_name: Option<KeyName>,
    /// What it is for, in at most 200 characters; not secret
    #[arg(long, value_name = "TEXT")]
    description: Option<Description>,
    /// Remove the description
    #[arg(long, conflicts_with = "description")]
    clear_description: bool,
    #[command(flatten)]
    bounds: ApiKeyFlags,
    /// When it expires: 90d, 2027-01-31 (the first second of that day, UTC), or never
    #[arg(long, value_name = "WHEN")]
    expires: Option<Expiry>,
    /// How old its secret may become before `check` reports it: 30d, never, or policy for the
    /// settings' rule
    #[arg(long, value_name = "SPAN")]
    rotate_every: Option<OwnRule>,
    /// How long it may be unused before `check` reports it: 10d, never, or policy for the settings'
    /// rule
    #[arg(long, value_name = "SPAN")]
    unused_after: Option<OwnRule>,
}

/// A rule of a key's own, or none.
#[derive(Clone, Copy, Debug)]
struct OwnRule(Option<Term>);

impl FromStr for OwnRule {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == "policy" {
            return Ok(Self(None));
        }
        text.parse().map(|term| Self(Some(term))).map_err(|_| {
            let rule = "it is a span of time, `never`, or `policy`";
            Invalid::new("a rule's time", text, rule)
                .with_hint("write `30d`, `never`, or `policy` for what the settings say")
        })
    }
}

const QUESTION: KeyPrompt = KeyPrompt {
    text: "Change which key?",
    fits: Some(|key, _| !key.is_decoy),
    none: "every key is a decoy",
};

pub(super) fn run(mut args: Set, context: &mut Context) -> Result<ExitStatus, Error> {
    args.expect_change(context)?;
    let Some(name) = selection::name(args.name.take(), QUESTION, context)? else {
        return Ok(selection::nothing_chosen(context));
    };
    if !args.has_change() && !args.ask_change(&name, context)? {
        return Ok(selection::nothing_chosen(context));
    }
    context.note_minutes(args.minutes());
    let permission = args.bounds.permission(context)?;
    let limit = args.bounds.limit(context)?;
    context.edit_with_policy(&name, Action::Set, |key, policy, change| {
        decoy::expect_none(key, "it has nothing to set")?;
        let expires = args
            .expires
            .map(|expires| expires.resolve(change.now()))
            .transpose()?;
        let key = Key {
            name: args.new_name.as_ref().unwrap_or(&key.name).clone(),
            description: args.description(key),
            access: args.access(key, permission.as_ref(), limit)?,
            ..expires.map_or_else(|| key.clone(), |end| key.expiring(end))
        };
        Ok((key, args.policy(policy)))
    })
}

impl Set {
    /// Makes sure that a change was given, or can be asked for.
    fn expect_change(&self, context: &Context) -> Result<(), Error> {
        let hint = "give --name, --description, --permission, --plan, --limit, --expires, \
                    --rotate-every or --unused-after";
        match self.has_change() {
            true => Ok(()),
            false if context.is_yes => Err(Error::usage("nothing to change").with_hint(hint)),
            false => context.ui.expect_person("no change given", hint),
        }
    }

    fn has_change(&self) -> bool {
        let is_about = self.new_name.is_some() || self.description.is_some();
        let is_policy = self.rotate_every.is_some() || self.unused_after.is_some();
        let is_access = self.expires.is_some() || self.bounds.given().is_some();
        is_about || self.clear_description || is_policy || is_access
    }

    fn description(&self, before: &Key) -> Option<Description> {
        let kept = || {
            before
                .description
                .clone()
                .filter(|_| !self.clear_description)
        };
        self.description.clone().or_else(kept)
    }

    /// What may be meant to be months.
    fn minutes(&self) -> [Option<Period>; 3] {
        let of_rule = |rule: Option<OwnRule>| rule.and_then(|rule| rule.0?.minutes());
        [
            self.expires.and_then(Expiry::minutes),
            of_rule(self.rotate_every),
            of_rule(self.unused_after),
        ]
    }

    fn policy(&self, before: OwnPolicy) -> OwnPolicy {
        let or = |given: Option<OwnRule>, before| given.map_or(before, |OwnRule(rule)| rule);
        OwnPolicy {
            rotate_every: or(self.rotate_every, before.rotate_every),
            unused: or(self.unused_after, before.unused),
        }
    }

    fn access(
        &self,
        key: &Key,
        new_permission: Option<&Permission>,
        new_limit: Option<Limit>,
    ) -> Result<Access, Error> {
        match &key.access {
            Access::Api { permission, limit } => Ok(Access::Api {
                permission: new_permission.unwrap_or(permission).clone(),
                limit: new_limit.unwrap_or(*limit),
            }),
            smtp @ Access::Smtp { .. } => self.bounds.refuse().map(|()| smtp.clone()),
        }
    }
}
