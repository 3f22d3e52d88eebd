//! Digests of secrets from before digests: each is kept once its secret was presented.

use rusqlite::params;

use super::{Author, Change, Error, Field, StoredSecret, Vault, checksum};
use crate::key::{Hash, Kind};

/// The fact by which the log tells that a digest was kept.
const DIGEST_FIELD: &str = "digest";

impl Vault {
    /// Keeps the digests that secrets turned out to have, each with its entry in the log. Nobody
    /// reads the hash of an API key then, and it is removed. One that is no longer what it was, or
    /// whose key is not what the log says, is left as it is.
    ///
    /// # Errors
    /// If the vault cannot be written; then none was kept.
    pub fn keep_digests<'a>(
        &mut self,
        secrets: impl IntoIterator<Item = &'a StoredSecret>,
        author: &Author,
    ) -> Result<(), Error> {
        self.change_unseen(author, |change| {
            let mut secrets = secrets.into_iter();
            secrets.try_for_each(|secret| change.keep_digest(secret))
        })
    }
}

impl Change<'_> {
    fn keep_digest(&self, secret: &StoredSecret) -> Result<(), Error> {
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
        let changed = self.transaction.execute(
            "UPDATE secrets SET digest = ?2, hash = ?3, salt = ifnull(salt, randomblob(32))
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
        let checksum = checksum::of(self.transaction, found.id, &secret.tail)?;
        let told = Field {
            field: DIGEST_FIELD.to_owned(),
            from: None,
            to: Some("kept".to_owned()),
        };
        let fields: Vec<Field> = [told].into_iter().chain(checksum).collect();
        self.log_fields(found.id, &found.key.name, &fields)
    }
}
