//! Hashes of imported passwords.
//!
//! Each is stored in Dovecot's format, preceded by its scheme in braces, and only in forms that
//! Dovecot itself can check (doc.dovecot.org, password schemes). None costs more than the maximum
//! of its scheme.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Params};
use base64ct::{Base64, Encoding};

use super::argon::{self, within_cap_of};
use super::crypt::{self, Crypt};
use super::digest::LdapDigest;
use super::{HashError, HashMemory, UnsupportedHash};

/// The hash of a password, in a scheme of Dovecot.
#[derive(Clone, PartialEq, Eq)]
pub enum ImportedHash {
    /// Argon2id or Argon2i, as a PHC string.
    Argon2(Algorithm, Box<PasswordHash>),
    /// A hash of crypt(3), or PBKDF2: fields separated by `$`.
    Crypt(Crypt, String),
    /// A digest of the password, with or without a salt.
    Digest(LdapDigest, Vec<u8>),
}

/// Dovecot's schemes that are known by name, but not supported.
const UNSUPPORTED: [&str; 17] = [
    "CRAM-MD5",
    "CRYPT",
    "DES-CRYPT",
    "DIGEST-MD5",
    "HMAC-MD5",
    "LANMAN",
    "LDAP-MD5",
    "NTLM",
    "OTP",
    "PLAIN-MD4",
    "PLAIN-MD5",
    "PLAIN-TRUNC",
    "RPA",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "SKEY",
    "SMD5",
];

/// The schemes that are not hashes.
const PLAINTEXT: [&str; 3] = ["PLAIN", "CLEAR", "CLEARTEXT"];

/// Characters that no password can contain: C strings end at the first, and Dovecot refuses the
/// others (its `auth_request_verify_plain`).
pub const FORBIDDEN_IN_PASSWORDS: [char; 5] = ['\0', '\u{1}', '\t', '\n', '\r'];

/// The encoding of a hash after its scheme.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HashEncoding {
    /// The scheme's own.
    Encoding,
    Base64,
    Hex,
}

/// The password after a scheme that is not a hash.
pub fn plaintext(text: &str) -> Option<&str> {
    let (scheme, password) = text.strip_prefix('{')?.split_once('}')?;
    let is_clear = PLAINTEXT
        .iter()
        .any(|clear| clear.eq_ignore_ascii_case(scheme));
    is_clear.then_some(password)
}

impl ImportedHash {
    /// The hash in a file: with its scheme, or recognized by its prefix.
    pub fn read(text: &str) -> Result<Self, UnsupportedHash> {
        if text.is_empty() {
            return Err(UnsupportedHash::Missing);
        }
        if text == "x" {
            return Err(UnsupportedHash::Shadowed);
        }
        if is_locked(text) {
            return Err(UnsupportedHash::Locked);
        }
        let Some(rest) = text.strip_prefix('{') else {
            return by_beginning(text);
        };
        let (scheme, value) = rest.split_once('}').ok_or(UnsupportedHash::NoScheme)?;
        let scheme = scheme.to_ascii_uppercase();
        let (scheme, written) = match scheme.split_once('.') {
            None => (scheme.as_str(), HashEncoding::Encoding),
            Some((scheme, "B64" | "BASE64")) => (scheme, HashEncoding::Base64),
            Some((scheme, "HEX")) => (scheme, HashEncoding::Hex),
            Some(_) => return Err(UnsupportedHash::UnknownScheme),
        };
        of_scheme(scheme, value, written)
    }

    /// The scheme's name.
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Argon2(algorithm, _) => argon2_name(*algorithm),
            Self::Crypt(crypt, _) => crypt.into_str(),
            Self::Digest(digest, _) => digest.into_str(),
        }
    }

    /// Whether it is the hash of the password, which has no forbidden characters.
    pub(super) fn matches(
        &self,
        password: &str,
        memory: &mut HashMemory,
    ) -> Result<bool, HashError> {
        if password.contains(FORBIDDEN_IN_PASSWORDS) {
            return Ok(false);
        }
        match self {
            Self::Argon2(algorithm, phc) => argon::matches(*algorithm, phc, password, memory),
            Self::Crypt(crypt, text) => crypt.matches(text, password),
            Self::Digest(digest, bytes) => Ok(digest.matches(bytes, password)),
        }
    }

    /// Whether guessing the password is too cheap: with less memory or fewer passes than a new
    /// Argon2 hash, or less than the scheme's usual cost.
    pub(super) fn is_cheap(&self) -> bool {
        match self {
            Self::Argon2(algorithm, phc) => argon::is_cheap(*algorithm, phc),
            Self::Crypt(crypt, text) => crypt.is_cheap(text),
            Self::Digest(..) => true,
        }
    }

    /// Whether Dovecot 2.4 refuses it as weak.
    pub(super) fn is_refused_by_dovecot_2_4(&self) -> bool {
        matches!(self, Self::Crypt(Crypt::Md5, _))
    }
}

fn argon2_name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Argon2i => "ARGON2I",
        _ => "ARGON2ID",
    }
}

/// Whether a password field locks the account, with or without a hash.
fn is_locked(text: &str) -> bool {
    text.starts_with(['!', '*']) || text == "NP"
}

