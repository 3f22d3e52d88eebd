//! What results look like: the names of JSON fields and CSV cells, and the columns for
//! people. They are the public interface; the domain's types may change.

mod backup;
mod entry;
mod examined;
mod exported;
mod finding;
mod identity;
mod imported;
mod incident;
mod issued;
mod key;
mod policy;
mod secret;
mod setting;
mod step;
mod usage;
mod verdict;

use std::fmt::Display;

use serde::Serializer;

pub use backup::{AffectedView, BackupView, counted, first_of, head_told, held, quoted_names};
pub use entry::{ChainView, EntryView, changes};
pub use examined::ExaminedView;
pub use exported::{ExportedView, GoodView};
pub use finding::FindingView;
pub use identity::{IdentifiedText, IdentityView, TextView};
pub use imported::{ImportedView, Outcome};
pub use incident::{Incident, Replacement};
pub use issued::Issued;
pub use key::{KeyDetails, KeyView};
pub use policy::PolicyView;
pub use secret::secret_use;
pub use setting::SettingView;
pub use step::{StepOutcome, StepView};
use usage::tried;
pub use usage::{UsageView, last_request, last_use, refusals};
pub use verdict::{SecretRole, VerdictDetails, VerdictView};

fn text<T: Display, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_none(),
    }
}

fn or_empty(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
