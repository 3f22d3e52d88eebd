//! Flags that do not apply to a decoy, which is never valid.

use super::flags::Generate;
use crate::error::Error;
use crate::key::Expiry;
use crate::settings::Settings;

impl Generate {
    /// Makes sure that no flag is given that does not apply to a decoy.
    pub(super) fn expect_decoy_fields(&self) -> Result<(), Error> {
        if !self.is_decoy {
            return Ok(());
        }
        let never_valid = "a decoy is never valid: omit it";
        let flags = [
            (self.bounds.given(), never_valid),
            (
                self.default.then_some("--default"),
                "the default key must be able to send mail: omit it, or create another key \
                 without --decoy",
            ),
            (
                self.inactive.then_some("--inactive"),
                "a decoy is always refused: omit it",
            ),
            (
                self.expires.is_some().then_some("--expires"),
                "a decoy stays one until `postkey delete` removes it: omit it",
            ),
        ];
        let given = flags.into_iter().find_map(|(flag, why)| Some((flag?, why)));
        given.map_or(Ok(()), |(flag, why)| {
            Err(Error::usage(format!("a decoy has no {flag}")).with_hint(why))
        })
    }

    /// When the key expires: a decoy never does, whatever the settings say.
    pub(super) fn expiry(&self, settings: &Settings) -> Expiry {
        match self.is_decoy {
            true => Expiry::Never,
            false => self.expires.unwrap_or(settings.expires),
        }
    }
}
