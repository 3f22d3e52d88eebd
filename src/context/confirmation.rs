//! What to show and ask before a key's secret stops working.

use jiff::{SignedDuration, Timestamp};

use super::Context;
use super::usage_reader::UsageReader;
use crate::error::Error;
use crate::key::KeyName;
use crate::ui::{DisplayContext, last_use};
use crate::usage::Details;
use crate::vault::Record;

/// A key that was used within this time seems to be in use.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Why a key's name must be typed that was used within [`RECENT`].
pub const USED_RECENTLY: &str = "It was used in the last 7 days";

/// The recorded use of a key whose secret will stop working.
pub struct PriorUse<'a> {
    /// `None` if none is recorded in the vault.
    pub details: Option<Details>,
    is_unknown: bool,
    display: &'a DisplayContext,
}

impl<'a> PriorUse<'a> {
    pub fn of(
        record: &Record,
        uses: &mut UsageReader,
        display: &'a DisplayContext,
        context: &Context,
    ) -> Self {
        Self {
            details: uses.details(record, &context.ui),
            is_unknown: !uses.are_recorded() && !uses.are_missing(),
            display,
        }
    }
}

impl PriorUse<'_> {
    /// Whether the key was used in the last 7 days.
    pub fn is_recent(&self) -> bool {
        self.is_within(RECENT)
    }

    /// Whether the key was last used within this time.
    pub fn is_within(&self, span: SignedDuration) -> bool {
        let now = self.display.now;
        self.last_at()
            .is_some_and(|last| now.duration_since(last) <= span)
    }

    /// When the key was last used.
    pub fn last_at(&self) -> Option<Timestamp> {
        self.details.as_ref().and_then(Details::last_used_at)
    }

    /// `last used 3 minutes ago from 203.0.113.9, 214 requests today`
    pub fn describe(&self) -> String {
        match &self.details {
            Some(details) => last_use(details, self.display),
            None if self.is_unknown => "cannot tell whether it is used".to_owned(),
            None => last_use(&Details::default(), self.display),
        }
    }
}

impl Context {
    /// Asks for a key's name, giving the reason; an empty line or the end of input cancels.
    pub fn is_name_typed(&self, name: &KeyName, why: &str) -> Result<bool, Error> {
        let typed = self.ui.line(&format!("{why}. Type its name to confirm"))?;
        let Some(typed) = typed.filter(|typed| !typed.is_empty()) else {
            return Ok(false);
        };
        let is_it = typed
            .parse()
            .is_ok_and(|typed: KeyName| typed.is_same(name));
        if !is_it {
            self.ui.note("the name does not match");
        }
        Ok(is_it)
    }
}
