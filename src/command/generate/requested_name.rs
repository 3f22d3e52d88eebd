//! The name requested for a new key.

use std::convert::Infallible;
use std::str::FromStr;

use crate::key::{Invalid, KeyName};

/// The name requested for a new key; for an invalid one another can be offered.
#[derive(Clone, Debug)]
pub enum RequestedName {
    Valid(KeyName),
    Invalid { text: String, error: Invalid },
}

impl FromStr for RequestedName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let invalid = |error| Self::Invalid {
            text: text.to_owned(),
            error,
        };
        Ok(text.parse().map_or_else(invalid, Self::Valid))
    }
}
