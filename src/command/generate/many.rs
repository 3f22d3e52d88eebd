//! Many keys at once: names from a file, hashes from all cores, and a batch is a transaction.
//!
//! Each batch is staged, handed over and made good as one key is (see `issue`), while the cores
//! hash the next. A run that is killed leaves whole keys, and secrets in waiting that the same
//! command takes up.

use std::collections::HashSet;

use jiff::Timestamp;

use super::existing::Existing;
use super::place::{Found, Piece, Place};
use super::{Generate, PLANT};
use crate::command::issue::Fresh;
use crate::command::names::{self, Faults, Repeated, Wanted};
use crate::command::{Session, handed};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Expiry, Grant, KeyName, Kind, Standing};
use crate::process::{self, Reprieve};
use crate::ui::counted;
use crate::vault::{self, Action, Author, Change, Vault};

/// The most keys that one transaction makes.
const BATCH: usize = 256;

/// What is to be made, and what is not.
#[derive(Default)]
struct Plan {
    new: Vec<KeyName>,
    /// With the secrets that a run which was killed has left.
    left: Vec<(KeyName, Fresh)>,
    existing: Existing,
}

/// What all keys have in common.
struct Order<'a> {
    args: &'a Generate,
    kind: Kind,
    expires: Expiry,
    place: Place,
    session: &'a Session,
}

/// A key's name and secret.
struct Named {
    name: KeyName,
    fresh: Fresh,
    is_left: bool,
}

pub(super) fn run(
    args: &Generate,
    names: &std::path::Path,
    kind: Kind,
    session: &Session,
) -> Result<ExitStatus, Error> {
    let order = Order::of(args, kind, session)?;
    let (wanted, faults) = names::read(names, Repeated::Fault, session)?;
    let plan = order.plan(wanted, faults)?;
    order.tell_of_those_there(&plan);
    let count = plan.count();
    if count == 0 {
        return Ok(ExitStatus::Done);
    }
    order.place.prepare()?;
    let mut vault = session.open_or_make()?;
    let mut made = 0;
    let ended = order.make(plan, &mut vault, &mut made);
    if matches!(ended, Ok(None)) {
        order.announce(made)?;
        return Ok(ExitStatus::Done);
    }
    session.ui.note(format!(
        "{made} of {} made; the same command with --if-absent makes the rest",
        counted(count as i128, "key is", "keys are")
    ));
    match ended {
        Ok(None) => {}
        Ok(Some(signal)) => {
            session.renew_exports();
            process::die_by(signal);
        }
        // Told as what became of the others, not of the keys that are made.
        Err(error) => {
            session.ui.error(&error);
            return Ok(error.exit_status());
        }
    }
    Ok(ExitStatus::No)
}

impl Plan {
    fn count(&self) -> usize {
        self.new.len() + self.left.len()
    }
}

impl<'a> Order<'a> {
    /// What the command line asks for; what can be refused without a look at names is.
    fn of(args: &'a Generate, kind: Kind, session: &'a Session) -> Result<Self, Error> {
        let own = args.username.as_ref().filter(|name| !name.is_shared());
        if let Some(username) = own {
            let message = format!("the username `{username}` can be only one key's");
            return Err(Error::usage(message).with_hint(
                "leave --username out to have one made up for each key, \
                 or share a login that is written as an e-mail address",
            ));
        }
        args.expect_no_passphrase()?;
        args.grant(kind, session)?;
        let expires = args.expiry(&session.settings);
        expires.resolve(Session::clock())?;
        session.note_minutes([expires.minutes()]);
        Ok(Self {
            args,
            kind,
            expires,
            place: Place::of(args, session)?,
            session,
        })
    }

    /// Looks for each name whether it can be had, and tells all that is wrong together.
    fn plan(&self, wanted: Vec<Wanted>, mut faults: Faults) -> Result<Plan, Error> {
        let vault = self.session.open_if_made()?;
        let now = Session::clock();
        let mut plan = Plan::default();
        for Wanted { name, line } in wanted {
            let fault = self.judge(name, vault.as_ref(), now, &mut plan)?;
            if let Some(error) = fault {
                faults.add(line, error);
            }
        }
        faults.tell("no key was made", self.session)?;
        Ok(plan)
    }

