//! Values that may be missing: null in JSON, an empty cell in a table.

use std::fmt::Display;

use serde::Serializer;

/// Serializes a value as text.
pub(super) fn text<T: Display, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_none(),
    }
}

/// The value as text; empty if there is none.
pub(super) fn or_empty(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
