//! Many keys at once: names from a file, hashes from all cores, and a batch is a transaction.
//!
//! Each batch is staged, handed over and made good as one key is (see `issue`), while the cores
//! hash the next. A run that is killed leaves whole keys, and secrets in waiting that the same
//! command takes up.

use std::collections::HashSet;

use jiff::Timestamp;

use super::existing::ExistingKeys;
use super::place::{BulkDestination, DestinationState, NewKey};
use super::{Generate, PLANT};
use crate::context::Context;
use crate::context::name_list;
use crate::context::name_list::{InvalidNames, ListedName, Repeated};
use crate::delivery::NewSecret;
use crate::delivery::outcome;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Access, EffectiveStatus, Expiry, KeyName, Kind};
use crate::process::{self, DeferredSignals};
use crate::ui::counted;
use crate::vault::{self, Action, Author, Change, Vault};

/// The most keys that one transaction makes.
const BATCH: usize = 256;

/// What is to be made, and what is not.
#[derive(Default)]
struct GeneratePlan {
    new: Vec<KeyName>,
    /// With the secrets that a run which was killed has left.
    left: Vec<(KeyName, NewSecret)>,
    existing: ExistingKeys,
}

/// What all keys have in common.
struct CommonOptions<'a> {
    args: &'a Generate,
    kind: Kind,
    expires: Expiry,
    place: BulkDestination,
    context: &'a Context,
}

/// A key's name and secret.
struct NamedSecret {
    name: KeyName,
    fresh: NewSecret,
    is_left: bool,
}

pub(super) fn run(
    args: &Generate,
    names: &std::path::Path,
    kind: Kind,
    context: &Context,
) -> Result<ExitStatus, Error> {
    let order = CommonOptions::of(args, kind, context)?;
    let (wanted, faults) = name_list::read(names, Repeated::Fault, context)?;
    let plan = order.plan(wanted, faults)?;
    order.tell_of_those_there(&plan);
    let count = plan.count();
    if count == 0 {
        return Ok(ExitStatus::Done);
    }
    order.place.prepare()?;
    let mut vault = context.open_or_create()?;
    let mut made = 0;
    let ended = order.make(plan, &mut vault, &mut made);
    if matches!(ended, Ok(None)) {
        order.announce(made)?;
        return Ok(ExitStatus::Done);
    }
    context.ui.note(format!(
        "{made} of {} created; the same command with --if-absent creates the rest",
        counted(count as i128, "key is", "keys are")
    ));
    match ended {
        Ok(None) => {}
        Ok(Some(signal)) => {
            context.renew_exports();
            process::die_by(signal);
        }
        // Told as what became of the others, not of the keys that are made.
        Err(error) => {
            context.ui.error(&error);
            return Ok(error.exit_status());
        }
    }
    Ok(ExitStatus::No)
}

impl GeneratePlan {
    fn count(&self) -> usize {
        self.new.len() + self.left.len()
    }
}

impl<'a> CommonOptions<'a> {
    /// What the command line asks for; what can be refused without a look at names is.
    fn of(args: &'a Generate, kind: Kind, context: &'a Context) -> Result<Self, Error> {
        let own = args.username.as_ref().filter(|name| !name.is_shared());
        if let Some(username) = own {
            let message = format!("the username `{username}` can belong to only one key");
            return Err(Error::usage(message).with_hint(
                "omit --username to generate one for each key, or share a login that is an email \
                 address",
            ));
        }
        args.expect_no_passphrase()?;
        args.access(kind, context)?;
        let expires = args.expiry(&context.settings);
        expires.resolve(Context::clock())?;
        context.note_minutes([expires.minutes()]);
        Ok(Self {
            args,
            kind,
            expires,
            place: BulkDestination::of(args, context)?,
            context,
        })
    }

    /// Looks for each name whether it can be had, and tells all that is wrong together.
    fn plan(
        &self,
        wanted: Vec<ListedName>,
        mut faults: InvalidNames,
    ) -> Result<GeneratePlan, Error> {
        let vault = self.context.open_before_create()?;
        let now = Context::clock();
        let mut plan = GeneratePlan::default();
        for ListedName { name, line } in wanted {
            let fault = self.judge(name, vault.as_ref(), now, &mut plan)?;
            if let Some(error) = fault {
                faults.add(line, error);
            }
        }
        faults.tell("no key was created", self.context)?;
        Ok(plan)
    }

