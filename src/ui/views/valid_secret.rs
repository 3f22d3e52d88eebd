//! Valid secrets.

use jiff::Timestamp;
use serde::Serialize;

use super::{KeyView, text};
use crate::key::Digest;
use crate::vault::ValidSecret;

/// A valid secret, as exported to JSON: its key, and how to verify it.
#[derive(Debug, Serialize)]
pub struct ValidSecretView<'a> {
    #[serde(flatten)]
    key: KeyView<'a>,
    #[serde(serialize_with = "text")]
    digest: Option<&'a Digest>,
    hash: Option<&'a str>,
    #[serde(serialize_with = "text")]
    retires_at: Option<Timestamp>,
}

impl<'a> ValidSecretView<'a> {
    /// Describes the secret at `now`.
    pub fn new(good: &'a ValidSecret, now: Timestamp) -> Self {
        Self {
            key: KeyView::new(&good.record.key, now).with_tail(&good.tail),
            digest: good.digest.as_ref(),
            hash: good.hash.as_deref(),
            retires_at: good.retires_at,
        }
    }
}
