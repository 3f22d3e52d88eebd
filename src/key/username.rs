//! The username of an SMTP key.

use std::fmt;
use std::str::FromStr;

use compact_str::{CompactString, format_compact};

use super::{Invalid, KeyName};

/// The maximum length of an email address (RFC 5321, section 4.5.3.1.3, less its brackets).
const MAX_ADDRESS: usize = 254;

/// An SMTP username: a key's own, or an email address that several keys share.
///
/// A key's own username is 4 to 50 of `A-Z a-z 0-9 _`. Both forms are accepted by Dovecot (its
/// `auth_username_chars`), and compared without case, as in Dovecot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(CompactString);

impl Username {
    /// A random username: `smtp_` and 8 hex digits.
    pub fn generated(chance: [u8; 4]) -> Self {
        Self(format_compact!("smtp_{:08x}", u32::from_be_bytes(chance)))
    }

    /// The username as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the requested login, ignoring case.
    pub fn is(&self, asked: &str) -> bool {
        self.0.eq_ignore_ascii_case(asked)
    }

    /// Whether several keys may have it, since it is an email address.
    pub fn is_shared(&self) -> bool {
        self.0.contains('@')
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Username {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if is_own(text) || is_address(text) {
            return Ok(Self(text.into()));
        }
        let rule = "a username is 4 to 50 of A-Z a-z 0-9 _, or an email address, which several \
                    keys can share";
        Err(Invalid::new("a username", text, rule).with_hint(
            "write `rails_prod` or `ops@example.com`, or leave it out to have one generated",
        ))
    }
}

/// What the usernames of new keys are, where none is given: `{name}_prod`, or an address.
///
/// `{name}` stands for the key's name; in a username that is no address, `_` takes the place of
/// characters that it cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsernameTemplate(Box<str>);

/// What a template has in the place of a key's name.
const NAME: &str = "{name}";

impl UsernameTemplate {
    /// The username of a key.
    ///
    /// # Errors
    /// If it is too short or too long, or no address.
    pub fn username(&self, name: &KeyName) -> Result<Username, Invalid> {
        let name = match self.0.contains('@') {
            true => name.to_string(),
            false => name.as_str().replace(['.', '-'], "_"),
        };
        self.0.replace(NAME, &name).parse()
    }
}

impl fmt::Display for UsernameTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for UsernameTemplate {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let example = "write `{name}_prod`, or an address such as `ops@example.com`";
        let what = "a template for usernames";
        let example_name = text.replace(NAME, "name");
        match example_name.parse::<Username>() {
            Ok(username) if !username.is_shared() && !text.contains(NAME) => {
                let rule = "it would be the username of every key";
                Err(Invalid::new(what, text, rule).with_hint(example))
            }
            Ok(_) => Ok(Self(text.into())),
            Err(_) => {
                let rule = "with a key's name in the place of `{name}`, it must be a username or an \
                            email address";
                Err(Invalid::new(what, text, rule).with_hint(example))
            }
        }
    }
}

fn is_own(text: &str) -> bool {
    (4..=50).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_address(text: &str) -> bool {
    text.len() <= MAX_ADDRESS
        && text.split_once('@').is_some_and(|(local, domain)| {
            is_dotted(local, |byte| {
                byte.is_ascii_alphanumeric() || b"_-".contains(&byte)
            }) && is_dotted(domain, |byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

/// Whether the text consists of non-empty words of allowed bytes, separated by single dots.
fn is_dotted(text: &str, is_allowed: impl Fn(u8) -> bool) -> bool {
    text.split('.')
        .all(|word| !word.is_empty() && word.bytes().all(&is_allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_and_shared_usernames_are_distinguished() {
        assert!(!"rails_prod".parse::<Username>().expect("own").is_shared());
        assert!(
            "ops@example.com"
                .parse::<Username>()
                .expect("shared")
                .is_shared()
        );
        assert!("ops@localhost".parse::<Username>().is_ok());
    }

    #[test]
    fn hashes_that_dovecot_would_refuse_are_refused() {
        for text in [
            "abc",
            "a b c d",
            "rails-prod",
            "o'brien",
            "@example.com",
            "ops@",
            "a@b@c",
            "a..b@c.d",
            "ops+x@example.com",
            "ünter",
        ] {
            assert!(text.parse::<Username>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_template_makes_usernames_of_names() {
        for (template, name, username) in [
            ("{name}_prod", "shop", Some("shop_prod")),
            ("{name}_prod", "shop-mail.v2", Some("shop_mail_v2_prod")),
            ("{name}", "shop", Some("shop")),
            ("{name}", "ci", None),
            ("{name}_prod", &"x".repeat(64), None),
            (
                "{name}@example.com",
                "shop-mail",
                Some("shop-mail@example.com"),
            ),
            ("ops@example.com", "shop", Some("ops@example.com")),
            (
                "ops@{name}.example.com",
                "shop",
                Some("ops@shop.example.com"),
            ),
        ] {
            let template = template.parse::<UsernameTemplate>().expect(template);
            let made = template.username(&name.parse().expect(name)).ok();
            assert_eq!(made.as_ref().map(Username::as_str), username, "{template}");
        }
        for text in [
            "",
            "shop_prod",
            "{names}_x",
            "{name}-x",
            "a b",
            "{name",
            "@{name}",
        ] {
            assert!(text.parse::<UsernameTemplate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_generated_username_is_valid() {
        let username = Username::generated([0xa1, 0xb2, 0xc3, 0xd4]);
        assert_eq!(username.as_str(), "smtp_a1b2c3d4");
        assert!(username.as_str().parse::<Username>().is_ok());
    }
}
