//! Secrets that are always refused.

use crate::key::{Digest, Tail};
use crate::vault::{DeadSecret, KeyId, StoredSecret};
use crate::verify::Verdict;

/// A dead secret, or that of a decoy: it is neither cached nor is its key's usage read, so that the
/// answer takes the same path as for an unknown secret.
pub(super) struct RefusedSecret {
    pub(super) verdict: Verdict,
    pub(super) key: KeyId,
    pub(super) tail: Tail,
}

impl From<DeadSecret> for RefusedSecret {
    fn from(dead: DeadSecret) -> Self {
        Self {
            verdict: dead.cause.into(),
            key: dead.key_id,
            tail: dead.tail,
        }
    }
}

impl RefusedSecret {
    pub(super) fn of_decoy(secret: StoredSecret) -> Self {
        Self {
            verdict: Verdict::Decoy,
            key: secret.record.id,
            tail: secret.tail,
        }
    }
}

/// Whether it is the digest of a decoy's secret.
pub(super) fn is_decoy(found: &StoredSecret, digest: &Digest) -> bool {
    let kept = found.verifier.digest();
    found.record.key.is_decoy && kept.is_some_and(|kept| kept.is(digest))
}
