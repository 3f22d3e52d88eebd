//! Views of results: the names of JSON fields and CSV cells, and the columns for people. They are a
//! public interface; domain types may change independently.

mod backup;
mod cell;
mod entry;
mod examined;
mod exported;
mod finding;
mod identity;
mod imported;
mod incident;
mod issued;
mod key;
mod mail;
mod month;
mod policy;
mod recorded;
mod secret;
mod selected;
mod setting;
mod step;
mod usage;
mod valid_secret;
mod verdict;
mod words;

pub use backup::{AffectedView, BackupView, contents_phrase, format_head};
use cell::{or_empty, text};
pub use entry::{ChainView, EntryView, changes};
pub use examined::ExaminedView;
pub use exported::ExportedView;
pub use finding::FindingView;
pub use identity::{IdentifiedText, IdentityView, TextView};
pub use imported::{ImportedView, Outcome};
pub use incident::{Incident, Replacement};
pub use issued::Issued;
pub use key::{KeyDetails, KeyView};
pub use month::MonthView;
pub use policy::PolicyView;
pub use secret::secret_use;
pub use selected::{SelectedView, selected_table};
pub use setting::SettingView;
pub use step::{StepOutcome, StepView};
use usage::count_of_refusals;
pub use usage::{UsageView, last_request, last_use, refusals};
pub use valid_secret::ValidSecretView;
pub use verdict::{SecretRole, VerdictDetails, VerdictView};
pub use words::{counted, first_few, quoted_names};
