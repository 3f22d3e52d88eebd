//! The end of a rotation before its time: with the new secret, or with the old one.

use jiff::SignedDuration;

use crate::command::Session;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName, Retiring};
use crate::ui::{Look, Ui, secret_use};
use crate::usage::{Details, SecretUse, Takeover};
use crate::vault::{Action, Change, Error as VaultError, Record, Vault};

/// How long ago a use of the old secret is worth a warning, whatever came after it.
const RECENT: SignedDuration = SignedDuration::from_hours(1);

/// A rotation that is open.
struct Rotation<'a> {
    seen: &'a Record,
    old: &'a Retiring,
    /// The key's use; `None` if none is recorded.
    used: Option<Details>,
    look: &'a Look,
}

/// Retires the old secret. That it has retired already is just as good.
pub(super) fn finish(name: &KeyName, session: &Session) -> Result<ExitStatus, Error> {
    let mut vault = session.open_to_change()?;
    let seen = vault.find(name)?;
    let look = session.look();
    let Some(rotation) = Rotation::of(&seen, session, &vault, &look) else {
        return remove_retired(seen, session, &mut vault);
    };
    if !rotation.is_finish_confirmed(session)? {
        session.ui.note("nothing was changed");
        return Ok(ExitStatus::No);
    }
    let finished = rotation.end(
        Action::FinishRotation,
        session,
        &mut vault,
        |key, change| key.retiring_at(change.now()).map(|_| key.finished()),
    )?;
    let (new, old) = rotation.tails();
    session.ui.note(format!(
        "the old secret of `{name}`, {old}, has stopped; {new} is its only one"
    ));
    let finished = finished.unwrap_or_else(|| seen.clone());
    session.show_keys(&[finished], &vault, look.now)?;
    Ok(ExitStatus::Done)
}

/// Removes what is left of a rotation that is over: the old secret's hash stays until that is
/// asked for, since the clock that ended it may have been wrong.
fn remove_retired(seen: Record, session: &Session, vault: &mut Vault) -> Result<ExitStatus, Error> {
    let name = &seen.key.name;
    let removed = vault.change(&session.author(Action::FinishRotation), |change| {
        let found = change.find(name)?;
        let is_retired = |old: &Retiring| old.is_over(change.now());
        if !found.key.retiring.as_deref().is_some_and(is_retired) {
            return Ok::<_, VaultError>(None);
        }
        let key = found.key.finished();
        change.keep_secret(&found, &key)?;
        Ok(Some(Record { key, ..found }))
    })?;
    session.ui.note(match removed {
        Some(_) => format!("the old secret of `{name}` had retired already; its hash was removed"),
        None => format!("`{name}` has no old secret; nothing was changed"),
    });
    session.show_keys(&[removed.unwrap_or(seen)], vault, Session::clock())?;
    Ok(ExitStatus::Done)
}

/// Takes the new secret back.
pub(super) fn abort(name: &KeyName, session: &Session) -> Result<ExitStatus, Error> {
    let mut vault = session.open_to_change()?;
    let seen = vault.find(name)?;
    let look = session.look();
    let Some(rotation) = Rotation::of(&seen, session, &vault, &look) else {
        return Err(nothing_to_go_back_to(&seen.key, &look));
    };
    if !rotation.is_abort_confirmed(session)? {
        session.ui.note("nothing was changed");
        return Ok(ExitStatus::No);
    }
    let aborted = rotation.end(Action::AbortRotation, session, &mut vault, |key, change| {
        key.rolled_back(change.now())
    })?;
    let Some(aborted) = aborted else {
        return Err(nothing_to_go_back_to(&seen.key, &session.look()));
    };
    let (new, old) = rotation.tails();
    session.ui.note(format!(
        "the new secret of `{name}`, {new}, has stopped; {old} is its only one again"
    ));
    session.show_keys(&[aborted], &vault, look.now)?;
    Ok(ExitStatus::Done)
}

/// Makes sure that no old secret was retired by a clock that was ahead: it can be brought back,
/// unless another rotation takes its place.
pub(super) fn expect_no_early_end(key: &Key, look: &Look) -> Result<(), Error> {
    match key.retired_early(look.now) {
        Some(_) => Err(VaultError::RetiredEarly(key.name.clone()).into()),
        None => Ok(()),
    }
}

fn nothing_to_go_back_to(key: &Key, look: &Look) -> Error {
    if let Err(error) = expect_no_early_end(key, look) {
        return error;
    }
    let name = &key.name;
    let retired = key.retiring.as_ref().filter(|old| old.is_over(look.now));
    let message = match retired {
        Some(old) => format!(
            "the old secret of `{name}`, {}, retired {}: there is nothing to go back to",
            look.tail(&old.tail),
            look.moment_and_distance(old.until)
        ),
        None => format!("`{name}` has no old secret to go back to"),
    };
    Error::new(ExitStatus::No, message).with_hint(format!(
        "`postkey rotate {name}` makes another, `postkey regenerate {name}` stops this one at once"
    ))
}

