//! Keys that are made together: their secrets are staged in one transaction, delivered one by one,
//! and good in one. What fails of one keeps no other from being made.

use std::collections::HashSet;

use super::place;
use crate::command::apply::steps::Work;
use crate::context::Context;
use crate::context::random;
use crate::delivery::NewSecret;
use crate::delivery::outcome::Delivery;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{self, Synced};
use crate::key::{Key, Username};
use crate::manifest::{Step, WantedKey};
use crate::vault::{self, Action, Author, Change, Vault};

/// How many keys are made together at most: of each a file is held until it is good.
const BATCH: usize = 64;

/// A key that is being made.
struct BatchKey<'a> {
    wanted: &'a WantedKey,
    key: Key,
    fresh: NewSecret,
}

/// One whose secret is where it belongs.
struct Delivered<'a> {
    piece: BatchKey<'a>,
    handed: Delivery,
}

/// How many of the first steps are done together: keys whose secrets go to a file each. Nobody
/// waits for a command while secrets of others are not good yet.
pub(super) fn together(steps: &[Step<'_>]) -> usize {
    let mut files = HashSet::new();
    let mut is_apart = |step: &&Step<'_>| {
        let file = step.made().and_then(|wanted| wanted.place.file());
        file.is_some_and(|file| files.insert(files::real(file)))
    };
    let apart = steps.iter().take(BATCH).take_while(&mut is_apart);
    apart.count().max(1)
}

/// Makes keys: their secrets are staged, delivered, and only then good. What became of each.
pub(super) fn make(
    steps: &[Step<'_>],
    work: &Work<'_>,
    vault: &mut Vault,
    context: &Context,
) -> Vec<Result<(), Error>> {
    let author = context.author(Action::Apply);
    let wanted = steps.iter().filter_map(Step::made);
    let begun = wanted.map(|wanted| BatchKey::begin(wanted, work, &author, context));
    let begun: Vec<_> = begun.collect();
    let failed = |_, error: vault::Error| error.into();
    let staged = all_or_each(begun, BatchKey::stage, failed, vault, &author);
    let staged = staged.into_iter();
    let delivered = staged.map(|piece| piece?.deliver(work, vault, context));
    let delivered: Vec<_> = delivered.collect();
    let mut synced = Synced::default();
    let delivered = delivered.into_iter();
    let settled = delivered.map(|delivered| delivered?.settle(&mut synced));
    let settled: Vec<_> = settled.collect();
    let made = all_or_each(settled, Delivered::add, Delivered::not_good, vault, &author);
    let made = made.into_iter();
    made.map(|made| made.map(|made| made.piece.tell(context)))
        .collect()
}

/// Does the same to each of those that got so far, in one transaction. If that fails, each has one
/// of its own, unless that would take as long again or nobody knows what came of it.
fn all_or_each<T>(
    mut all: Vec<Result<T, Error>>,
    work: impl Fn(&T, &Change<'_>) -> Result<(), vault::Error>,
    failed: impl Fn(T, vault::Error) -> Error,
    vault: &mut Vault,
    author: &Author,
) -> Vec<Result<T, Error>> {
    let done = match all.iter().flatten().count() {
        0 => return all,
        1 => None,
        _ => Some(vault.change(author, |change| {
            let mut all = all.iter().flatten();
            all.try_for_each(|one| work(one, change))
        })),
    };
    let mut each = |one: T| {
        let done = match &done {
            Some(Ok(())) => Ok(()),
            Some(Err(vault::Error::Busy)) => Err(vault::Error::Busy),
            Some(Err(vault::Error::Unsure(why))) => Err(vault::Error::Unsure(why.clone())),
            Some(Err(_)) | None => vault.change(author, |change| work(&one, change)),
        };
        match done {
            Ok(()) => Ok(one),
            Err(error) => Err(failed(one, error)),
        }
    };
    all.drain(..).map(|one| one.and_then(&mut each)).collect()
}

impl<'a> BatchKey<'a> {
    fn begin(
        wanted: &'a WantedKey,
        work: &Work<'_>,
        author: &Author,
        context: &Context,
    ) -> Result<Self, Error> {
        let fresh = work.supply.take(wanted.kind)?;
        let made_up = Username::made_up(random()?);
        let key = wanted.key(&context.settings, made_up, fresh.tail(), author.clock)?;
        Ok(Self { wanted, key, fresh })
    }

    fn stage(&self, change: &Change<'_>) -> Result<(), vault::Error> {
        change.expect_free(&self.key.name, self.key.username())?;
        self.fresh.stage(change)
    }

    fn deliver(
        self,
        work: &Work<'_>,
        vault: &Vault,
        context: &Context,
    ) -> Result<Delivered<'a>, Error> {
        context.ui.begin_part(self.key.name.as_str());
        let secret = self.fresh.secret();
        let handed = place::deliver(self.wanted, &self.key, secret, work, vault, context);
        context.ui.end_part();
        let handed = handed?;
        Ok(Delivered {
            piece: self,
            handed,
        })
    }

    fn tell(&self, context: &Context) {
        let (name, place) = (&self.key.name, &self.wanted.place);
        context
            .ui
            .note(format!("created `{name}`; delivered its secret to {place}"));
    }
}

impl Delivered<'_> {
    fn settle(self, synced: &mut Synced) -> Result<Self, Error> {
        let handed = self.handed.settle(synced);
        let handed = handed.map_err(|error| error.with_status(ExitStatus::Undelivered))?;
        Ok(Self { handed, ..self })
    }

    fn add(&self, change: &Change<'_>) -> Result<(), vault::Error> {
        self.piece.fresh.add(&self.piece.key, change)
    }

    fn not_good(self, error: vault::Error) -> Error {
        self.handed.not_good(&error)
    }
}
