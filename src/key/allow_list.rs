//! Lists of what a key is restricted to.

use std::fmt;
use std::str::FromStr;

use super::Invalid;

/// How many values a list may have: each use of a key is compared with all of them.
const MAX_VALUES: usize = 32;

/// The values that are allowed; by default all are.
///
/// Written with commas between them, or as `any`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowList<T>(Box<[T]>);

/// A value of such a list.
pub trait Allowed: FromStr<Err = Invalid> + fmt::Display + PartialEq {
    /// What several of them are called: `networks`
    const PLURAL: &str;
    /// What to do about too many.
    const TOO_MANY: &str;
}

impl<T> AllowList<T> {
    /// Whether every value is allowed.
    pub fn are_any(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of the values fits, or all are allowed.
    pub(super) fn allow(&self, fits: impl Fn(&T) -> bool) -> bool {
        self.are_any() || self.0.iter().any(fits)
    }
}

impl<T> Default for AllowList<T> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<T: fmt::Display> fmt::Display for AllowList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.are_any() {
            return f.write_str("any");
        }
        for (at, value) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "," };
            write!(f, "{separator}{value}")?;
        }
        Ok(())
    }
}

impl<T: Allowed> FromStr for AllowList<T> {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == "any" {
            return Ok(Self::default());
        }
        let mut values = Vec::new();
        for part in text.split(',') {
            let value = part.trim().parse()?;
            if !values.contains(&value) {
                values.push(value);
            }
        }
        if values.len() > MAX_VALUES {
            let what = format!("a list of {}", T::PLURAL);
            let rule = format!("it has more than {MAX_VALUES}");
            return Err(Invalid::new(&what, text, rule).with_hint(T::TOO_MANY));
        }
        Ok(Self(values.into()))
    }
}