impl<'a> Rotation<'a> {
    /// The key's rotation, if one is open.
    fn of(seen: &'a Record, session: &Session, vault: &Vault, look: &'a Look) -> Option<Self> {
        let old = seen.key.retiring_at(look.now)?;
        Some(Self {
            seen,
            old,
            used: session.uses(vault).details(seen, &session.ui),
            look,
        })
    }

    /// The endings of the new secret and the old one, for people.
    fn tails(&self) -> (String, String) {
        let Self {
            seen, old, look, ..
        } = self;
        (look.tail(&seen.key.tail), look.secret(&old.tail))
    }

    fn is_finish_confirmed(&self, session: &Session) -> Result<bool, Error> {
        let (name, (new, old)) = (&self.seen.key.name, self.tails());
        self.expect_answer("retiring the old secret", session)?;
        session.ui.note(format!(
            "the old secret of `{name}`, {old}, will stop at once; {new} goes on"
        ));
        self.warn_before_finish(session);
        self.is_confirmed("Retire the old secret?", session)
    }

    fn is_abort_confirmed(&self, session: &Session) -> Result<bool, Error> {
        let (name, (new, old)) = (&self.seen.key.name, self.tails());
        self.expect_answer("taking back the new secret", session)?;
        session.ui.note(format!(
            "the new secret of `{name}`, {new}, will stop at once; {old} goes on alone"
        ));
        let used = self.used.as_ref();
        if let Some(new) = used.and_then(|used| used.of_secret(&self.seen.key.tail)) {
            let used = secret_use(Some(new), self.look);
            session.ui.warn(format!(
                "the new secret was {used}: what has it will be refused"
            ));
        }
        self.is_confirmed("Take the new secret back?", session)
    }

    fn warn_before_finish(&self, session: &Session) {
        let (key, ui) = (&self.seen.key, &session.ui);
        let Some(used) = &self.used else {
            return ui.warn(format!(
                "no use of `{}` is recorded: whether its new secret is in place is not known",
                key.name
            ));
        };
        match used.takeover(&key.tail, &self.old.tail) {
            Takeover::Complete => {}
            Takeover::NotBegun => {
                ui.warn("the new secret was never used, as far as is recorded: is it in place?");
            }
            Takeover::Partial(last) => {
                let last = self.last_use(used, last);
                ui.warn(format!(
                    "{last}, after the new one was in use: something still has it"
                ));
            }
        }
        self.warn_of_recent_use(used, ui);
    }

    /// Tells who used the key lately, if that was with the old secret: from where each secret was
    /// used is not recorded.
    fn warn_of_recent_use(&self, used: &Details, ui: &Ui) {
        let since = self.look.now - RECENT;
        let old = used.of_secret(&self.old.tail);
        let Some(old) = old.filter(|old| old.last_at >= since) else {
            return;
        };
        if used.takeover(&self.seen.key.tail, &self.old.tail) == Takeover::Complete {
            ui.warn(format!("{}, before the new one", self.last_use(used, old)));
        }
        let addresses: Vec<&str> = used.addresses_since(since).collect();
        if addresses.len() > 1 {
            ui.warn(format!(
                "in the last hour the key was used from {}",
                addresses.join(", ")
            ));
        }
    }

    /// `the old secret was used 2 minutes ago from 203.0.113.66`
    fn last_use(&self, used: &Details, old: &SecretUse) -> String {
        let from = used.address_at(old.last_at);
        let from = from.map(|address| format!(" from {address}"));
        let ago = self.look.distance(old.last_at);
        format!("the old secret was used {ago}{}", from.unwrap_or_default())
    }

    fn expect_answer(&self, what: &str, session: &Session) -> Result<(), Error> {
        if session.is_yes {
            return Ok(());
        }
        let needed = format!("{what} of `{}` needs a confirmation", self.seen.key.name);
        session.ui.expect_person(&needed, "--yes gives it")
    }

    fn is_confirmed(&self, question: &str, session: &Session) -> Result<bool, Error> {
        if session.is_yes {
            return Ok(true);
        }
        session.ui.confirm(question)
    }

    /// Ends the rotation with one of its secrets, as `choose` has the key then; it must be the
    /// rotation that was looked at. `None` if that is over by now.
    fn end(
        &self,
        action: Action,
        session: &Session,
        vault: &mut Vault,
        choose: impl Fn(&Key, &Change<'_>) -> Option<Key>,
    ) -> Result<Option<Record>, Error> {
        let ended = vault.change(&session.author(action), |change| {
            let found = change.find(&self.seen.key.name)?;
            if !self.is_of(&found) {
                return Err(VaultError::Changed(found.key.name));
            }
            let Some(key) = choose(&found.key, change) else {
                return Ok(None);
            };
            change.keep_secret(&found, &key)?;
            Ok(Some(Record { key, ..found }))
        })?;
        Ok(ended)
    }

    /// Whether the key has the same secrets still, the old one if it has not retired.
    fn is_of(&self, found: &Record) -> bool {
        let is_same = |old: &Retiring| old.tail == self.old.tail;
        found.id == self.seen.id
            && found.key.tail == self.seen.key.tail
            && found.key.retiring.as_deref().is_none_or(is_same)
    }
}
