//! `postkey import`: imports passwords and keys with their existing hashes.

mod defaults;
mod entry;
mod fault;
mod field;
mod input;
mod line;
mod object;
mod plan;

use std::path::PathBuf;

use clap::Args;

use crate::arguments;
use crate::context::Context;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Description, Expiry, Hash, HashMemory, Status};
use crate::ui::{
    ALLOWS_WEAK, DisplayContext, ImportedView, Outcome, counted, quoted_names,
    refused_by_dovecot_2_4,
};
use crate::vault::{self, Action, Vault};
use defaults::{ImportDefaults, InputFormat};
use entry::ImportEntry;
use fault::InvalidLines;
use plan::ImportPlan;

/// Import passwords and keys with their hashes
///
/// Each user of a Dovecot passwd-file or an htpasswd file becomes an SMTP key with the same
/// password: Dovecot keeps accepting it, and so does `postkey verify --username`. The key's name is
/// derived from the username: `ops-example.com` from `ops@example.com`. Supported schemes are
/// ARGON2ID, ARGON2I, ARGON2, BLF-CRYPT, SHA512-CRYPT, SHA256-CRYPT, MD5-CRYPT, PBKDF2, SSHA,
/// SSHA256, SSHA512, SHA, SHA256, SHA512, and CRYPT with one of these. A plaintext password
/// (`{PLAIN}…`) is hashed; it is only read from standard input.
///
/// JSON is an array of objects, or one object per line: `username`, and `hash` or `password`
/// (plaintext), make an SMTP key; optional are `name`, `description`, `status` (or `disabled`,
/// `locked`, `enabled`, `active`), `created_at` and `expires_at`. Any other field is an error. An
/// object with a `tail`, as postkey exports it, is a key of either kind with its secret unchanged.
/// It has a `digest`, and for an SMTP key a `hash`.
///
/// All or nothing: if a line is invalid, each invalid line is reported with its number, and nothing
/// is imported.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey import dovecot --dry-run /etc/dovecot/users
  postkey import htpasswd --expires 90d .htpasswd
  postkey import dovecot - --skip-existing <users
  postkey import json keys.json")]
pub struct Import {
    /// The format
    #[arg(value_enum, value_name = "FORMAT")]
    form: InputFormat,
    /// The file, or `-` for standard input
    #[arg(value_parser = arguments::paths_or_dash(), value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Only print what would be imported; exit 1 if anything would be
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// Skip users and keys that already exist; otherwise that is an error
    #[arg(long)]
    skip_existing: bool,
    /// What the keys are for, where the input has no description; not secret
    #[arg(long, value_name = "TEXT")]
    description: Option<Description>,
    /// When the keys expire, where the input does not say: 90d, 2027-01-31, or never
    #[arg(long, value_name = "WHEN")]
    expires: Option<Expiry>,
    /// Import keys as inactive, where the input does not say; `postkey activate` activates them
    #[arg(long)]
    inactive: bool,
}

pub(super) fn run(args: Import, context: &mut Context) -> Result<ExitStatus, Error> {
    context.expect_own_home()?;
    let now = Context::clock();
    let expires = args.expires.unwrap_or(context.settings.expires);
    context.note_minutes([expires.minutes()]);
    let input = input::read(args.file.as_deref())?;
    let vault = context.open_if_exists()?;
    let vault = match args.dry_run {
        true => {
            if vault.is_none() {
                context.note_vault_would_be_created();
            }
            vault
        }
        false => vault.map(|vault| context.checked(vault)).transpose()?,
    };
    let making = ImportDefaults {
        now,
        expires_at: expires.resolve(now)?,
        description: args.description.clone(),
        status: match args.inactive {
            true => Status::Inactive,
            false => Status::Active,
        },
        permissions: &context.settings.permissions,
        is_input: input.is_standard,
        form: args.form,
    };
    let mut faults = InvalidLines::default();
    let entries = making.entries(&input.bytes, &mut faults);
    let plan = ImportPlan::new(entries, vault.as_ref(), args.skip_existing, &mut faults)?;
    if !faults.is_empty() {
        return Err(faults.report(context));
    }
    plan.expect_not_empty(args.file.as_deref())?;
    let display = context.display_at(now);
    if args.dry_run {
        return report(&plan, Outcome::WouldBeImported, &display, context);
    }
    import(plan, vault, &display, context)
}

