//! Which schema a database has.

use super::fault::DatabaseFault;
use super::statements::Database;
use super::value::integer;
use crate::vault::Error;

/// What the schema says of itself.
const ABOUT: &str = "SELECT version, writable_from FROM about";

impl Database {
    /// Makes sure that the database has a vault that a postkey of this schema version can use.
    ///
    /// # Errors
    /// [`DatabaseFault::NoSchema`] if there is none, or the role may not see it; [`Error::Newer`]
    /// and [`DatabaseFault::Older`] if the versions do not fit.
    pub(in crate::vault) fn expect_schema(&self, known: i64) -> Result<(), Error> {
        let none = || DatabaseFault::NoSchema(self.address().database.clone());
        let mut found = None;
        let read = self.each(ABOUT, &[], |row| {
            found = Some((integer(row, 0)?, integer(row, 1)?));
            Ok::<_, Error>(false)
        });
        read.map_err(|error| match error {
            Error::Database(DatabaseFault::Denied(_)) => none().into(),
            // Undefined table, undefined column, invalid schema.
            Error::Database(DatabaseFault::Server { code, .. })
                if ["42P01", "42703", "3F000"].contains(&code.as_str()) =>
            {
                none().into()
            }
            error => error,
        })?;
        match found.ok_or_else(none)? {
            (found, writable_from) if writable_from > known => Err(Error::Newer { found, known }),
            (found, _) if found < known => Err(DatabaseFault::Older { found, known }.into()),
            _ => Ok(()),
        }
    }
}
