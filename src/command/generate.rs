//! `postkey generate`: creates a key, or many.

mod bulk_error;
mod decoy;
mod destination;
mod existing;
mod flags;
mod many;
mod notes;
mod questions;
mod requested_name;

use crate::context::{Context, selection};
use crate::delivery::options::DeliveredKey;
use crate::delivery::{Failure, NewKey, NewSecret, Target};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Access, Key, KeyPolicy, Kind};
use crate::vault::{self, Action, Author, Change, Vault};
pub use flags::Generate;

pub(super) fn run(mut args: Generate, context: &mut Context) -> Result<ExitStatus, Error> {
    args.expect_decoy_fields()?;
    // Reported before a vault is created.
    args.labels.labels()?;
    if let (Some(names), Some(kind)) = (&args.from, args.kind) {
        return many::run(&args, names, kind, context);
    }
    if args.save_dir.is_some() {
        return Err(Error::usage("--save-dir requires --from")
            .with_hint("add --from FILE with the names of the keys, one per line"));
    }
    let Some((kind, name)) = args.complete(context)? else {
        return Ok(selection::report_cancelled(context));
    };
    let expires = args.expiry(&context.settings);
    expires.resolve(Context::clock())?;
    context.note_minutes([expires.minutes()]);
    args.access(kind, context)?;
    if args.if_absent && existing::is_there(&name, &args, kind, context)? {
        return Ok(ExitStatus::Done);
    }
    if kind == Kind::Smtp && args.username.is_none() {
        args.username = args.default_username(&name, context)?;
    }
    let access = args.access(kind, context)?;
    args.delivery.expect(context)?;
    let subject = DeliveredKey {
        name: &name,
        kind,
        username: args.username.as_ref(),
        before: None,
        overwrite: Some(args.overwrite),
    };
    let seen = context.open_existing(args.dry_run)?;
    let target = args.delivery.target(&subject, seen.as_ref(), context)?;
    drop(seen);
    if args.dry_run.is_dry_run {
        if args.passphrase.is_file() {
            args.sealer(&name, context)?;
        }
        let tail = NewSecret::generate(kind, &context.settings.brand)?.tail();
        let key = args.key(name, access, tail, Context::clock(), expires)?;
        return rehearse(&key, &args, context);
    }
    let Some(sealer) = args.sealer(&name, context)? else {
        context.ui.note("no passphrase given; no key was created");
        return Ok(ExitStatus::No);
    };
    let mut vault = context.open_or_create()?;
    let author = context.author(Action::Generate);
    let secret = NewSecret::generate(kind, &context.settings.brand)?.sealed_by(sealer);
    let key = args.key(name.clone(), access, secret.tail(), author.clock, expires)?;
    let new = NewKey {
        key,
        policy: KeyPolicy::default(),
        secret,
        is_staged: false,
        target,
        context,
    };
    create(&new, &args, &mut vault, &author)
}

/// Checks that a key could be created, and shows it.
fn rehearse(key: &Key, args: &Generate, context: &Context) -> Result<ExitStatus, Error> {
    match context.open_if_exists()? {
        None => context.note_vault_would_be_created(),
        Some(mut vault) => {
            args.expect_default_possible(&vault)?;
            let author = context.author(Action::Generate);
            let free = |change: &Change<'_>| change.expect_free(&key.name, key.username());
            match vault.rehearse(&author, free) {
                Err(error @ vault::Error::NameTaken(_)) => return Err(name_taken(error)),
                free => free?,
            }
        }
    }
    let (kind, terms) = (key.kind().title(), terms(key, context));
    let what = format!("would create {kind} key `{}` ({terms})", key.name);
    context.ui.note(what);
    context.note_dry_run(args.dry_run);
    Ok(ExitStatus::Done)
}

/// The error if the name is taken and --if-absent was not given.
fn name_taken(error: vault::Error) -> Error {
    Error::from(error).with_hint("choose another name, or keep that key with --if-absent")
}

fn create(
    new: &NewKey<'_>,
    args: &Generate,
    vault: &mut Vault,
    author: &Author,
) -> Result<ExitStatus, Error> {
    let (context, key, target) = (new.context, &new.key, &new.target);
    match context.deliver(new, vault, author) {
        // Another process was faster.
        Err(Failure::Staging(vault::Error::NameTaken(name))) if args.if_absent => {
            existing::is_there(&name, args, key.kind(), context)?;
            return Ok(ExitStatus::Done);
        }
        Err(Failure::Staging(error @ vault::Error::NameTaken(_))) => {
            return Err(name_taken(error));
        }
        delivered => delivered?,
    };
    report(key, new.secret.is_sealed(), target, context);
    if args.username.is_none() {
        print_generated_username(key, target, context);
    }
    Ok(ExitStatus::Done)
}

/// Prints a generated username if nothing else shows it.
fn print_generated_username(key: &Key, target: &Target<'_>, context: &Context) {
    let is_told = !context.ui.is_quiet || target.destination.has_username();
    if let Some(username) = key.username().filter(|_| !is_told) {
        context
            .ui
            .print_always(format!("the username of `{}` is {username}", key.name));
    }
}

/// Reports the new key, after the secret.
fn report(key: &Key, is_sealed: bool, target: &Target<'_>, context: &Context) {
    let (kind, terms) = (key.kind().title(), terms(key, context));
    context
        .ui
        .note(format!("created {kind} key `{}` ({terms})", key.name));
    let again = "`postkey reveal` shows its secret again";
    let parts = [
        target.describe("its secret", is_sealed),
        is_sealed.then(|| again.to_owned()),
        Some(notes::next_step(key, target.destination.variable())),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    context.ui.note(parts.join("; "));
}

/// The new key's status and what it may do, as a clause.
fn terms(key: &Key, context: &Context) -> String {
    let display = context.display_at(key.created_at);
    let access = match &key.access {
        Access::Smtp { username, .. } => format!("username {username}"),
        Access::Api { .. } if key.is_decoy => "never valid".to_owned(),
        Access::Api { permission, limit } => format!("permission {permission}, limit {limit}"),
    };
    let status = key.effective_status(display.now).into_str();
    match key.is_decoy {
        true => notes::decoy_terms(status, &access),
        false => notes::terms(status, &access, key.expires_at, &display),
    }
}
