//! Passphrases, and how strong new ones must be.

use std::fmt;

use zeroize::Zeroizing;
use zxcvbn::{Score, zxcvbn};

/// A passphrase for a sealed secret; wiped on drop.
pub struct Passphrase(Zeroizing<String>);

/// Why a passphrase is too weak.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassphrase {
    /// Shorter than NIST SP 800-63B-4, section 3.1.1, requires for single-factor authentication.
    #[error("the passphrase has fewer than {} characters", Passphrase::MIN_LENGTH)]
    Short,
    /// Found quickly by a cracker's word lists and rules.
    #[error("the passphrase is easily guessed: {0}")]
    Guessed(String),
}

impl Passphrase {
    /// The minimum number of characters of a new passphrase.
    pub const MIN_LENGTH: usize = 15;

    /// A text as a passphrase.
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// The text.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks that it is strong enough for a new seal; existing seals accept any passphrase.
    ///
    /// # Errors
    /// [`WeakPassphrase`] if it is too short, common, or a pattern.
    pub fn expect_strong(&self) -> Result<(), WeakPassphrase> {
        if self.0.chars().count() < Self::MIN_LENGTH {
            return Err(WeakPassphrase::Short);
        }
        let found = zxcvbn(&self.0, &["postkey", "smtp"]);
        if found.score() >= Score::Three {
            return Ok(());
        }
        let warning = found
            .feedback()
            .and_then(zxcvbn::feedback::Feedback::warning);
        let why = warning.map_or_else(
            || "its parts are common words or patterns".to_owned(),
            |warning| as_clause(&warning.to_string()),
        );
        Err(WeakPassphrase::Guessed(why))
    }

    /// Whether two passphrases are equal.
    pub fn is_same(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }
}

/// A sentence as part of a message.
fn as_clause(sentence: &str) -> String {
    let mut letters = sentence.trim_end_matches('.').chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_strength(text: &str) -> Result<(), WeakPassphrase> {
        Passphrase::new(Zeroizing::new(text.to_owned())).expect_strong()
    }

    #[test]
    fn a_short_passphrase_is_always_refused() {
        for text in ["", "hunter2", "x9$Kd!2pQz@7Lm", "éééééééééééééé"] {
            assert_eq!(check_strength(text), Err(WeakPassphrase::Short), "{text}");
        }
    }

    #[test]
    fn a_guessable_passphrase_is_refused_with_a_reason() {
        for (text, why) in [
            (
                "aaaaaaaaaaaaaaaaaaaa",
                "repeats like \"aaa\" are easy to guess",
            ),
            ("abcabcabcabcabcabc", "repeats like"),
            ("passwordpassword", "repeats like"),
            ("qwertyuiopasdfgh", ""),
            ("abcdefghijklmnopqrstuvwxyz", "sequences like abc"),
            ("123456789012345678", ""),
            ("postkeypostkeypostkey", ""),
            ("Password12345678", ""),
            ("iloveyou1234567890", ""),
            (&"é".repeat(40), "repeats like"),
        ] {
            match check_strength(text) {
                Err(WeakPassphrase::Guessed(told)) => assert!(told.contains(why), "{text}: {told}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn unrelated_words_are_a_strong_passphrase() {
        for text in [
            "correct horse battery",
            "another fine passphrase",
            "lampe gurke vierzehn moos",
            "x9$Kd!2pQz@7LmW",
            "лошадь батарея скрепка верно",
            &"9f8e7d6c5b4a3921".repeat(256),
        ] {
            assert_eq!(check_strength(text), Ok(()), "{text}");
        }
    }
}
