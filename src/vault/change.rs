//! Changes: each is one transaction with its log entry.

use jiff::Timestamp;
use rusqlite::params;

use super::database::DatabaseFault;
use super::store::Store;
use super::{
    Action, Author, AutomaticRotation, Cause, Error, Field, Head, KeyId, Record, Vault, log,
};
use crate::files::sync_folder;
use crate::key::{Key, KeyName, KeyPolicy, Kind, Limit, Tail, Username};

/// A change in progress; rolled back unless [`Vault::change`] commits it.
#[derive(Debug)]
pub struct Change<'a> {
    pub(super) store: &'a Store,
    pub(super) author: &'a Author,
}

impl Vault {
    /// Commits everything that `work` does, including its log entry, or nothing.
    ///
    /// # Errors
    /// The errors of `work`, or if it could not be committed: then nothing has changed.
    /// [`Error::Unsure`] if even that is unknown.
    pub fn change<T, E: From<Error>>(
        &mut self,
        author: &Author,
        work: impl FnOnce(&Change<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self.store.begin_change()?;
        let store = transaction.store();
        let before = log::head(store)?;
        let outcome = work(&Change { store, author })?;
        let after = log::head(store)?;
        match transaction.commit() {
            Ok(()) => {
                if after != before {
                    self.changes.note_commit();
                }
                Ok(outcome)
            }
            Err(error) if after == before => Err(error.into()),
            Err(error) => Ok(self.resolve_commit(after, outcome, error)?),
        }
    }

    /// Does everything that `work` does, and rolls it back.
    ///
    /// # Errors
    /// Those that the change would have.
    pub fn rehearse<T, E: From<Error>>(
        &mut self,
        author: &Author,
        work: impl FnOnce(&Change<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self.store.begin_change()?;
        let store = transaction.store();
        work(&Change { store, author })
    }

    /// The same for changes that need no action: servers see them in the vault, and exports do not
    /// contain them.
    pub(super) fn change_quietly<T>(
        &mut self,
        author: &Author,
        work: impl FnOnce(&Change<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let changes = std::mem::take(&mut self.changes);
        let outcome = self.change(author, work);
        self.changes = changes;
        outcome
    }

    /// After a failed commit: finds out whether it happened nevertheless.
    ///
    /// A log entry's hash is unique, so the entry shows it. Its presence does not make it durable:
    /// in a file, the folder must be synced, which the commit may have failed to do; in a database,
    /// a later commit must be confirmed.
    fn resolve_commit<T>(
        &self,
        intended: Option<Head>,
        outcome: T,
        error: Error,
    ) -> Result<T, Error> {
        self.changes.note_change_if(true);
        let found = match &self.store {
            Store::Sqlite(_) => Self::open(&self.path, self.wait)
                .and_then(|vault| log::has(&vault.store, intended))
                .map(|found| (found, sync_folder(&self.path).is_ok())),
            Store::Postgres(database) if matches!(error, Error::Unsure(_)) => database
                .settle(|_| log::has(&self.store, intended))
                .map(|found| (found, true)),
            Store::Postgres(_) => return Err(error),
        };
        match found {
            Ok((true, true)) => {
                self.changes.note_commit();
                Ok(outcome)
            }
            Ok((false, _)) => Err(match error {
                Error::Unsure(why) => DatabaseFault::NotCommitted(why).into(),
                error => error,
            }),
            Ok((true, false)) | Err(_) => Err(match error {
                Error::Unsure(_) => error,
                error => Error::Unsure(error.to_string()),
            }),
        }
    }
}

impl Change<'_> {
    /// The time of this change.
    pub fn now(&self) -> Timestamp {
        self.author.clock
    }

    /// Adds a key with its own policy; its tail is that of the pending secret that becomes its current one.
    ///
    /// # Errors
    /// If its name or username has been taken meanwhile, or the secret is gone.
    pub fn add(&self, key: &Key, policy: &KeyPolicy) -> Result<(), Error> {
        let id = self.insert(key)?;
        let policy = self.add_policy(id, policy)?;
        self.log_with(id, None, Some(key), &policy)
    }

    pub(super) fn insert(&self, key: &Key) -> Result<KeyId, Error> {
        self.expect_free(&key.name, key.username())?;
        let insert = "INSERT INTO keys (name, kind, status, username, permission, request_limit,
               description, created_at, expires_at, decoy, networks, senders, recipient_limit,
               owner)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             RETURNING id";
        let columns = Columns::of(key);
        let values = params![
            key.name.as_str(),
            key.kind().into_str(),
            key.status.into_str(),
            key.username().map(Username::as_str),
            columns.permission,
            columns.request_limit,
            columns.description,
            key.created_at.as_second(),
            columns.expires_at,
            key.is_decoy,
            columns.networks,
            columns.senders,
            columns.recipient_limit,
            columns.owner,
        ];
        let id = self.store.only(insert, values, |row| row.get(0))?;
        if !key.labels.are_none() {
            self.write_labels(id, &key.labels)?;
        }
        self.set_current_secret(id, &key.tail)?;
        Ok(id)
    }

    /// Gives a key the pending secret with `after`'s tail, and `after`'s status; its previous
    /// secrets stop working at once.
    ///
    /// # Errors
    /// If the secret is gone, or the vault cannot be written.
    pub fn replace_secret(&self, before: &Record, after: &Key) -> Result<(), Error> {
        self.exchange(before.id, &after.tail)?;
        if after.status != before.key.status {
            let query = "UPDATE keys SET status = ?2 WHERE id = ?1";
            self.store
                .execute(query, params![before.id, after.status.into_str()])?;
        }
        self.log_secrets(before, after, None)
    }

    pub(super) fn exchange(&self, id: KeyId, tail: &Tail) -> Result<(), Error> {
        let cause = match self.author.action {
            Action::Revoke => Cause::Revoked,
            _ => Cause::Replaced,
        };
        self.remove_secrets(id, cause)?;
        self.set_current_secret(id, tail)
    }

    /// Gives a key the pending secret with `after`'s tail; the previous one retires when `after`
    /// says, and an older one, which has retired, is removed. `rotation` is its state if postkey
    /// continues it by itself.
    ///
    /// # Errors
    /// [`Error::Rotating`] or [`Error::RetiredEarly`] if it already has two secrets; if the secret
    /// is gone, or the vault cannot be written.
    pub fn rotate(
        &self,
        before: &Record,
        after: &Key,
        rotation: Option<&AutomaticRotation>,
    ) -> Result<(), Error> {
        self.expect_one_secret(before)?;
        self.remove_retired(before.id)?;
        let until = after.retiring.as_ref().map(|old| old.until.as_second());
        self.store.execute(
            "UPDATE secrets SET retires_at = ?2 WHERE key_id = ?1",
            params![before.id, until],
        )?;
        self.set_current_secret(before.id, &after.tail)?;
        self.log_secrets(before, after, rotation)
    }

    /// Makes sure that a key can get a second secret.
    ///
    /// # Errors
    /// [`Error::Rotating`] if it already has two; [`Error::RetiredEarly`] if its old one becomes
    /// valid again once the clock is accepted, unless another replaces it.
    pub fn expect_one_secret(&self, record: &Record) -> Result<(), Error> {
        let (key, now) = (&record.key, self.now());
        if key.retiring_at(now).is_some() {
            return Err(Error::Rotating(key.name.clone()));
        }
        match key.retired_early(now) {
            Some(_) => Err(Error::RetiredEarly(key.name.clone())),
            None => Ok(()),
        }
    }

    /// Leaves a key with one of its two secrets, the one with `after`'s tail. `rotation` is what is
    /// kept of an automatic rotation.
    pub fn keep_one_secret(
        &self,
        before: &Record,
        after: &Key,
        rotation: Option<&AutomaticRotation>,
    ) -> Result<(), Error> {
        let cause = match after.tail == before.key.tail {
            true => Cause::Retired,
            false => Cause::Replaced,
        };
        self.remove_others(before.id, &after.tail, cause)?;
        self.store.execute(
            "UPDATE secrets SET retires_at = NULL, retired_at = NULL WHERE key_id = ?1",
            params![before.id],
        )?;
        self.log_secrets(before, after, rotation)
    }

    /// Saves the changes of a key, except for its secrets, and when an old one retires.
    ///
    /// # Errors
    /// If its new name is taken, or the vault cannot be written.
    pub fn save(&self, before: &Record, after: &Key) -> Result<(), Error> {
        self.update(before, after)?;
        self.log(before.id, Some(&before.key), Some(after))
    }

    /// Writes a key's columns without a log entry.
    pub(super) fn update(&self, before: &Record, after: &Key) -> Result<(), Error> {
        if !after.name.is_same(&before.key.name) {
            self.expect_free(&after.name, None)?;
        }
        let update = "UPDATE keys SET name = ?2, status = ?3, permission = ?4, request_limit = ?5,
               description = ?6, expires_at = ?7, expired_at = ?8, networks = ?9, senders = ?10,
               recipient_limit = ?11, owner = ?12 WHERE id = ?1";
        let columns = Columns::of(after);
        self.store.execute(
            update,
            params![
                before.id,
                after.name.as_str(),
                after.status.into_str(),
                columns.permission,
                columns.request_limit,
                columns.description,
                columns.expires_at,
                after.expired_at.map(Timestamp::as_second),
                columns.networks,
                columns.senders,
                columns.recipient_limit,
                columns.owner,
            ],
        )?;
        if after.labels != before.key.labels {
            self.write_labels(before.id, &after.labels)?;
        }
        if let Some(old) = after
            .retiring
            .as_ref()
            .filter(|_| after.retiring != before.key.retiring)
        {
            self.store.execute(
                "UPDATE secrets SET retires_at = ?2 WHERE key_id = ?1 AND retires_at IS NOT NULL",
                params![before.id, old.until.as_second()],
            )?;
        }
        Ok(())
    }

    /// Deletes a key and its secrets; its log entries stay.
    pub fn delete(&self, record: &Record) -> Result<(), Error> {
        self.remove_secrets(record.id, Cause::Deleted)?;
        self.store
            .execute("DELETE FROM keys WHERE id = ?1", params![record.id])?;
        self.log(record.id, Some(&record.key), None)
    }

    /// Makes sure that new keys get numbers above this one.
    pub(super) fn reserve_numbers(&self, last: KeyId) -> Result<(), Error> {
        self.store.reserve_keys(last)
    }

    /// Logs an event of the vault as a whole.
    pub fn note(&self, changes: &[Field]) -> Result<(), Error> {
        log::append_of_vault(self.store, self.author, changes)
    }

    fn set_current_secret(&self, id: KeyId, tail: &Tail) -> Result<(), Error> {
        let moved = self.store.execute(
            "INSERT INTO secrets (key_id, tail, digest, hash, created_at, salt)
               SELECT ?1, tail, digest, hash, ?3, randomblob(32) FROM pending WHERE tail = ?2",
            params![id, tail.as_str(), self.now().as_second()],
        )?;
        if moved == 0 {
            return Err(Error::PendingExpired);
        }
        let remove = "DELETE FROM pending WHERE tail = ?1";
        self.store.execute(remove, params![tail.as_str()])?;
        Ok(())
    }

    /// Logs the changes of a key; drops a seal that is not of its current secret, whatever changed
    /// the secret.
    fn log(&self, id: KeyId, before: Option<&Key>, after: Option<&Key>) -> Result<(), Error> {
        let unsealed = after.map_or(Ok(Vec::new()), |key| self.unseal(id, &key.tail))?;
        self.log_with(id, before, after, &unsealed)
    }

    /// Logs the changes of a key and further fields; for a new secret also its checksum.
    pub(super) fn log_with(
        &self,
        id: KeyId,
        before: Option<&Key>,
        after: Option<&Key>,
        more: &[Field],
    ) -> Result<(), Error> {
        let key = after.or(before).expect("a key came, changed, or went");
        let checksums = self.checksums(id, before, after)?;
        let fields = [&log::differences(before, after), more, &checksums].concat();
        self.log_fields(id, &key.name, &fields)
    }

    /// Writes a log entry with the changed fields of a key.
    pub(super) fn log_fields(
        &self,
        id: KeyId,
        name: &KeyName,
        fields: &[Field],
    ) -> Result<(), Error> {
        log::append(self.store, self.author, (id, name), fields)
    }
}

/// A key's nullable columns.
struct Columns<'a> {
    permission: Option<&'a str>,
    request_limit: Option<String>,
    description: Option<&'a str>,
    expires_at: Option<i64>,
    networks: Option<String>,
    senders: Option<String>,
    recipient_limit: Option<String>,
    owner: Option<&'a str>,
}

impl<'a> Columns<'a> {
    fn of(key: &'a Key) -> Self {
        let limit = Some(key.limit()).filter(|&limit| limit != Limit::None);
        let limit_of = |kind| {
            let limit = limit.filter(|_| key.kind() == kind);
            limit.map(|limit| limit.to_string())
        };
        let senders = key.senders().filter(|senders| !senders.are_any());
        Self {
            permission: key.permission().map(|permission| permission.as_str()),
            request_limit: limit_of(Kind::Api),
            recipient_limit: limit_of(Kind::Smtp),
            senders: senders.map(ToString::to_string),
            networks: (!key.networks.are_any()).then(|| key.networks.to_string()),
            description: key
                .description
                .as_ref()
                .map(|description| description.as_str()),
            expires_at: key.expires_at.map(|end| end.as_second()),
            owner: key.owner.as_ref().map(|owner| owner.as_str()),
        }
    }
}