    /// Finds out what is to be done about a name; a fault, if it cannot be had.
    fn judge(
        &self,
        name: KeyName,
        vault: Option<&Vault>,
        now: Timestamp,
        plan: &mut GeneratePlan,
    ) -> Result<Option<Error>, Error> {
        match vault.map(|vault| vault.find(&name)) {
            Some(Ok(record)) if self.args.if_absent => {
                let display = self.context.display_at(now);
                let existing = &mut plan.existing;
                existing.note_file(self.place.has(&name));
                return Ok(existing
                    .add(&record.key, self.args, self.kind, &display, self.context)
                    .err());
            }
            Some(Ok(_)) => return Ok(Some(taken(vault::Error::NameTaken(name)))),
            None | Some(Err(vault::Error::NoSuchKey(_))) => {}
            Some(Err(error)) => return Err(error.into()),
        }
        match self.place.inspect(&name, self.kind, vault)? {
            DestinationState::Nothing => plan.new.push(name),
            DestinationState::Left(fresh) => plan.left.push((name, *fresh)),
            DestinationState::Another(error) => return Ok(Some(error)),
        }
        Ok(None)
    }

    fn tell_of_those_there(&self, plan: &GeneratePlan) {
        plan.existing.tell(&self.context.ui);
    }

    /// Makes all keys, batch by batch; the signal that ended it early, if one did.
    fn make(
        &self,
        plan: GeneratePlan,
        vault: &mut Vault,
        made: &mut usize,
    ) -> Result<Option<i32>, Error> {
        let bar = self.context.ui.progress("creating keys", plan.count());
        let many = NewSecret::many(self.kind, &self.context.settings.brand, plan.new.len())?;
        let size = many.in_a_second().min(BATCH);
        let reprieve = DeferredSignals::begin();
        let left = plan.left.into_iter().map(|(name, fresh)| {
            Ok(NamedSecret {
                name,
                fresh,
                is_left: true,
            })
        });
        let new = plan.new.into_iter().zip(many).map(|(name, fresh)| {
            Ok(NamedSecret {
                name,
                fresh: fresh?,
                is_left: false,
            })
        });
        let mut all = left.chain(new).inspect(|_| bar.advance(1));
        loop {
            let next = all.by_ref().take(size);
            let batch = next.take_while(|_| reprieve.signal().is_none());
            let batch: Vec<NamedSecret> = batch.collect::<Result<_, Error>>()?;
            if batch.is_empty() || reprieve.signal().is_some() {
                return Ok(reprieve.signal());
            }
            *made += self.hand_out(batch, vault)?;
        }
    }

    /// Stages, hands over and activates; how many keys there are then.
    fn hand_out(&self, batch: Vec<NamedSecret>, vault: &mut Vault) -> Result<usize, Error> {
        let author = self.context.author(Action::Generate);
        let pieces: Vec<NewKey> = vault.change(&author, |change| self.stage(batch, change))?;
        if let Err((written, error)) = self.place.deliver(&pieces, self.context) {
            self.take_back(&pieces, written, vault, &author);
            return Err(error);
        }
        let activated = vault.change(&author, |change| {
            let mut pieces = pieces.iter();
            pieces.try_for_each(|piece| piece.fresh.add(&piece.key, change))
        });
        let Err(error) = activated else {
            return Ok(pieces.len());
        };
        if !matches!(error, vault::Error::Unsure(_)) {
            self.take_back(&pieces, pieces.len(), vault, &author);
        }
        Err(match &self.place {
            BulkDestination::Folder { .. } => taken(error),
            BulkDestination::Lines => not_good(&error, pieces.len()),
        })
    }

    /// Puts a batch in waiting, without the names that were taken meanwhile if they may be.
    fn stage(&self, batch: Vec<NamedSecret>, change: &Change<'_>) -> Result<Vec<NewKey>, Error> {
        let mut usernames = HashSet::new();
        let mut pieces = Vec::with_capacity(batch.len());
        for named in batch {
            let Some(access) = self.free_grant(&named.name, change, &mut usernames)? else {
                continue;
            };
            match named.is_left {
                true => change.stage_again(&named.fresh.tail())?,
                false => named.fresh.stage(change)?,
            }
            pieces.push(self.piece(named, access, change.now())?);
        }
        Ok(pieces)
    }

