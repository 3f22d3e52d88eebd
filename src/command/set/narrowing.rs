//! Tells which recorded requests a new permission would have refused.

use jiff::SignedDuration;

use crate::check::PermissionTrial;
use crate::context::Context;
use crate::context::dry_run::DryRun;
use crate::context::usage_reader::UsageReader;
use crate::key::Permission;
use crate::ui::described_trial;
use crate::usage::REQUEST_DAYS;
use crate::vault::{Record, Vault};

/// Warns of each of these keys that the permission would have refused recorded requests; a dry run
/// tells of all keys what it would have done. Returns whether there were such requests.
pub(super) fn report<'a>(
    keys: impl Iterator<Item = &'a Record>,
    permission: &Permission,
    vault: &Vault,
    dry_run: DryRun,
    context: &Context,
) -> bool {
    let is_changed = |record: &&Record| {
        let has = record.key.permission();
        !record.key.is_decoy && has.is_some_and(|has| has != permission)
    };
    let changed: Vec<Record> = keys.filter(is_changed).cloned().collect();
    if changed.is_empty() {
        return false;
    }
    let (ui, display) = (&context.ui, context.display());
    let mut uses = context.uses(vault);
    if dry_run.is_dry_run {
        uses.note_if_missing(ui);
        let start = display.now - SignedDuration::from_hours(24 * REQUEST_DAYS as i64);
        let since = uses.since(ui).filter(|&since| since > start);
        since.inspect(|&since| UsageReader::warn_of_beginning(since, None, &display, ui));
    }
    let requests = uses.recent_requests(&changed, ui);
    let mut is_any_refused = false;
    for record in &changed {
        let Some(requests) = requests.get(&record.id) else {
            if dry_run.is_dry_run && uses.are_recorded() {
                let name = &record.key.name;
                ui.note(format!(
                    "`{name}`: no requests in the last {REQUEST_DAYS} days"
                ));
            }
            continue;
        };
        let trial = PermissionTrial::of(requests, permission, &context.settings.permissions);
        let described = described_trial(&trial, permission, &display);
        let described = format!("`{}`: {described}", record.key.name);
        match trial.refused.is_empty() {
            false => ui.warn(described),
            true if dry_run.is_dry_run => ui.note(described),
            true => {}
        }
        is_any_refused |= !trial.refused.is_empty();
    }
    is_any_refused
}
