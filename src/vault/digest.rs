//! Digests of secrets from before digests: each is stored when the secret is presented.

use rusqlite::params;

use super::{Author, Change, Error, Field, StoredSecret, Vault, checksum};
use crate::key::{Hash, Kind};

/// The name of the log field that records a stored digest.
const DIGEST_FIELD: &str = "digest";

impl Vault {
    /// Stores the digests of presented secrets, each with a log entry. The hash of an API key is
    /// then unused, and removed. Skips secrets that have changed, or whose keys contradict the log.
    ///
    /// # Errors
    /// If the vault cannot be written; nothing was stored then.
    pub fn store_digests<'a>(
        &mut self,
        secrets: impl IntoIterator<Item = &'a StoredSecret>,
        author: &Author,
    ) -> Result<(), Error> {
        self.change_quietly(author, |change| {
            let mut secrets = secrets.into_iter();
            secrets.try_for_each(|secret| change.store_digest(secret))
        })
    }
}

impl Change<'_> {
    fn store_digest(&self, secret: &StoredSecret) -> Result<(), Error> {
        let Some(digest) = &secret.learned else {
            return Ok(());
        };
        let found = match self.find(&secret.record.key.name) {
            Ok(found) if found.id == secret.record.id => found,
            Ok(_) | Err(Error::NoSuchKey(_) | Error::Contradicted(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        let hash = secret.verifier.hash();
        let kept = hash.filter(|_| found.key.kind() == Kind::Smtp);
        let changed = self.store.execute(
            "UPDATE secrets SET digest = ?2, hash = ?3, salt = coalesce(salt, randomblob(32))
             WHERE key_id = ?4 AND tail = ?1 AND digest IS NULL AND hash = ?5",
            params![
                secret.tail.as_str(),
                digest.as_bytes(),
                kept.map(Hash::to_string),
                found.id,
                hash.map(Hash::to_string),
            ],
        )?;
        if changed == 0 {
            return Ok(());
        }
        let checksum = checksum::of(self.store, found.id, &secret.tail)?;
        let told = Field {
            field: DIGEST_FIELD.to_owned(),
            from: None,
            to: Some("kept".to_owned()),
        };
        let fields: Vec<Field> = [told].into_iter().chain(checksum).collect();
        self.log_fields(found.id, &found.key.name, &fields)
    }
}
