//! What several commands ask for on a terminal.

use std::str::FromStr;

use super::Context;
use crate::error::Error;
use crate::key::{Expiry, Invalid, Permission};
use crate::ui::first_of;

/// How many permissions a question names.
const MAX_NAMED: usize = 8;

impl Context {
    /// A value that was given, or is asked for; `None` if the person who was asked did not answer.
    pub fn given_or_asked<T: FromStr<Err = Invalid>>(
        &self,
        given: Option<T>,
        question: &str,
        hint: &str,
    ) -> Result<Option<T>, Error> {
        if given.is_some() {
            return Ok(given);
        }
        let missing = format!("no {} given", question.to_lowercase());
        self.ui.expect_interactive(&missing, hint)?;
        self.ui.parsed(question)
    }

    /// Asks for a permission; `None` if that is not answered.
    pub fn ask_permission(&self, default: Option<&str>) -> Result<Option<Permission>, Error> {
        let permissions = &self.settings.permissions;
        let names = first_of(permissions.names().map(str::to_owned), MAX_NAMED);
        let question = format!("Permission: {names}");
        self.ui.value(&question, default, |answer| {
            Ok(permissions.expect(answer.parse()?)?)
        })
    }

    /// Asks when a key expires; `None` if that is not answered.
    pub fn ask_expiry(&self, default: Option<&str>) -> Result<Option<Expiry>, Error> {
        let question = "Expires: 90d, 2027-01-31 or never";
        self.ui.value(question, default, |answer| {
            let expiry: Expiry = answer.parse()?;
            expiry.resolve(Self::clock())?;
            Ok(expiry)
        })
    }
}
