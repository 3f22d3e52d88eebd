//! Hashes of crypt(3), and PBKDF2: fields separated by `$`.
//!
//! crypt(3) compares the stored text with the one it computes, so a hash in any other spelling
//! never matches, and is refused.

use md5::{Digest, Md5};
use sha_crypt::{PasswordVerifier, ShaCrypt};
use sha1::Sha1;
use strum::{EnumString, IntoStaticStr};
use subtle::ConstantTimeEq;

use super::{HashError, UnsupportedHash};

/// The alphabet of crypt(3).
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The maximum rounds of SHA-crypt and PBKDF2: about a second, like the most costly Argon2.
const MAX_ROUNDS: u32 = 1_000_000;

/// bcrypt's cost, the logarithm of its rounds: the maximum, and the minimum that is not cheap
/// (OWASP Password Storage Cheat Sheet).
const MAX_BCRYPT_COST: u32 = 14;
const MIN_BCRYPT_COST: u32 = 10;

/// The default and the minimum rounds of SHA-crypt.
const SHA_ROUNDS: u32 = 5000;
const MIN_SHA_ROUNDS: u32 = 1000;

/// PBKDF2 with fewer rounds is cheap; Dovecot uses 5000.
const PBKDF2_ROUNDS: u32 = 20_000;

/// PBKDF2's maximum salt, in characters; far more than anybody uses.
const MAX_SALT: usize = 256;

/// A scheme of such hashes; its word is the scheme's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(const_into_str)]
pub enum Crypt {
    #[strum(serialize = "BLF-CRYPT")]
    Bcrypt,
    #[strum(serialize = "SHA256-CRYPT")]
    Sha256,
    #[strum(serialize = "SHA512-CRYPT")]
    Sha512,
    #[strum(serialize = "MD5-CRYPT")]
    Md5,
    /// With HMAC-SHA-1, in Dovecot's format.
    #[strum(serialize = "PBKDF2")]
    Pbkdf2,
}

/// The scheme with this name, as a constant; one without a name can only be `MD5`.
pub(super) fn name_of(scheme: &str) -> &'static str {
    scheme.parse().unwrap_or(Crypt::Md5).into_str()
}

impl Crypt {
    /// The scheme that crypt(3) recognizes in a text.
    pub(super) fn by_beginning(text: &str) -> Option<Self> {
        let beginnings = [
            ("$2a$", Self::Bcrypt),
            ("$2b$", Self::Bcrypt),
            ("$2y$", Self::Bcrypt),
            ("$5$", Self::Sha256),
            ("$6$", Self::Sha512),
            ("$1$", Self::Md5),
        ];
        let found = beginnings
            .into_iter()
            .find(|(start, _)| text.starts_with(start));
        found.map(|(_, crypt)| crypt)
    }

    /// Makes sure that a hash is well-formed and not too costly.
    pub(super) fn expect_well_formed(self, text: &str) -> Result<(), UnsupportedHash> {
        let cost = self
            .cost(text)
            .ok_or(UnsupportedHash::Malformed(self.into_str()))?;
        match self {
            Self::Bcrypt if cost > MAX_BCRYPT_COST => {
                Err(UnsupportedHash::TooCostly("bcrypt's cost is at most 14"))
            }
            _ if cost > MAX_ROUNDS => Err(UnsupportedHash::TooCostly(
                "the rounds are at most 1,000,000",
            )),
            _ => Ok(()),
        }
    }

    /// The cost of checking a hash: bcrypt's cost, or the rounds. `None` if it is malformed.
    fn cost(self, text: &str) -> Option<u32> {
        match self {
            Self::Bcrypt => bcrypt_cost(text),
            Self::Sha256 => sha_rounds(text.strip_prefix("$5$")?, 43),
            Self::Sha512 => sha_rounds(text.strip_prefix("$6$")?, 86),
            Self::Md5 => md5_parts(text).map(|_| 1000),
            Self::Pbkdf2 => pbkdf2_parts(text).map(|(_, rounds, _)| rounds),
        }
    }

    /// Whether guessing the password is too cheap.
    pub(super) fn is_cheap(self, text: &str) -> bool {
        let least = match self {
            Self::Bcrypt => MIN_BCRYPT_COST,
            Self::Sha256 | Self::Sha512 => SHA_ROUNDS,
            Self::Md5 => return true,
            Self::Pbkdf2 => PBKDF2_ROUNDS,
        };
        self.cost(text).is_some_and(|cost| cost < least)
    }

    /// Whether the text is the hash of the password; compares in constant time.
    pub(super) fn matches(self, text: &str, password: &str) -> Result<bool, HashError> {
        let unknown = HashError::Unknown;
        match self {
            Self::Bcrypt => bcrypt::verify(password, text).map_err(|_| unknown),
            Self::Sha256 | Self::Sha512 => {
                let sha = ShaCrypt::default();
                Ok(sha.verify_password(password.as_bytes(), text).is_ok())
            }
            Self::Md5 => {
                let (salt, digest) = md5_parts(text).ok_or(unknown)?;
                let own = md5_crypt(password.as_bytes(), salt.as_bytes());
                Ok(own.as_bytes().ct_eq(digest.as_bytes()).into())
            }
            Self::Pbkdf2 => {
                let (salt, rounds, digest) = pbkdf2_parts(text).ok_or(unknown)?;
                let mut own = [0; 20];
                let password = password.as_bytes();
                pbkdf2::pbkdf2_hmac::<Sha1>(password, salt.as_bytes(), rounds, &mut own);
                Ok(own.ct_eq(digest.as_slice()).into())
            }
        }
    }
}

