//! Defines the format of secrets.
//!
//! `<prefix>-<64 lowercase hex>-<10 base62><6 base62>`: 32 random bytes, 10 random base62 digits,
//! and the CRC-32 of everything before it as 6 base62 digits. The checksum distinguishes a typing
//! error, a truncated paste or a stray blank from an unknown key without the vault. The alphabet is
//! safe in URLs, `.env` files, the shell and `sed`.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use rand::TryRng;
use strum::VariantArray;
use zeroize::{Zeroize, Zeroizing};

use super::brand::{Brand, is_brand};
use super::format::{CHECKSUM, HEX, MAX_LENGTH, MIN_LENGTH, RANDOM, TAIL};
use super::{Invalid, Kind};
use crate::key::stray_character::{StrayCharacter, stray_characters};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A well-formed plaintext secret: exists only from creation to delivery, or from presentation to
/// verdict; cannot be printed, and is wiped on drop.
#[cfg_attr(test, derive(PartialEq, Eq))]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Creates a secret from a random number generator.
    pub fn generate<R: TryRng>(
        kind: Kind,
        brand: &Brand,
        chance: &mut R,
    ) -> Result<Self, R::Error> {
        let mut text = Zeroizing::new(String::with_capacity(MAX_LENGTH));
        text.push_str(kind.prefix());
        text.push_str(brand.as_str());
        text.push('-');
        push_hex(&mut text, chance)?;
        text.push('-');
        push_base62(
            &mut text,
            random_below(62_u64.pow(RANDOM as u32), chance)?,
            RANDOM,
        );
        let checksum = crc32fast::hash(text.as_bytes());
        push_base62(&mut text, checksum.into(), CHECKSUM);
        Ok(Self(text))
    }

    /// Parses a secret: checks its shape and checksum.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.is_empty() {
            return Err(Malformed::Empty);
        }
        if let Some(stray) = stray_characters(text).next() {
            return Err(Malformed::Stray(stray));
        }
        let has_prefix = Kind::VARIANTS
            .iter()
            .any(|kind| text.starts_with(kind.prefix()));
        if !has_prefix {
            return Err(Malformed::Prefix);
        }
        check_shape(text)?;
        let (body, checksum) = text.split_at(text.len() - CHECKSUM);
        let mut expected = String::with_capacity(CHECKSUM);
        push_base62(
            &mut expected,
            crc32fast::hash(body.as_bytes()).into(),
            CHECKSUM,
        );
        if checksum != expected {
            return Err(Malformed::Checksum);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The plaintext; search for this word to find every use.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Its tail.
    pub fn tail(&self) -> Tail {
        Tail(self.0[self.0.len() - TAIL..].into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret(…{})", self.tail().last(4))
    }
}

fn push_hex<R: TryRng>(text: &mut String, chance: &mut R) -> Result<(), R::Error> {
    let mut bytes = Zeroizing::new([0; HEX / 2]);
    let mut digits = Zeroizing::new([0; HEX]);
    chance.try_fill_bytes(&mut *bytes)?;
    let digits = base16ct::lower::encode_str(&*bytes, &mut *digits);
    text.push_str(digits.expect("each byte has two digits"));
    Ok(())
}

/// A uniformly distributed number below `end`; biased draws are repeated.
fn random_below<R: TryRng>(end: u64, chance: &mut R) -> Result<u64, R::Error> {
    let even = u64::MAX - u64::MAX % end;
    loop {
        let mut bytes = [0; 8];
        chance.try_fill_bytes(&mut bytes)?;
        let number = u64::from_le_bytes(bytes);
        bytes.zeroize();
        if number < even {
            return Ok(number % end);
        }
    }
}

/// Appends a number as base62 digits, left-padded with `0`.
fn push_base62(text: &mut String, mut number: u64, digits: usize) {
    let mut buffer = [b'0'; RANDOM];
    for digit in buffer[..digits].iter_mut().rev() {
        *digit = BASE62[(number % 62) as usize];
        number /= 62;
    }
    text.extend(buffer[..digits].iter().map(|&digit| char::from(digit)));
    buffer.zeroize();
}

fn check_shape(text: &str) -> Result<(), Malformed> {
    if text.len() < MIN_LENGTH {
        return Err(Malformed::Short);
    }
    if text.len() > MAX_LENGTH {
        return Err(Malformed::Long);
    }
    if has_shape(text) {
        Ok(())
    } else {
        Err(Malformed::Shape)
    }
}

fn has_shape(text: &str) -> bool {
    let mut parts = text.split('-');
    let (Some(prefix), Some(hex), Some(tail), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    Kind::VARIANTS
        .iter()
        .any(|kind| prefix.strip_prefix(kind.prefix()).is_some_and(is_brand))
        && hex.len() == HEX
        && hex
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && is_tail(tail)
}

/// The text at the start of the bytes that has the shape of a secret.
pub(super) fn find_shape(bytes: &[u8]) -> Option<&str> {
    let dash = bytes
        .iter()
        .take(5 + 12 + 1)
        .position(|&byte| byte == b'-')?;
    let text = bytes.get(..dash + 1 + HEX + 1 + TAIL)?;
    std::str::from_utf8(text)
        .ok()
        .filter(|text| has_shape(text))
}

fn is_tail(text: &str) -> bool {
    text.len() == TAIL && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A secret's last 16 characters: public, unique in a vault, and used for lookups.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tail(CompactString);

/// The prefix of the placeholder for an imported password's tail; no secret's tail has a dash.
const PLACEHOLDER: &str = "imported-";

impl Tail {
    /// A placeholder for the unknown tail of an imported password.
    pub fn imported<R: TryRng>(chance: &mut R) -> Result<Self, R::Error> {
        let digits = TAIL - PLACEHOLDER.len();
        let mut text = String::from(PLACEHOLDER);
        push_base62(
            &mut text,
            random_below(62_u64.pow(digits as u32), chance)?,
            digits,
        );
        Ok(Self(text.into()))
    }

    /// The whole tail for lookups, or its placeholder.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a placeholder for an imported password.
    pub fn is_imported(&self) -> bool {
        self.0.starts_with(PLACEHOLDER)
    }

    /// The whole tail, for machine formats; `None` if it is unknown.
    pub fn known(&self) -> Option<&str> {
        (!self.is_imported()).then_some(&self.0)
    }

    /// Its last `characters`, for people.
    pub fn last(&self, characters: usize) -> &str {
        &self.0[TAIL.saturating_sub(characters)..]
    }
}

impl FromStr for Tail {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_stand_in = text.strip_prefix(PLACEHOLDER).is_some_and(|digits| {
            text.len() == TAIL && digits.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        if is_tail(text) || is_stand_in {
            return Ok(Self(text.into()));
        }
        Err(Invalid::new(
            "a tail",
            text,
            "a tail is 16 letters and digits",
        ))
    }
}

/// The defect of a malformed secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is empty.
    #[error("no secret given")]
    Empty,
    /// A blank, a quotation mark or an invisible character is in or around it.
    #[error("there is {0}")]
    Stray(StrayCharacter),
    /// It is not one of our secrets.
    #[error("it does not begin with xkey or xsmtp")]
    Prefix,
    /// A part is missing.
    #[error("it is too short: a part is missing")]
    Short,
    /// There is something besides the secret.
    #[error("it is too long for a secret")]
    Long,
    /// Its parts are not where they should be.
    #[error("it is not in the format of a secret")]
    Shape,
    /// Its checksum does not match.
    #[error("checksum mismatch: a character is wrong or missing")]
    Checksum,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::rngs::SysRng;

    fn secret(kind: Kind, brand: &str) -> Secret {
        let brand = brand.parse().expect("a good brand");
        Secret::generate(kind, &brand, &mut SysRng).expect("the system has random numbers")
    }

    #[test]
    fn a_secret_has_the_documented_form() {
        let api = secret(Kind::Api, "post");
        assert_eq!(api.expose().len(), 90);
        assert!(api.expose().starts_with("xkeypost-"));
        assert_eq!(secret(Kind::Smtp, "post").expose().len(), 91);
        assert_eq!(secret(Kind::Api, "ab").expose().len(), MIN_LENGTH);
        assert_eq!(
            secret(Kind::Smtp, "abcdefghijkl").expose().len(),
            MAX_LENGTH
        );
        assert!(api.expose().ends_with(api.tail().as_str()));
    }

    #[test]
    fn debug_shows_four_characters_at_most() {
        let secret = secret(Kind::Api, "post");
        assert_eq!(
            format!("{secret:?}"),
            format!("Secret(…{})", secret.tail().last(4))
        );
    }

    #[test]
    fn the_checksum_is_zlibs_crc_32_in_base62() {
        let mut text = String::new();
        push_base62(&mut text, crc32fast::hash(b"123456789").into(), CHECKSUM);
        // 0xcbf43926, the check value of CRC-32/ISO-HDLC.
        assert_eq!(text, "3jZRME");
    }

    #[test]
    fn random_digits_are_unbiased() {
        struct Highest(u8);
        impl rand::rand_core::TryRng for Highest {
            type Error = std::convert::Infallible;
            fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
                Ok(0)
            }
            fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
                Ok(0)
            }
            fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
                bytes.fill(self.0);
                self.0 = 1;
                Ok(())
            }
        }
        let Ok(number) = random_below(62_u64.pow(10), &mut Highest(255));
        assert_eq!(
            number,
            0x0101_0101_0101_0101 % 62_u64.pow(10),
            "the biased draw was kept"
        );
    }

    proptest! {
        #[test]
        fn every_one_character_change_is_noticed(at in 0..90_usize, with in "[ -~]") {
            let good = secret(Kind::Api, "post");
            let mut bad = good.expose().to_owned();
            bad.replace_range(at..=at, &with);
            prop_assume!(bad != good.expose());
            prop_assert!(Secret::parse(&bad).is_err());
        }

        #[test]
        fn every_truncation_and_stray_blank_is_noticed(cut in 0..90_usize, blank in "[ \t\r\n]") {
            let good = secret(Kind::Smtp, "post");
            prop_assert!(Secret::parse(&good.expose()[..cut]).is_err());
            prop_assert!(Secret::parse(&good.expose()[cut + 1..]).is_err());
            let mut text = good.expose().to_owned();
            text.insert_str(cut, &blank);
            prop_assert!(matches!(Secret::parse(&text), Err(Malformed::Stray(_))));
        }

        #[test]
        fn any_text_is_judged_without_panic(text in any::<String>()) {
            let _ = Secret::parse(&text);
        }

        #[test]
        fn a_made_secret_reads_back(brand in "[a-z0-9]{2,12}") {
            let made = secret(Kind::Api, &brand);
            prop_assert_eq!(Secret::parse(made.expose()).expect("its own form"), made);
        }
    }
}
