//! The name for a new key as it was given.

use std::convert::Infallible;
use std::str::FromStr;

use crate::key::{Invalid, KeyName};

/// The name for a new key as it was given; an invalid one may be answered with another.
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
