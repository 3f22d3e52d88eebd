//! Stores a secret in a secret manager, and restores what was there before if that fails.

use zeroize::Zeroizing;

use crate::delivery::place_lock::PlaceLock;
use crate::delivery::preset_delivery::{PlaceContents, PresetDelivery, ToolFailure};
use crate::delivery::stored_text::{self, PlaceValue};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::quoted;
use crate::process::DeferredSignals;

/// A secret that was stored in a secret manager, perhaps only in part.
pub struct StoredDelivery {
    delivery: PresetDelivery,
    values: Vec<PlaceValue>,
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
    /// Stores values and reads them back, where that is possible.
    ///
    /// # Errors
    /// If they could not be stored, or something else is stored there. What was there before is
    /// restored then, if it could be read.
    pub(super) fn store(
        delivery: &PresetDelivery,
        values: Vec<PlaceValue>,
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
        let before = delivery.read(&values).map_err(|failure| {
            let error = failed(failure);
            let rule = "nothing was written: what is there must be readable, or not exist";
            let hint = match error.hint() {
                Some(hint) => format!("{rule}; {hint}"),
                None => rule.to_owned(),
            };
            error.with_hint(hint)
        })?;
        expect_none_left(&delivery, &before, &values)?;
        let text = text_of(&delivery, &before, &values)?;
        let stored = Self {
            delivery: delivery.clone(),
            values,
            before,
            _turn: turn,
        };
        let written = delivery.write(&text).map_err(failed);
        match written.and_then(|()| delivery.expect_stored(&stored.values)) {
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
        let now = match delivery.read(&self.values) {
            Ok(PlaceContents::Unknown) => return Undone::Unknown,
            Ok(now) if self.is_as_before(&now) && !may_lag => return Undone::Unchanged,
            Ok(now) if !self.is_of_delivery(&now) => return Undone::Unknown,
            Ok(now) => Some(now),
            Err(_) => None,
        };
        let Some(text) = self.text_before(now.as_ref()) else {
            return Undone::Unknown;
        };
        let written = delivery.write(&text);
        // A tool that fails may have stored it nevertheless.
        let now = delivery.read(&self.values);
        let is_there = now.is_ok_and(|now| self.is_as_before(&now));
        match is_there || (may_lag && written.is_ok()) {
            true => Undone::Restored,
            false => Undone::Unknown,
        }
    }

    /// Whether the place holds what it held before, whatever the other fields of a document are.
    fn is_as_before(&self, now: &PlaceContents) -> bool {
        now.values() == self.before.values()
    }

    /// Whether each value is as before or the delivered one, with the secret perhaps cut off or with
    /// more around it: nobody else has written there.
    fn is_of_delivery(&self, now: &PlaceContents) -> bool {
        let (Some(now), Some(before)) = (now.values(), self.before.values()) else {
            return false;
        };
        let secret = self.delivery.secret_in(&self.values);
        let mut all = now.iter().zip(before).zip(&self.values);
        all.all(|((now, before), own)| {
            now.value == before.value || is_of(&now.value, &own.value, &secret)
        })
    }

    /// The text that restores what was there before; `None` if nothing was, or it is unknown.
    fn text_before(&self, now: Option<&PlaceContents>) -> Option<Zeroizing<Vec<u8>>> {
        let PlaceContents::Known { document, values } = &self.before else {
            return None;
        };
        let address = &self.delivery.address;
        let document = document.as_ref();
        let whole = document.filter(|_| address.preset.stores_document());
        match (whole, now) {
            (
                Some(before),
                Some(PlaceContents::Known {
                    document: Some(now),
                    ..
                }),
            ) => stored_text::with_fields_of(before, now, values),
            (Some(before), _) => Some(before.clone()),
            (None, _) => {
                let is_text = |value: &PlaceValue| std::str::from_utf8(&value.value).is_ok();
                let is_whole = values.iter().all(is_text);
                let is_any = values.iter().any(|value| !value.value.is_empty());
                let before = document.map(|text| text.as_slice());
                (is_whole && is_any).then(|| stored_text::input(address, values, before))
            }
        }
    }

    /// The place, for messages.
    pub(super) fn place(&self) -> String {
        quoted(&self.delivery.address.text)
    }
}

/// Whether what is stored is a value. One with the secret in it may have been cut off or have more
/// around it; others are too short for that to show who wrote them.
fn is_of(stored: &[u8], value: &[u8], secret: &[u8]) -> bool {
    let has = |text: &[u8], part: &[u8]| {
        !part.is_empty() && text.windows(part.len()).any(|window| window == part)
    };
    let is_beginning = !stored.is_empty() && value.starts_with(stored);
    stored == value || has(value, secret) && (is_beginning || has(stored, value))
}

/// Makes sure that nothing stays where this login has no value: it may contain the old secret.
fn expect_none_left(
    delivery: &PresetDelivery,
    before: &PlaceContents,
    values: &[PlaceValue],
) -> Result<(), Error> {
    let held = before.values().unwrap_or_default().iter().zip(values);
    let mut left = held.filter(|(before, own)| own.value.is_empty() && !before.value.is_empty());
    let Some((PlaceValue { field, .. }, _)) = left.next() else {
        return Ok(());
    };
    let field = quoted(field.as_deref().unwrap_or_default());
    let shown = quoted(&delivery.address.text);
    let message = format!("{shown} has {field}, but the mail server for it is not known");
    Err(Error::new(ExitStatus::Undelivered, message)
        .with_hint("set `host` under [smtp] in the settings; or remove that field there"))
}

/// The text to store for values; those that are empty are not there, and stay so.
fn text_of(
    delivery: &PresetDelivery,
    before: &PlaceContents,
    values: &[PlaceValue],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let address = &delivery.address;
    let values: Vec<PlaceValue> = values
        .iter()
        .filter(|value| !value.value.is_empty())
        .cloned()
        .collect();
    if address.field().is_none() || !address.preset.stores_document() {
        return Ok(stored_text::input(address, &values, None));
    }
    let stored = match before {
        PlaceContents::Known { document, .. } => document.as_ref().map(|text| text.as_slice()),
        PlaceContents::Unknown => None,
    };
    stored_text::with_fields(stored, &values).ok_or_else(|| {
        let shown = quoted(&address.text);
        let message = format!("what is stored in {shown} is not a JSON object: it has no fields");
        Error::new(ExitStatus::Undelivered, message)
            .with_hint("name another secret; or leave out the field to replace it whole")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_the_secret_may_be_cut_off_or_have_more_around_it() {
        let secret = b"xsmtppost-0123456789";
        let url = b"smtp://shop:xsmtppost-0123456789@a.b:25";
        for (stored, value, is_it) in [
            (&b"25"[..], &b"25"[..], true),
            (b"2525", b"25", false),
            (b"2", b"25", false),
            (b"mail.example.com.old", b"mail.example.com", false),
            (b"shop2", b"shop", false),
            (b"", b"", true),
            (b"25", b"", false),
            (b"", b"25", false),
            (b"xsmtppost-0123", secret, true),
            (b"key: xsmtppost-0123456789\n", secret, true),
            (b"xsmtppost-9", secret, false),
            (b"", secret, false),
            (b"smtp://shop:xsm", url, true),
            (b"smtp://shop:other@a.b:25", url, false),
        ] {
            assert_eq!(is_of(stored, value, secret), is_it, "{stored:?}");
        }
    }
}
