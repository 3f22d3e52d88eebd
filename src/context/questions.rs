//! Prompts that several commands share.

use std::str::FromStr;

use super::Context;
use crate::error::Error;
use crate::key::{Expiry, Invalid, Permission};
use crate::ui::first_few;

/// How many permissions a prompt names.
const MAX_NAMED: usize = 8;

impl Context {
    /// The given value, or the answer to a prompt; `None` if that was cancelled.
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

    /// Prompts for a permission; `None` if that was cancelled.
    pub fn ask_permission(&self, default: Option<&str>) -> Result<Option<Permission>, Error> {
        let permissions = &self.settings.permissions;
        let names = first_few(permissions.names().map(str::to_owned), MAX_NAMED);
        let question = format!("Permission: {names}");
        self.ui.value(&question, default, |answer| {
            Ok(permissions.expect(answer.parse()?)?)
        })
    }

    /// Prompts for an expiry; `None` if that was cancelled.
    pub fn ask_expiry(&self, default: Option<&str>) -> Result<Option<Expiry>, Error> {
        let question = "Expires: 90d, 2027-01-31 or never";
        self.ui.value(question, default, |answer| {
            let expiry: Expiry = answer.parse()?;
            expiry.resolve(Self::clock())?;
            Ok(expiry)
        })
    }
}