/// A hash without a scheme, as crypt(3) recognizes it.
fn by_beginning(text: &str) -> Result<ImportedHash, UnsupportedHash> {
    if text.starts_with("$apr1$") {
        return Err(UnsupportedHash::Apr1);
    }
    if text.starts_with("$argon2") {
        return argon2(text);
    }
    crypt_hash(
        Crypt::by_beginning(text).ok_or(UnsupportedHash::NoScheme)?,
        text,
    )
}

fn of_scheme(
    scheme: &str,
    value: &str,
    written: HashEncoding,
) -> Result<ImportedHash, UnsupportedHash> {
    if PLAINTEXT.contains(&scheme) {
        return Err(UnsupportedHash::Clear);
    }
    if value.is_empty() {
        return Err(UnsupportedHash::Missing);
    }
    if is_locked(value) {
        return Err(UnsupportedHash::Locked);
    }
    if let Ok(digest) = scheme.parse::<LdapDigest>() {
        let bytes = digest.read(decoded(value, digest, written)?)?;
        return Ok(ImportedHash::Digest(digest, bytes));
    }
    let text = match written {
        HashEncoding::Encoding => value.to_owned(),
        _ => text_of(decode(value, written)).ok_or(UnsupportedHash::UnknownScheme)?,
    };
    match scheme {
        // The last is Dovecot 2.4's name for either.
        "ARGON2ID" | "ARGON2I" | "ARGON2" => argon2(&text),
        "CRYPT" if text.starts_with("$apr1$") => Err(UnsupportedHash::Apr1),
        // crypt(3) goes by the prefix, whatever the scheme's name.
        "CRYPT" | "BLF-CRYPT" | "SHA256-CRYPT" | "SHA512-CRYPT" | "MD5-CRYPT" | "MD5" => {
            match Crypt::by_beginning(&text) {
                Some(crypt) => crypt_hash(crypt, &text),
                None if scheme == "CRYPT" && text.starts_with('$') => {
                    Err(UnsupportedHash::Unsupported("CRYPT"))
                }
                None if scheme == "CRYPT" => Err(UnsupportedHash::Unsupported("DES-CRYPT")),
                None => Err(UnsupportedHash::Malformed(crypt::name_of(scheme))),
            }
        }
        "PBKDF2" => crypt_hash(Crypt::Pbkdf2, &text),
        _ => Err(unsupported(scheme)),
    }
}

fn unsupported(scheme: &str) -> UnsupportedHash {
    let known = UNSUPPORTED.into_iter().find(|known| *known == scheme);
    known.map_or(UnsupportedHash::UnknownScheme, UnsupportedHash::Unsupported)
}

fn crypt_hash(crypt: Crypt, text: &str) -> Result<ImportedHash, UnsupportedHash> {
    crypt.expect_well_formed(text)?;
    Ok(ImportedHash::Crypt(crypt, text.to_owned()))
}

/// A PHC string of either variant.
fn argon2(text: &str) -> Result<ImportedHash, UnsupportedHash> {
    let algorithm = match text.strip_prefix("$argon2i$") {
        Some(_) => Algorithm::Argon2i,
        None => Algorithm::Argon2id,
    };
    let malformed = UnsupportedHash::Malformed(argon2_name(algorithm));
    let phc = PasswordHash::new(text).map_err(|_| malformed)?;
    if phc.algorithm.as_str() != algorithm.as_str() || phc.to_string() != text {
        return Err(malformed);
    }
    if phc.version != Some(argon2::Version::V0x13.into()) || phc.salt.is_none() {
        return Err(malformed);
    }
    // libsodium, which Dovecot uses, refuses fewer.
    if phc.hash.as_ref().is_none_or(|hash| hash.len() < 16) {
        return Err(malformed);
    }
    // libsodium only accepts these three, in this order.
    let params = Params::try_from(&phc).map_err(|_| malformed)?;
    let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
    if phc.params.as_str() != format!("m={m},t={t},p={p}") {
        return Err(malformed);
    }
    within_cap_of(algorithm, &phc)
        .ok_or(UnsupportedHash::TooCostly("at most m=240 MiB, t=10, p=4"))
        .map(|_| ImportedHash::Argon2(algorithm, Box::new(phc)))
}

/// The bytes of a digest; Dovecot takes it for hexadecimal if it has that length.
fn decoded(
    value: &str,
    digest: LdapDigest,
    written: HashEncoding,
) -> Result<Vec<u8>, UnsupportedHash> {
    let written = match written {
        HashEncoding::Encoding if digest.is_hexadecimal(value) => HashEncoding::Hex,
        HashEncoding::Encoding => HashEncoding::Base64,
        written => written,
    };
    decode(value, written).ok_or(UnsupportedHash::Malformed(digest.into_str()))
}

fn decode(value: &str, written: HashEncoding) -> Option<Vec<u8>> {
    match written {
        HashEncoding::Hex => base16ct::mixed::decode_vec(value).ok(),
        _ => Base64::decode_vec(value).ok(),
    }
}

fn text_of(bytes: Option<Vec<u8>>) -> Option<String> {
    String::from_utf8(bytes?).ok()
}

impl fmt::Display for ImportedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.scheme())?;
        match self {
            Self::Argon2(_, phc) => phc.fmt(f),
            Self::Crypt(_, text) => f.write_str(text),
            Self::Digest(_, bytes) => f.write_str(&Base64::encode_string(bytes)),
        }
    }
}