    /// Finds out what is to be done about a name; a fault, if it cannot be had.
    fn judge(
        &self,
        name: KeyName,
        vault: Option<&Vault>,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Result<Option<Error>, Error> {
        match vault.map(|vault| vault.find(&name)) {
            Some(Ok(record)) if self.args.if_absent => {
                let look = self.session.look_at(now);
                let existing = &mut plan.existing;
                existing.note_file(self.place.has(&name));
                return Ok(existing
                    .add(&record.key, self.args, self.kind, &look, self.session)
                    .err());
            }
            Some(Ok(_)) => return Ok(Some(taken(vault::Error::NameTaken(name)))),
            None | Some(Err(vault::Error::NoSuchKey(_))) => {}
            Some(Err(error)) => return Err(error.into()),
        }
        match self.place.look(&name, self.kind, vault)? {
            Found::Nothing => plan.new.push(name),
            Found::Left(fresh) => plan.left.push((name, *fresh)),
            Found::Another(error) => return Ok(Some(error)),
        }
        Ok(None)
    }

    fn tell_of_those_there(&self, plan: &Plan) {
        plan.existing.tell(&self.session.ui);
    }

    /// Makes all keys, batch by batch; the signal that ended it early, if one did.
    fn make(&self, plan: Plan, vault: &mut Vault, made: &mut usize) -> Result<Option<i32>, Error> {
        let bar = self.session.ui.progress("making keys", plan.count());
        let many = Fresh::many(self.kind, &self.session.settings.brand, plan.new.len())?;
        let size = many.in_a_second().min(BATCH);
        let reprieve = Reprieve::begin();
        let left = plan.left.into_iter().map(|(name, fresh)| {
            Ok(Named {
                name,
                fresh,
                is_left: true,
            })
        });
        let new = plan.new.into_iter().zip(many).map(|(name, fresh)| {
            Ok(Named {
                name,
                fresh: fresh?,
                is_left: false,
            })
        });
        let mut all = left.chain(new).inspect(|_| bar.advance(1));
        loop {
            let next = all.by_ref().take(size);
            let batch = next.take_while(|_| reprieve.signal().is_none());
            let batch: Vec<Named> = batch.collect::<Result<_, Error>>()?;
            if batch.is_empty() || reprieve.signal().is_some() {
                return Ok(reprieve.signal());
            }
            *made += self.hand_out(batch, vault)?;
        }
    }

    /// Stages, hands over and activates; how many keys there are then.
    fn hand_out(&self, batch: Vec<Named>, vault: &mut Vault) -> Result<usize, Error> {
        let author = self.session.author(Action::Generate);
        let pieces: Vec<Piece> = vault.change(&author, |change| self.stage(batch, change))?;
        if let Err((written, error)) = self.place.deliver(&pieces, self.session) {
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
            Place::Folder { .. } => taken(error),
            Place::Lines => not_good(&error, pieces.len()),
        })
    }

    /// Puts a batch in waiting, without the names that were taken meanwhile if they may be.
    fn stage(&self, batch: Vec<Named>, change: &Change<'_>) -> Result<Vec<Piece>, Error> {
        let mut usernames = HashSet::new();
        let mut pieces = Vec::with_capacity(batch.len());
        for named in batch {
            let Some(grant) = self.free_grant(&named.name, change, &mut usernames)? else {
                continue;
            };
            match named.is_left {
                true => change.stage_again(&named.fresh.tail())?,
                false => named.fresh.stage(change)?,
            }
            pieces.push(self.piece(named, grant, change.now())?);
        }
        Ok(pieces)
    }

    fn piece(&self, named: Named, grant: Grant, now: Timestamp) -> Result<Piece, Error> {
        let Named {
            name,
            fresh,
            is_left,
        } = named;
        let tail = fresh.tail();
        let key = self.args.key(name, grant, tail, now, self.expires)?;
        Ok(Piece {
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
    ) -> Result<Option<Grant>, Error> {
        loop {
            let grant = self.args.grant(self.kind, self.session)?;
            let own = match &grant {
                Grant::Smtp { username } if !username.is_shared() => Some(username),
                _ => None,
            };
            if own.is_some_and(|own| !usernames.insert(own.as_str().to_owned())) {
                continue;
            }
            match change.expect_free(name, own) {
                Ok(()) => return Ok(Some(grant)),
                Err(vault::Error::UsernameTaken(_)) => {}
                Err(vault::Error::NameTaken(_)) if self.args.if_absent => return Ok(None),
                Err(error) => return Err(taken(error)),
            }
        }
    }

    /// Withdraws secrets that no key will have, and then what was written of them, be it by an
    /// earlier run: nothing that somebody else has taken up meanwhile.
    fn take_back(&self, pieces: &[Piece], written: usize, vault: &mut Vault, author: &Author) {
        let withdrawn = vault.change(author, |change| {
            let withdraw = |piece: &Piece| change.withdraw(&piece.fresh.tail());
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
        let ui = &self.session.ui;
        let title = self.kind.title();
        let keys = counted(
            made as i128,
            &format!("{title} key"),
            &format!("{title} keys"),
        );
        let status = match self.args.is_decoy {
            true => Standing::Decoy.word(),
            false => self.args.status().word(),
        };
        let grant = match self.args.grant(self.kind, self.session)? {
            Grant::Smtp { username } if username.is_shared() => format!(", username {username}"),
            Grant::Smtp { .. } => ", usernames made up (`postkey list` shows them)".to_owned(),
            Grant::Api { .. } if self.args.is_decoy => String::new(),
            Grant::Api { permission, limit } => {
                format!(", permission {permission}, limit {limit}")
            }
        };
        ui.note(format!("made {keys}: {status}{grant}"));
        let now = Session::clock();
        let end = self.session.look_at(now).end(self.expires.resolve(now)?);
        ui.note(match self.args.is_decoy {
            true => PLANT.to_owned(),
            false => format!("expires {end}"),
        });
        match &self.place {
            Place::Folder { path, .. } => ui.note(format!(
                "each secret is in a file of its own in `{}`, and nowhere else",
                path.display()
            )),
            Place::Lines => {}
        }
        Ok(())
    }
}

/// Secrets were printed, but did not become good.
fn not_good(error: &vault::Error, count: usize) -> Error {
    let status = handed::status(error);
    let secrets = counted(count as i128, "secret", "secrets");
    if status == ExitStatus::Unsure {
        return Error::new(status, error.to_string()).with_hint(format!(
            "check the last {secrets} that were printed with `postkey verify`"
        ));
    }
    let message = format!("of what was printed the last {secrets} did not become good: {error}");
    Error::new(status, message).with_hint("throw them away; look at what there is, and try again")
}

/// The error, with what helps where a name is taken.
fn taken(error: vault::Error) -> Error {
    let is_name = matches!(error, vault::Error::NameTaken(_));
    let error = Error::from(error);
    match is_name {
        true => error.with_hint("leave it out, or leave that key as it is with --if-absent"),
        false => error,
    }
}