/// Creates the keys in one transaction; creates the vault if it is missing.
fn import(
    mut plan: ImportPlan,
    vault: Option<Vault>,
    display: &DisplayContext,
    context: &Context,
) -> Result<ExitStatus, Error> {
    if plan.entries.is_empty() {
        return report(&plan, Outcome::Imported, display, context);
    }
    let memory = &mut HashMemory::default();
    for entry in &mut plan.entries {
        entry.hash(memory)?;
    }
    let mut vault = vault.map_or_else(|| context.open_or_create(), Ok)?;
    vault.buffer_changes()?;
    vault
        .change(&context.author(Action::Import), |change| {
            let mut imports = plan.entries.iter().filter_map(ImportEntry::kept);
            imports.try_for_each(|(entry, kept)| {
                change.import(&entry.key, kept, entry.old.as_deref(), entry.secret_at)
            })
        })
        .map_err(|error: vault::Error| Error::from(error))?;
    report(&plan, Outcome::Imported, display, context)
}

/// Reports each key, and the total.
fn report(
    plan: &ImportPlan,
    outcome: Outcome,
    display: &DisplayContext,
    context: &Context,
) -> Result<ExitStatus, Error> {
    let mut listing = context.ui.listing(display);
    let entries = plan.entries.iter().map(|entry| (entry, outcome));
    let skipped = plan.skipped.iter().map(|entry| (entry, Outcome::Skipped));
    for (entry, outcome) in entries.chain(skipped) {
        let (key, scheme) = (&entry.key, entry.scheme());
        listing.push(&ImportedView::new(key, scheme, outcome, display.now))?;
    }
    listing.finish::<ImportedView<'_>>()?;
    warn(plan, context);
    note(plan, outcome, context);
    Ok(match (outcome, plan.entries.is_empty()) {
        (Outcome::WouldBeImported, false) => ExitStatus::No,
        _ => ExitStatus::Done,
    })
}

fn note(plan: &ImportPlan, outcome: Outcome, context: &Context) {
    let keys = counted(plan.entries.len() as i64, "key", "keys");
    context.ui.note(match outcome {
        _ if plan.entries.is_empty() => "nothing new to import".to_owned(),
        Outcome::WouldBeImported => format!("{keys} would be imported; nothing was done"),
        _ => format!("imported {keys}"),
    });
    if !plan.skipped.is_empty() {
        let skipped = counted(plan.skipped.len() as i64, "key", "keys");
        context.ui.note(format!("skipped existing keys: {skipped}"));
    }
}

/// Warns of weak hashes, and of those that a newer Dovecot refuses.
fn warn(plan: &ImportPlan, context: &Context) {
    let names = |is_so: fn(&Hash) -> bool| -> Vec<String> {
        let kept = plan.entries.iter().filter_map(ImportEntry::kept);
        let found = kept.filter(|(_, kept)| kept.hash().is_some_and(is_so));
        found.map(|(entry, _)| entry.key.name.to_string()).collect()
    };
    let cheap = names(Hash::is_cheap);
    if !cheap.is_empty() {
        context.ui.warn(format!(
            "easily guessed from their hashes: {}; `postkey rotate NAME` creates a strong secret",
            quoted_names(&cheap)
        ));
    }
    let refused = names(Hash::is_refused_by_dovecot_2_4);
    if !refused.is_empty() {
        let refused = refused_by_dovecot_2_4(&refused);
        context.ui.warn(format!("{refused}; {ALLOWS_WEAK}"));
    }
}
