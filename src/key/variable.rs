//! The names of environment variables, and those that a key is handed over in.

use std::fmt;
use std::str::FromStr;

use compact_str::{CompactString, format_compact};

use super::{Invalid, KeyName, Kind};

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

/// The variables that a key is handed over in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variables {
    /// The username's; only SMTP keys have one.
    pub username: Option<Variable>,
    /// The secret's.
    pub secret: Variable,
}

impl Variables {
    /// Those that a key has by itself: `REPORTS_API_KEY`, or `SHOP_MAIL_SMTP_USERNAME` and
    /// `SHOP_MAIL_SMTP_PASSWORD`.
    pub fn of(name: &KeyName, kind: Kind) -> Self {
        let start = start(name.as_str());
        let with = |end: &str| Variable(format_compact!("{start}_{end}"));
        match kind {
            Kind::Api => Self {
                username: None,
                secret: with("API_KEY"),
            },
            Kind::Smtp => Self {
                username: Some(with("SMTP_USERNAME")),
                secret: with("SMTP_PASSWORD"),
            },
        }
    }

    /// The secret's is named, and of an SMTP key maybe the username's; else that is the same with
    /// `USERNAME` for `PASSWORD` at its end, or with `_USERNAME` added.
    pub fn named(kind: Kind, secret: Variable, username: Option<Variable>) -> Self {
        let username = match kind {
            Kind::Api => None,
            Kind::Smtp => Some(username.unwrap_or_else(|| secret.of_username())),
        };
        Self { username, secret }
    }
}

impl Variable {
    fn of_username(&self) -> Self {
        for (password, username) in [("PASSWORD", "USERNAME"), ("password", "username")] {
            if let Some(start) = self.0.strip_suffix(password) {
                return Self(format_compact!("{start}{username}"));
            }
        }
        Self(format_compact!("{}_USERNAME", self.0))
    }
}

/// A key's name as the beginning of a variable's.
fn start(name: &str) -> CompactString {
    let letter = |letter: char| match letter.is_ascii_alphanumeric() {
        true => letter.to_ascii_uppercase(),
        false => '_',
    };
    let upper: CompactString = name.chars().map(letter).collect();
    if upper.starts_with(|first: char| first.is_ascii_digit()) {
        return format_compact!("KEY_{upper}");
    }
    upper
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
    #[test]
    fn the_usernames_variable_follows_the_passwords() {
        for (secret, username) in [
            ("SMTP_PASSWORD", "SMTP_USERNAME"),
            ("password", "username"),
            ("MAIL_PASS", "MAIL_PASS_USERNAME"),
        ] {
            let secret: Variable = secret.parse().expect("good");
            let variables = Variables::named(Kind::Smtp, secret.clone(), None);
            assert_eq!(variables.username.expect("SMTP has one").as_str(), username);
            assert_eq!(Variables::named(Kind::Api, secret, None).username, None);
        }
    }
}
