//! Stores a secret in a secret manager, and restores what was there before if that fails.

use zeroize::Zeroizing;

use crate::delivery::place_lock::PlaceLock;
use crate::delivery::preset_delivery::{PlaceContents, PresetDelivery, ToolFailure};
use crate::delivery::stored_text;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::quoted;
use crate::process::DeferredSignals;

/// A secret that was stored in a secret manager, perhaps only in part.
pub struct StoredDelivery {
    delivery: PresetDelivery,
    secret: Zeroizing<Vec<u8>>,
    before: PlaceContents,
    /// Other processes wait until this is dropped.
    _turn: PlaceLock,
}

/// What a place holds after a failed delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undone {
    /// What it held all the time.
    Unchanged,
    /// What it held before, again.
    Restored,
    /// Perhaps the secret that is not valid.
    Unknown,
}

impl StoredDelivery {
    /// Stores a secret and reads it back, where that is possible.
    ///
    /// # Errors
    /// If it could not be stored, or something else is stored there. What was there before is
    /// restored then, if it could be read.
    pub(super) fn store(
        delivery: &PresetDelivery,
        secret: &str,
        turn: PlaceLock,
        mut report: impl FnMut(&str),
    ) -> Result<Self, Error> {
        let signals = delivery.signals.clone();
        let delivery = PresetDelivery {
            signals: Some(signals.unwrap_or_else(DeferredSignals::begin_once)),
            ..delivery.clone()
        };
        let mut failed = |failure: ToolFailure| {
            let lines = failure.earlier_lines().iter();
            lines.for_each(|line| report(line));
            delivery.error(&failure)
        };
        let before = delivery.read().map_err(|failure| {
            let error = failed(failure);
            let hint = "nothing was written: what is there must be readable, or not exist";
            let hint = error.hint().unwrap_or(hint).to_owned();
            error.with_hint(hint)
        })?;
        let text = text_of(&delivery, &before, secret)?;
        let stored = Self {
            delivery: delivery.clone(),
            secret: Zeroizing::new(secret.as_bytes().to_vec()),
            before,
            _turn: turn,
        };
        let written = delivery.write(&text).map_err(failed);
        match written.and_then(|()| delivery.expect_stored(secret)) {
            Ok(()) => Ok(stored),
            Err(error) => Err(stored.undone(error)),
        }
    }

    /// Undoes a delivery that failed; the error says what is there now.
    fn undone(&self, error: Error) -> Error {
        match self.undo() {
            Undone::Unchanged => error,
            Undone::Restored => error.with_hint("what was there before was restored"),
            Undone::Unknown => {
                let hint = error.hint().unwrap_or("fix this, and try again");
                let hint = format!(
                    "{hint}; {} may hold a secret that is not valid",
                    self.place()
                );
                error.with_hint(hint)
            }
        }
    }

    /// Stores what was there before, unless somebody else has written there since.
    pub(super) fn undo(&self) -> Undone {
        // A signal that ended the delivery must not end this, too.
        let delivery = PresetDelivery {
            signals: None,
            ..self.delivery.clone()
        };
        let may_lag = !delivery.address.preset.lag.is_zero();
        let now = match delivery.read() {
            Ok(PlaceContents::Unknown) => return Undone::Unknown,
            Ok(now) if self.is_as_before(&now) && !may_lag => return Undone::Unchanged,
            Ok(now) if !self.is_as_before(&now) && !self.holds_secret(&now) => {
                return Undone::Unknown;
            }
            Ok(now) => Some(now),
            Err(_) => None,
        };
        let Some(text) = self.text_before(now.as_ref()) else {
            return Undone::Unknown;
        };
        let written = delivery.write(&text);
        // A tool that fails may have stored it nevertheless.
        let is_there = delivery.read().is_ok_and(|now| self.is_as_before(&now));
        match is_there || (may_lag && written.is_ok()) {
            true => Undone::Restored,
            false => Undone::Unknown,
        }
    }

    /// Whether the place holds what it held before, whatever the other fields of a document are.
    fn is_as_before(&self, now: &PlaceContents) -> bool {
        self.delivery.value(now) == self.delivery.value(&self.before)
    }

    /// Whether the place holds the secret, whole or cut off, or with more around it.
    fn holds_secret(&self, contents: &PlaceContents) -> bool {
        let value = self.delivery.value(contents).unwrap_or_default();
        let is_beginning = !value.is_empty() && self.secret.starts_with(&value);
        let length = self.secret.len();
        is_beginning || value.windows(length).any(|part| *part == **self.secret)
    }

    /// The text that restores what was there before; `None` if nothing was, or it is unknown.
    fn text_before(&self, now: Option<&PlaceContents>) -> Option<Zeroizing<Vec<u8>>> {
        let PlaceContents::Text(before) = &self.before else {
            return None;
        };
        match (self.delivery.field(), now) {
            (Some(field), Some(PlaceContents::Text(now))) => {
                stored_text::with_field_of(before, now, field)
            }
            (Some(_), _) => Some(before.clone()),
            (None, _) => {
                let before = self.delivery.value(&self.before)?;
                let before = std::str::from_utf8(&before).ok()?;
                Some(stored_text::input(&self.delivery.address, before))
            }
        }
    }

    /// The place, for messages.
    pub(super) fn place(&self) -> String {
        quoted(&self.delivery.address.text)
    }
}

/// The text to store for a secret.
fn text_of(
    delivery: &PresetDelivery,
    before: &PlaceContents,
    secret: &str,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let Some(field) = delivery.field() else {
        return Ok(stored_text::input(&delivery.address, secret));
    };
    let stored = match before {
        PlaceContents::Text(text) => Some(text.as_slice()),
        PlaceContents::Unknown | PlaceContents::Nothing => None,
    };
    stored_text::with_field(stored, field, secret).ok_or_else(|| {
        let shown = quoted(&delivery.address.text);
        let message = format!("what is stored in {shown} is not a JSON object: it has no fields");
        Error::new(ExitStatus::Undelivered, message)
            .with_hint("name another secret; or leave out the field to replace it whole")
    })
}
