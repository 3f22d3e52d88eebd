//! Plain or salted digests of a password, as LDAP servers store them.

use sha1::Sha1;
use sha2::{Sha256, Sha512};
use strum::{EnumString, IntoStaticStr};
use subtle::ConstantTimeEq;

use super::UnsupportedHash;

/// The maximum salt, in bytes; far more than anybody uses.
const MAX_SALT: usize = 256;

/// A digest algorithm, and whether it is salted; its word is the scheme's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(const_into_str)]
pub enum LdapDigest {
    #[strum(to_string = "SHA", serialize = "SHA1")]
    Sha1,
    #[strum(serialize = "SHA256")]
    Sha256,
    #[strum(serialize = "SHA512")]
    Sha512,
    #[strum(serialize = "SSHA")]
    SaltedSha1,
    #[strum(serialize = "SSHA256")]
    SaltedSha256,
    #[strum(serialize = "SSHA512")]
    SaltedSha512,
}

use LdapDigest::{SaltedSha1, SaltedSha256, SaltedSha512};

impl LdapDigest {
    /// The length of the digest, without salt.
    fn length(self) -> usize {
        match self {
            Self::Sha1 | SaltedSha1 => 20,
            Self::Sha256 | SaltedSha256 => 32,
            Self::Sha512 | SaltedSha512 => 64,
        }
    }

    fn is_salted(self) -> bool {
        matches!(self, SaltedSha1 | SaltedSha256 | SaltedSha512)
    }

    /// Whether Dovecot would take the text for hexadecimal digits, even if the scheme does not say
    /// so.
    pub(super) fn is_hexadecimal(self, value: &str) -> bool {
        !self.is_salted() && value.len() == 2 * self.length()
    }

    /// The hash, if it has the right length.
    pub(super) fn read(self, bytes: Vec<u8>) -> Result<Vec<u8>, UnsupportedHash> {
        let salt = bytes.len().checked_sub(self.length());
        let is_whole = match self.is_salted() {
            true => salt.is_some_and(|salt| (1..=MAX_SALT).contains(&salt)),
            false => salt == Some(0),
        };
        match is_whole {
            true => Ok(bytes),
            false => Err(UnsupportedHash::Malformed(self.into_str())),
        }
    }

    /// Whether the bytes are the digest of the password and its salt; compares in constant time.
    pub(super) fn matches(self, bytes: &[u8], password: &str) -> bool {
        let Some((digest, salt)) = bytes.split_at_checked(self.length()) else {
            return false;
        };
        let parts = [password.as_bytes(), salt];
        let own = match self {
            Self::Sha1 | SaltedSha1 => digest_of::<Sha1>(parts),
            Self::Sha256 | SaltedSha256 => digest_of::<Sha256>(parts),
            Self::Sha512 | SaltedSha512 => digest_of::<Sha512>(parts),
        };
        own.ct_eq(digest).into()
    }
}

fn digest_of<D: sha2::Digest>(parts: [&[u8]; 2]) -> Vec<u8> {
    let digest = parts.into_iter().fold(D::new(), D::chain_update);
    digest.finalize().to_vec()
}
