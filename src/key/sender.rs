//! The envelope senders that an SMTP key may use.

use std::fmt;
use std::str::FromStr;

use super::Invalid;
use super::allow_list::{AllowList, Allowed};

/// The longest domain, in characters (RFC 1035, section 2.3.4), and the longest of its labels.
const MAX_DOMAIN: usize = 253;
const MAX_LABEL: usize = 63;

/// The longest local part of an address, in characters (RFC 5321, section 4.5.3.1.1).
const MAX_LOCAL: usize = 64;

/// The envelope senders that an SMTP key may use; by default any.
///
/// Each is an address, a domain, the sub-domains of one (with a dot before it), or `null`: the empty
/// sender of bounces and notifications (RFC 5321, section 4.5.5). Compared without case.
pub type Senders = AllowList<AllowedSender>;

/// Some senders, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedSender {
    /// The empty one.
    Null,
    /// One address.
    Address(String),
    /// All addresses of a domain, its sub-domains aside.
    Domain(String),
    /// All addresses of the sub-domains of a domain, which has a dot before it here.
    Subdomains(String),
}

impl Senders {
    /// Whether they include this one, as Postfix tells it: an address without brackets, or nothing.
    pub fn include(&self, sender: &str) -> bool {
        let sender = sender.to_ascii_lowercase();
        // The local part may have another `@` within quotation marks.
        let domain = sender.rsplit_once('@').map(|(_, domain)| domain);
        self.allow(|allowed| match allowed {
            AllowedSender::Null => sender.is_empty(),
            AllowedSender::Address(address) => sender == *address,
            AllowedSender::Domain(name) => domain == Some(name),
            AllowedSender::Subdomains(name) => domain
                .is_some_and(|domain| domain.len() > name.len() && domain.ends_with(name.as_str())),
        })
    }
}

impl Allowed for AllowedSender {
    const PLURAL: &str = "senders";
    const TOO_MANY: &str = "allow whole domains, or split the work between several keys";
}

impl fmt::Display for AllowedSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Address(text) | Self::Domain(text) | Self::Subdomains(text) => text,
        })
    }
}

impl FromStr for AllowedSender {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let lower = text.to_ascii_lowercase();
        if lower == "null" {
            return Ok(Self::Null);
        }
        let sender = match (lower.split_once('@'), lower.strip_prefix('.')) {
            (Some((local, domain)), _) => {
                (is_local(local) && is_domain(domain)).then_some(Self::Address(lower))
            }
            (None, Some(domain)) => is_domain(domain).then_some(Self::Subdomains(lower)),
            (None, None) => is_domain(&lower).then_some(Self::Domain(lower)),
        };
        sender.ok_or_else(|| {
            let rule = "a sender is an email address, a domain, or a domain with a dot before it \
                        for its sub-domains";
            Invalid::new("a sender", text, rule).with_hint(
                "write `example.com`, `.example.com`, `robot@example.com`, `null` for the empty \
                 sender of bounces, or `any`; other alphabets as `xn--…`",
            )
        })
    }
}

/// Whether it is the local part of an address, without quotation marks (RFC 5322, section 3.2.3).
fn is_local(text: &str) -> bool {
    let is_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    text.len() <= MAX_LOCAL
        && text
            .split('.')
            .all(|word| !word.is_empty() && word.bytes().all(is_allowed))
}

/// Whether it is the name of a domain (RFC 1123, section 2.1).
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= MAX_DOMAIN && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn senders(text: &str) -> Senders {
        text.parse().expect(text)
    }

    #[test]
    fn senders_read_back_as_they_are_shown() {
        for (text, shown) in [
            ("any", "any"),
            ("Example.COM", "example.com"),
            (
                ".example.com, robot@acme.org,null",
                ".example.com,robot@acme.org,null",
            ),
            ("example.com,example.com", "example.com"),
            ("o'brien+shop@acme.org", "o'brien+shop@acme.org"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(senders(text).to_string(), shown);
            assert_eq!(senders(shown), senders(text));
        }
    }

    #[test]
    fn what_is_no_sender_is_refused() {
        for text in [
            "",
            ",",
            ".",
            "..a",
            "@",
            "@example.com",
            "a@",
            "a@b@c",
            "a b@example.com",
            "*.acme.org",
            "<>",
            "<a@acme.org>",
            "-a.org",
            "a-.org",
            "a..org",
            "münchen.de",
            "a..b@acme.org",
        ] {
            assert!(text.parse::<Senders>().is_err(), "{text:?}");
        }
        let many: Vec<String> = (0..33).map(|n| format!("{n}.example.com")).collect();
        assert!(many.join(",").parse::<Senders>().is_err());
    }

    #[test]
    fn each_kind_of_sender_includes_what_it_says_and_nothing_like_it() {
        for (allowed, sender, expected) in [
            ("any", "ceo@bank.example", true),
            ("any", "", true),
            ("example.com", "a@example.com", true),
            ("example.com", "A@EXAMPLE.com", true),
            ("example.com", "a@sub.example.com", false),
            ("example.com", "a@notexample.com", false),
            ("example.com", "a@example.com.evil.org", false),
            ("example.com", "example.com", false),
            ("example.com", "", false),
            ("example.com", "\"x@example.com\"@evil.org", false),
            ("example.com", "\"x@evil.org\"@example.com", true),
            (".example.com", "a@sub.example.com", true),
            (".example.com", "a@b.sub.example.com", true),
            (".example.com", "a@example.com", false),
            (".example.com", "a@.example.com", false),
            (".example.com", "a@subexample.com", false),
            ("robot@acme.org", "Robot@acme.org", true),
            ("robot@acme.org", "robot+x@acme.org", false),
            ("robot@acme.org,null", "", true),
            ("null", "a@acme.org", false),
        ] {
            assert_eq!(
                senders(allowed).include(sender),
                expected,
                "{allowed}: {sender:?}"
            );
        }
    }
}