/// bcrypt's cost, if it is in crypt(3)'s format.
fn bcrypt_cost(text: &str) -> Option<u32> {
    let parts: bcrypt::HashParts = text.parse().ok()?;
    let cost = text.get(4..6)?.bytes().all(|byte| byte.is_ascii_digit());
    (cost && (4..=31).contains(&parts.get_cost())).then(|| parts.get_cost())
}

/// SHA-crypt's rounds: `[rounds=N$]SALT$HASH`, the hash of that many characters.
fn sha_rounds(fields: &str, length: usize) -> Option<u32> {
    let (rounds, rest) = match fields.strip_prefix("rounds=") {
        None => (SHA_ROUNDS, fields),
        Some(rest) => {
            let (rounds, rest) = rest.split_once('$')?;
            (number(rounds)?, rest)
        }
    };
    let (salt, hash) = rest.split_once('$')?;
    let is_whole = is_salt(salt, 16) && hash.len() == length && is_of_alphabet(hash);
    (is_whole && rounds >= MIN_SHA_ROUNDS).then_some(rounds)
}

/// MD5-crypt's salt and hash: `$1$SALT$HASH`.
fn md5_parts(text: &str) -> Option<(&str, &str)> {
    let (salt, hash) = text.strip_prefix("$1$")?.split_once('$')?;
    let is_whole = is_salt(salt, 8) && hash.len() == 22 && is_of_alphabet(hash);
    is_whole.then_some((salt, hash))
}

/// PBKDF2's salt, rounds and hash in Dovecot's format: `$1$SALT$ROUNDS$HEX`.
fn pbkdf2_parts(text: &str) -> Option<(&str, u32, Vec<u8>)> {
    let mut fields = text.strip_prefix("$1$")?.split('$');
    let (salt, rounds, digest) = (fields.next()?, fields.next()?, fields.next()?);
    let rounds = number(rounds).filter(|&rounds| rounds > 0)?;
    let digest = base16ct::mixed::decode_vec(digest).ok()?;
    // Neither the separator of a passwd-file's fields, nor a line end.
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    let is_salt = (1..=MAX_SALT).contains(&salt.len()) && salt.bytes().all(is_plain);
    let is_whole = digest.len() == 20 && fields.next().is_none();
    (is_salt && is_whole).then_some((salt, rounds, digest))
}

/// A number in crypt(3)'s format: without leading characters.
fn number(text: &str) -> Option<u32> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_plain)
}

fn is_salt(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && is_of_alphabet(text)
}

fn is_of_alphabet(text: &str) -> bool {
    text.bytes().all(|byte| ALPHABET.contains(&byte))
}

/// MD5-crypt's hash, in crypt(3)'s alphabet (Poul-Henning Kamp, FreeBSD's crypt-md5.c).
fn md5_crypt(password: &[u8], salt: &[u8]) -> String {
    let inner = Md5::new().chain_update(password).chain_update(salt);
    let inner = inner.chain_update(password).finalize();
    let mut digest = Md5::new().chain_update(password);
    digest.update(b"$1$");
    digest.update(salt);
    for at in (0..password.len()).step_by(16) {
        digest.update(&inner[..(password.len() - at).min(16)]);
    }
    let mut bits = password.len();
    while bits > 0 {
        let odd = password.first().filter(|_| bits & 1 == 0);
        digest.update([odd.copied().unwrap_or(0)]);
        bits >>= 1;
    }
    let first = digest.finalize();
    let last = (0..1000).fold(first, |before, round| {
        md5_round(round, &before, password, salt)
    });
    encoded(&last)
}

fn md5_round(
    round: usize,
    before: &md5::digest::Output<Md5>,
    password: &[u8],
    salt: &[u8],
) -> md5::digest::Output<Md5> {
    let is_odd = !round.is_multiple_of(2);
    let (first, last) = match is_odd {
        true => (password, before.as_slice()),
        false => (before.as_slice(), password),
    };
    let mut digest = Md5::new().chain_update(first);
    if !round.is_multiple_of(3) {
        digest.update(salt);
    }
    if !round.is_multiple_of(7) {
        digest.update(password);
    }
    digest.chain_update(last).finalize()
}

/// Encodes sixteen bytes in crypt(3)'s alphabet, in MD5-crypt's order.
fn encoded(bytes: &[u8]) -> String {
    const BYTE_ORDER: [[usize; 3]; 5] =
        [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
    let mut text = String::with_capacity(22);
    let mut push = |mut bits: usize, digits: usize| {
        for _ in 0..digits {
            text.push(char::from(ALPHABET[bits & 63]));
            bits >>= 6;
        }
    };
    for three in BYTE_ORDER {
        let bits = three
            .into_iter()
            .fold(0, |bits, at| bits << 8 | usize::from(bytes[at]));
        push(bits, 4);
    }
    push(usize::from(bytes[11]), 2);
    text
}
