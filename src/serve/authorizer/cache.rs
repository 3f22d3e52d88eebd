//! The cache of secrets.

use std::sync::Arc;

use crate::key::Digest;
use crate::serve::key_usage::KeyUsage;
use crate::serve::vault_handle::VaultVersion;
use crate::vault::StoredSecret;

/// The maximum number of cached secrets, some 700 bytes each with their use.
pub(super) const CAPACITY: usize = 1 << 17;

/// A known secret, with its data from the vault.
#[derive(Debug)]
pub(in crate::serve) struct CachedSecret {
    pub(in crate::serve) secret: StoredSecret,
    pub(super) key_usage: Arc<KeyUsage>,
}

/// A secret that need not be looked up while the vault is unchanged.
#[derive(Clone, Debug)]
pub(super) struct CacheEntry {
    pub(super) digest: Digest,
    pub(super) vault_version: VaultVersion,
    pub(super) known: Arc<CachedSecret>,
}

impl CacheEntry {
    /// Whether the entry is invalidated, as by any change of the vault.
    pub(super) fn is_invalidated(&self, vault_version: Option<VaultVersion>) -> bool {
        vault_version != Some(self.vault_version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_entries_are_small() {
        // 40 of them are the key's labels and owner, which are never read here but come with it.
        assert!(
            size_of::<CachedSecret>() <= 392,
            "{}",
            size_of::<CachedSecret>()
        );
        assert!(size_of::<CacheEntry>() <= 64, "{}", size_of::<CacheEntry>());
        assert!(size_of::<KeyUsage>() <= 208, "{}", size_of::<KeyUsage>());
    }
}