    fn piece(&self, named: NamedSecret, access: Access, now: Timestamp) -> Result<NewKey, Error> {
        let NamedSecret {
            name,
            fresh,
            is_left,
        } = named;
        let tail = fresh.tail();
        let key = self.args.key(name, access, tail, now, self.expires)?;
        Ok(NewKey {
            key,
            fresh,
            is_left,
        })
    }

    /// What a key is to open; `None` if its name was taken meanwhile and may be. A username that
    /// is made up is made up anew until it is nobody's: of 77,000 two are the same as likely as
    /// not.
    fn free_grant(
        &self,
        name: &KeyName,
        change: &Change<'_>,
        usernames: &mut HashSet<String>,
    ) -> Result<Option<Access>, Error> {
        loop {
            let access = self.args.access(self.kind, self.context)?;
            let own = match &access {
                Access::Smtp { username } if !username.is_shared() => Some(username),
                _ => None,
            };
            if own.is_some_and(|own| !usernames.insert(own.as_str().to_owned())) {
                continue;
            }
            match change.expect_free(name, own) {
                Ok(()) => return Ok(Some(access)),
                Err(vault::Error::UsernameTaken(_)) => {}
                Err(vault::Error::NameTaken(_)) if self.args.if_absent => return Ok(None),
                Err(error) => return Err(taken(error)),
            }
        }
    }

    /// Withdraws secrets that no key will have, and then what was written of them, be it by an
    /// earlier run: nothing that somebody else has taken up meanwhile.
    fn take_back(&self, pieces: &[NewKey], written: usize, vault: &mut Vault, author: &Author) {
        let withdrawn = vault.change(author, |change| {
            let withdraw = |piece: &NewKey| change.withdraw(&piece.fresh.tail());
            pieces
                .iter()
                .map(withdraw)
                .collect::<Result<Vec<bool>, _>>()
        });
        let withdrawn = withdrawn.unwrap_or_default();
        let pieces = pieces.iter().zip(withdrawn).enumerate();
        let gone = pieces.filter(|(at, (piece, is_withdrawn))| {
            *is_withdrawn && (*at < written || piece.is_left)
        });
        self.place
            .take_back(gone.map(|(_, (piece, _))| &piece.key.name));
    }

    /// Says what was made.
    fn announce(&self, made: usize) -> Result<(), Error> {
        let ui = &self.context.ui;
        let title = self.kind.title();
        let keys = counted(
            made as i128,
            &format!("{title} key"),
            &format!("{title} keys"),
        );
        let status = match self.args.is_decoy {
            true => EffectiveStatus::Decoy.word(),
            false => self.args.status().word(),
        };
        let access = match self.args.access(self.kind, self.context)? {
            Access::Smtp { username } if username.is_shared() => format!(", username {username}"),
            Access::Smtp { .. } => ", generated usernames (`postkey list` shows them)".to_owned(),
            Access::Api { .. } if self.args.is_decoy => String::new(),
            Access::Api { permission, limit } => {
                format!(", permission {permission}, limit {limit}")
            }
        };
        ui.note(format!("created {keys} ({status}{access})"));
        let now = Context::clock();
        let end = self.context.display_at(now).end(self.expires.resolve(now)?);
        ui.note(match self.args.is_decoy {
            true => PLANT.to_owned(),
            false => format!("expires {end}"),
        });
        match &self.place {
            BulkDestination::Folder { path, .. } => ui.note(format!(
                "each secret is only in its file in `{}`",
                path.display()
            )),
            BulkDestination::Lines => {}
        }
        Ok(())
    }
}

/// Secrets were printed, but did not become good.
fn not_good(error: &vault::Error, count: usize) -> Error {
    let status = outcome::status(error);
    let secrets = counted(count as i128, "secret", "secrets");
    if status == ExitStatus::Unsure {
        return Error::new(status, error.to_string()).with_hint(format!(
            "check the last {secrets} that were printed with `postkey verify`"
        ));
    }
    let message = format!("the last {secrets} printed were not activated: {error}");
    Error::new(status, message).with_hint("discard them, and try again")
}

/// The error, with what helps where a name is taken.
fn taken(error: vault::Error) -> Error {
    let is_name = matches!(error, vault::Error::NameTaken(_));
    let error = Error::from(error);
    match is_name {
        true => error.with_hint("remove it, or keep that key with --if-absent"),
        false => error,
    }
}
