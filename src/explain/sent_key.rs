//! Finds the key in a request.

use std::fmt;

use base64ct::{Base64, Encoding};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use strum::VariantArray;
use zeroize::Zeroizing;

use super::{Request, decoding};
use crate::key::{Kind, quoted, without_stray_characters};
use crate::serve;
use crate::settings::Credentials;

/// The key in a request, and its location.
#[derive(Debug)]
pub struct SentKey {
    /// The first one found, whether `serve` accepts it there or not.
    pub presented: Zeroizing<String>,
    /// The locations of all keys.
    pub locations: Vec<KeyLocation>,
    /// Whether `serve` accepts it there; with several keys, it accepts none.
    pub is_read: bool,
}

/// The location of a key in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyLocation {
    /// A header, with its name as written.
    Header(String),
    /// `Authorization`, with a scheme: `Bearer`
    Authorization(String),
    /// A parameter of the query.
    Query(String),
}

impl fmt::Display for KeyLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => f.write_str(&quoted(name)),
            Self::Authorization(scheme) => {
                f.write_str(&quoted(&format!("Authorization: {scheme}")))
            }
            Self::Query(name) => write!(f, "{} in the query", quoted(name)),
        }
    }
}

impl SentKey {
    /// Finds the keys in a request; `None` if there are none.
    pub fn find(request: &Request, credentials: &Credentials) -> Option<Self> {
        let mut found: Vec<(KeyLocation, Zeroizing<String>)> = Vec::new();
        for (name, value) in &request.headers {
            let location = match name.eq_ignore_ascii_case("authorization") {
                true => in_authorization(value),
                false => in_header(name, value, credentials),
            };
            found.extend(location);
        }
        let target = request.line.as_ref().map(|(_, target)| target);
        let query = target.and_then(|target| target.split_once('?'));
        found.extend(query.into_iter().flat_map(|(_, query)| in_query(query)));
        let read = serve::CredentialReader::new(credentials);
        let read = read.presented(&header_map(&request.headers)).to_owned();
        let read = Zeroizing::new(read);
        let (_, first) = found.first()?;
        Some(Self {
            is_read: !read.is_empty() || (found.len() == 1 && first.is_empty()),
            presented: if read.is_empty() { first.clone() } else { read },
            locations: found.into_iter().map(|(location, _)| location).collect(),
        })
    }
}

/// Whether a text begins like a secret, apart from stray characters.
pub(super) fn begins_like_a_secret(text: &str) -> bool {
    let clean = without_stray_characters(text);
    Kind::VARIANTS
        .iter()
        .any(|kind| clean.starts_with(kind.prefix()))
}

/// A header for keys, or with a secret as its value.
fn in_header(
    name: &str,
    value: &str,
    credentials: &Credentials,
) -> Option<(KeyLocation, Zeroizing<String>)> {
    let mut own = credentials.headers.iter();
    let is_own = own.any(|header| header.as_str().eq_ignore_ascii_case(name));
    let is_sent = is_own || begins_like_a_secret(value);
    is_sent.then(|| {
        (
            KeyLocation::Header(name.to_owned()),
            Zeroizing::new(value.to_owned()),
        )
    })
}

/// The key in `Authorization`: a bearer token, or a secret with another scheme.
fn in_authorization(value: &str) -> Option<(KeyLocation, Zeroizing<String>)> {
    if begins_like_a_secret(value) {
        let location = KeyLocation::Header("Authorization".to_owned());
        return Some((location, Zeroizing::new(value.to_owned())));
    }
    let (scheme, credentials) = value.split_once(' ')?;
    let credentials = credentials.trim_matches(' ');
    let sent = match scheme.eq_ignore_ascii_case("basic") {
        true => basic(credentials)?,
        false => Zeroizing::new(credentials.to_owned()),
    };
    let is_sent = scheme.eq_ignore_ascii_case("bearer") || begins_like_a_secret(&sent);
    is_sent.then(|| (KeyLocation::Authorization(scheme.to_owned()), sent))
}

/// The part of `user:password` that is a secret.
fn basic(credentials: &str) -> Option<Zeroizing<String>> {
    let bytes = Zeroizing::new(Base64::decode_vec(credentials).ok()?);
    let text = decoding::decoded(&bytes);
    let (user, password) = text.split_once(':')?;
    let mut parts = [password, user].into_iter();
    let secret = parts.find(|part| begins_like_a_secret(part))?;
    Some(Zeroizing::new(secret.to_owned()))
}

fn in_query(query: &str) -> impl Iterator<Item = (KeyLocation, Zeroizing<String>)> + '_ {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let secrets = pairs.filter(|(_, value)| begins_like_a_secret(value));
    secrets.map(|(name, value)| {
        let location = KeyLocation::Query(name.to_owned());
        (location, Zeroizing::new(value.to_owned()))
    })
}

/// The headers as a server sees them, without invalid names and values.
fn header_map(headers: &[(String, Zeroizing<String>)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    map
}
