//! Stages, delivers and activates new secrets: all of them take this path.
//!
//! No order of printing and committing is perfect. A printed secret without a key is harmless; a
//! key whose secret nobody saw is useless, and an outage if that secret replaced another. So a new
//! secret is first committed as pending, where everything that can fail does; then delivered; and
//! only then activated. For many secrets, each of these steps is one transaction, and a failure of
//! one does not affect the others.

use crate::delivery::outcome::Delivery;
use crate::delivery::target::Target;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::Synced;
use crate::key::Key;
use crate::vault::{self, Author, Change, Vault};

/// A new secret that does not belong to a key yet.
pub trait PendingSecret {
    /// Its destination.
    fn target(&self) -> &Target<'_>;

    /// Commits it as pending, if a key can have it.
    fn stage(&self, change: &Change<'_>) -> Result<(), vault::Error>;

    /// Delivers it to its destination.
    fn deliver(&self, vault: &Vault) -> Result<Delivery, Error>;

    /// Activates it; returns the key.
    fn activate(&self, change: &Change<'_>) -> Result<Key, vault::Error>;
}

/// A secret that was delivered and activated.
pub struct Activated {
    /// Its key.
    pub key: Key,
    /// What its delivery did; a file that it was saved to stays locked until this is dropped.
    pub delivery: Delivery,
}

/// The step at which a secret failed.
#[derive(Debug)]
pub enum Failure {
    /// No key can have it.
    Staging(vault::Error),
    /// It could not be delivered.
    Delivery(Error),
    /// It was delivered, but not activated; the delivery was undone as far as possible.
    Activation(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Staging(error) => error.into(),
            Failure::Delivery(error) => error.with_status(ExitStatus::Undelivered),
            Failure::Activation(error) => error,
        }
    }
}

/// Stages, delivers and activates secrets; returns the result of each, in order.
pub fn deliver_all<P: PendingSecret>(
    pending: &[&P],
    vault: &mut Vault,
    author: &Author,
) -> Vec<Result<Activated, Failure>> {
    let staged = together_or_each(
        pending.iter().copied().map(Ok).collect(),
        |one, change| one.stage(change),
        |_, error| Failure::Staging(error),
        vault,
        author,
    );
    let deliver = |staged: Result<_, Failure>| {
        let (one, ()): (&P, ()) = staged?;
        let delivery = one.deliver(vault).map_err(Failure::Delivery)?;
        Ok((one, delivery))
    };
    let delivered: Vec<Result<_, Failure>> = staged.into_iter().map(deliver).collect();
    // After all deliveries, so that a folder of many secrets is synced once.
    let mut synced = Synced::default();
    let sync = |delivered: Result<_, Failure>| {
        let (one, delivery): (&P, Delivery) = delivered?;
        let settled = delivery.sync(&mut synced);
        Ok((one, settled.map_err(Failure::Delivery)?))
    };
    let activated = together_or_each(
        delivered.into_iter().map(sync).collect(),
        |(one, _), change| {
            let key = one.activate(change)?;
            let target = one.target();
            if let Some(destination) = target.destination.text() {
                let server = target.server.as_ref().map(ToString::to_string);
                change.remember_delivery(&key.name, &destination, server.as_deref())?;
            }
            Ok(key)
        },
        |(_, delivery), error| Failure::Activation(delivery.undo(&error)),
        vault,
        author,
    );
    let report = |activated: Result<_, Failure>| {
        let ((_, delivery), key): ((&P, Delivery), Key) = activated?;
        Ok(Activated { key, delivery })
    };
    activated.into_iter().map(report).collect()
}

/// The same for one secret.
pub fn deliver_one<P: PendingSecret>(
    pending: &P,
    vault: &mut Vault,
    author: &Author,
) -> Result<Activated, Failure> {
    let ended = deliver_all(&[pending], vault, author).pop();
    ended.expect("as many end as began")
}

/// Runs a step for all secrets that got so far, in one transaction. If that fails, runs it in a
/// transaction for each, unless that would take too long or the outcome of the first is unknown.
fn together_or_each<T, O>(
    all: Vec<Result<T, Failure>>,
    work: impl Fn(&T, &Change<'_>) -> Result<O, vault::Error>,
    failed: impl Fn(T, vault::Error) -> Failure,
    vault: &mut Vault,
    author: &Author,
) -> Vec<Result<(T, O), Failure>> {
    let mut together = None;
    if all.iter().flatten().count() > 1 {
        let done: Result<Vec<O>, _> = vault.change(author, |change| {
            let all = all.iter().flatten();
            all.map(|one| work(one, change)).collect()
        });
        together = Some(done.map(Vec::into_iter));
    }
    let mut each = |one: T| {
        let done = match &mut together {
            Some(Ok(done)) => Ok(done.next().expect("as many as there are")),
            Some(Err(vault::Error::Busy)) => Err(vault::Error::Busy),
            Some(Err(vault::Error::Unsure(why))) => Err(vault::Error::Unsure(why.clone())),
            Some(Err(_)) | None => vault.change(author, |change| work(&one, change)),
        };
        match done {
            Ok(output) => Ok((one, output)),
            Err(error) => Err(failed(one, error)),
        }
    };
    all.into_iter().map(|one| one.and_then(&mut each)).collect()
}
