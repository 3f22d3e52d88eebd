//! The lengths of a secret's parts, in characters.

/// The hexadecimal digits: 32 random bytes.
pub(super) const HEX: usize = 64;

/// The random digits of the tail, in base62.
pub(super) const RANDOM: usize = 10;

/// The checksum's digits, in base62.
pub(super) const CHECKSUM: usize = 6;

/// The part after the last dash.
pub(super) const TAIL: usize = RANDOM + CHECKSUM;

/// The minimum length of a secret.
pub(super) const MIN_LENGTH: usize = 4 + 2 + 1 + HEX + 1 + TAIL;

/// The maximum length of a secret.
pub(super) const MAX_LENGTH: usize = 5 + 12 + 1 + HEX + 1 + TAIL;
