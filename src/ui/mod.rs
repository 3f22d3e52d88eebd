//! Output and prompts: results go to standard output, messages to standard error, and untrusted
//! text is escaped in both. The only module that prints or prompts.

mod advice;
mod calendar;
mod csv;
mod deliver;
mod display;
mod export;
mod format;
mod gauges;
mod json;
mod listing;
mod markdown;
mod menu;
mod output;
mod progress;
mod prompt;
mod spark;
mod streams;
mod table;
mod terminal;
mod time;
mod views;
mod wrapping;

pub use advice::{ALLOWS_WEAK, extension, globals, refused_by_dovecot_2_4, replacement_hint};
pub use calendar::Reminders;
pub use deliver::sync_output;
pub use display::DisplayContext;
pub use export::{ExportCounts, ExportText, is_replaceable_export, may_belong_to};
pub use format::Format;
pub use gauges::KeyGauges;
pub use listing::Listing;
pub use menu::MenuItem;
pub use output::{Output, ignore_closed_pipe};
pub use streams::Ui;
pub use views::{
    AffectedView, BackupView, ChainView, EntryView, ExaminedView, ExportedView, FindingView,
    IdentifiedText, IdentityView, ImportedView, Incident, Issued, KeyDetails, KeyView, MonthView,
    NarrowedView, Outcome, PolicyView, Replacement, RotationDetails, RotationView, SecretRole,
    SelectedView, SettingView, StepOutcome, StepView, TextView, TrialView, UsageView,
    VerdictDetails, VerdictView, changes, contents_phrase, counted, described_trial, first_few,
    format_head, last_request, last_use, quoted_names, refusals, secret_use, selected_table,
};
