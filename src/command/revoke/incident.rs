//! The report on a leak: gathered, and written to a new file.

use std::path::Path;

use jiff::Timestamp;

use crate::arguments::DashMeaning;
use crate::command::revoke::revocation::{Revocation, RevokedKey};
use crate::context::Context;
use crate::error::Error;
use crate::files::{self, Draft, FileRole, IfExists};
use crate::ui::Incident;
use crate::usage::{RefusalFilter, RefusalSummary, UsageStore};
use crate::verify::Verdict;

/// How many entries of a key's log the report has, the newest.
const MAX_ENTRIES: usize = 1000;

/// The refusals of secrets that are no longer valid.
const ENDED_VERDICTS: [Verdict; 6] = [
    Verdict::Inactive,
    Verdict::Expired,
    Verdict::Retired,
    Verdict::Replaced,
    Verdict::Revoked,
    Verdict::Deleted,
];

/// Why the report cannot go to `-`.
pub const NOT_A_FILE: DashMeaning =
    DashMeaning::Nothing("standard output is reserved for the secret");

/// Writes the report on the revoked keys.
pub fn write(
    path: &Path,
    revocation: &Revocation,
    leaked_at: Option<Timestamp>,
    context: &Context,
) -> Result<(), Error> {
    let mut reports = Vec::new();
    for stopped in &revocation.stopped {
        reports.push(report(stopped, revocation, leaked_at, context)?);
    }
    let is_over = revocation.renewed.is_some();
    create(path, &reports.join("\n")).map_err(|error| report_error(error, is_over))?;
    let path = path.display();
    context.ui.note(format!("wrote the report to `{path}`"));
    Ok(())
}

fn report(
    stopped: &RevokedKey,
    revocation: &Revocation,
    leaked_at: Option<Timestamp>,
    context: &Context,
) -> Result<String, Error> {
    let (vault, record) = (&revocation.vault, &stopped.record);
    let log = vault.recent(record, MAX_ENTRIES)?;
    let mut uses = context.uses(vault);
    let mut incident = Incident {
        key: &record.key,
        secrets: &stopped.secrets,
        renewed: revocation.renewed.as_ref(),
        replacement: revocation.replacement,
        seen: stopped.seen,
        leaked_at,
        is_log_whole: log.len() < MAX_ENTRIES,
        log: &log,
        used: uses.details(record, &context.ui),
        refusals: RefusalSummary::default(),
    };
    if let Some(since) = incident.deactivated_at() {
        let now = Context::clock();
        let tails = stopped.secrets.iter().map(|secret| &secret.tail);
        let tails: Vec<_> = tails.chain([&record.key.tail]).collect();
        let filter = RefusalFilter {
            key: record.id,
            tails: &tails,
            verdicts: &ENDED_VERDICTS.map(Verdict::into),
            since: Some(since),
        };
        let refusals = |usage: &UsageStore| usage.refusals(filter, now);
        incident.refusals = uses.read(&context.ui, refusals);
    }
    Ok(incident.markdown(&context.display()))
}

/// Checks in advance, as far as possible, that the report can be written.
pub fn expect_private_folder(path: &Path) -> Result<(), Error> {
    let begun = Draft::begin(path, FileRole::Report, IfExists::Keep);
    begun.map(drop).map_err(|error| report_error(error, false))
}

/// Creates a new file; fails if there is one.
fn create(path: &Path, report: &str) -> Result<(), files::Error> {
    let mut draft = Draft::begin(path, FileRole::Report, IfExists::Keep)?;
    draft.write(report.as_bytes())?;
    draft.publish()
}

/// Once the key has a new secret, repeating the command for the report would revoke that one.
fn report_error(error: files::Error, is_over: bool) -> Error {
    if is_over || matches!(error, files::Error::Unsynced { .. }) {
        return error.into();
    }
    let hint = match &error {
        files::Error::Refused { hint, path, .. } => format!("{}; ", files::hint_of(hint, path)),
        _ => String::new(),
    };
    Error::from(error).with_hint(format!(
        "{hint}`postkey revoke --report FILE NAME` writes the report again"
    ))
}
