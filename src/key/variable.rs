//! The name of an environment variable.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;

use super::Invalid;

/// The longest name, in characters.
const LONGEST: usize = 128;

/// The name of an environment variable that every shell takes: letters, digits and `_`, no digit
/// first (POSIX, XBD 8.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable(CompactString);

impl Variable {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Variable {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let begins_well = text.starts_with(|first: char| !first.is_ascii_digit());
        if begins_well && text.len() <= LONGEST && text.bytes().all(is_word) {
            return Ok(Self(text.into()));
        }
        let rule = "it is 1 to 128 of A-Z a-z 0-9 _, and does not begin with a digit";
        Err(Invalid::new("a variable's name", text, rule).hint("write `SMTP_PASSWORD`, say"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_every_shell_takes_is_a_name() {
        for good in ["A", "_", "SMTP_PASSWORD", "a1", &"x".repeat(LONGEST)] {
            assert_eq!(good.parse::<Variable>().expect("good").as_str(), good);
        }
        for bad in [
            "",
            "1A",
            "A-B",
            "A B",
            "A=B",
            "Ä",
            "A\n",
            &"x".repeat(LONGEST + 1),
        ] {
            assert!(bad.parse::<Variable>().is_err(), "{bad}");
        }
    }
}
