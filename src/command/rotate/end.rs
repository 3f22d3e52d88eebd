//! Ends a rotation early: with the new secret or with the old one.

use jiff::SignedDuration;

use super::by_hand;
use crate::context::Context;
use crate::context::dry_run::DryRun;
use crate::context::selected_keys::SelectedKeys;
use crate::context::selection::{self, NameList, WantedName};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, Retiring};
use crate::ui::{DisplayContext, Ui, secret_use};
use crate::usage::{Details, SecretTransition, SecretUse};
use crate::vault::{Action, Change, Error as VaultError, Record, Vault};

/// A use of the old secret within this time is worth a warning, even if the new one was used since.
const RECENT: SignedDuration = SignedDuration::from_hours(1);

/// A rotation in progress.
struct Rotation<'a> {
    seen: &'a Record,
    old: &'a Retiring,
    /// The key's use; `None` if none is recorded.
    used: Option<Details>,
    display: &'a DisplayContext,
}

/// Whether a person has already agreed, after the warnings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirmation {
    Needed,
    Given,
}

/// Says what ending the rotation of each selected key would mean.
pub(super) fn warn(
    keys: &SelectedKeys,
    is_finishing: bool,
    context: &Context,
) -> Result<(), Error> {
    let vault = context.open()?;
    let display = context.display();
    for seen in keys.records() {
        match Rotation::of(seen, context, &vault, &display) {
            Some(rotation) if is_finishing => rotation.announce_finish(context),
            Some(rotation) => rotation.announce_abort(context),
            None => {}
        }
    }
    Ok(())
}

/// Ends the rotation of a key; `None` if the person declined.
type End =
    fn(&WantedName, Confirmation, DryRun, &Context, &mut Vault) -> Result<Option<Record>, Error>;

/// Ends the rotation of each key and shows the keys.
pub(super) fn each(
    names: &NameList,
    end: End,
    confirmation: Confirmation,
    dry_run: DryRun,
    context: &mut Context,
) -> Result<ExitStatus, Error> {
    let mut vault = context.open_to(dry_run)?;
    let mut ended = Vec::new();
    let highest = selection::each(names, context, |wanted, context| {
        let Some(record) = end(wanted, confirmation, dry_run, context, &mut vault)? else {
            let name = &wanted.name;
            context.ui.note(format!("`{name}` was not changed"));
            return Ok(ExitStatus::No);
        };
        ended.push(record);
        Ok(ExitStatus::Done)
    });
    context.show_keys(&ended, &vault, Context::clock())?;
    context.note_dry_run(dry_run);
    Ok(highest)
}

/// Retires the old secret. Succeeds if it has already retired.
pub(super) fn finish(
    wanted: &WantedName,
    confirmation: Confirmation,
    dry_run: DryRun,
    context: &Context,
    vault: &mut Vault,
) -> Result<Option<Record>, Error> {
    let seen = wanted.find(vault)?;
    let name = &wanted.name;
    let display = context.display();
    let Some(rotation) = Rotation::of(&seen, context, vault, &display) else {
        return remove_retired(seen, dry_run, context, vault).map(Some);
    };
    by_hand::expect_new_delivered(&seen, vault)?;
    let is_asked = !dry_run.is_dry_run && confirmation == Confirmation::Needed;
    if is_asked && !rotation.is_finish_confirmed(context)? {
        return Ok(None);
    }
    let finished = rotation.end(
        Action::FinishRotation,
        dry_run,
        context,
        vault,
        |key, change| key.retiring_at(change.now()).map(|_| key.finished()),
    )?;
    let (new, old) = rotation.tails();
    context.ui.note(match dry_run.is_dry_run {
        true => format!("the old secret of `{name}`, {old}, would retire; only {new} would work"),
        false => format!("retired the old secret of `{name}`, {old}; only {new} works"),
    });
    Ok(Some(finished.unwrap_or_else(|| seen.clone())))
}

/// Removes the old secret's hash after a rotation has ended: it is kept until then, since the clock
/// that ended it may have been wrong.
fn remove_retired(
    seen: Record,
    dry_run: DryRun,
    context: &Context,
    vault: &mut Vault,
) -> Result<Record, Error> {
    let name = &seen.key.name;
    let author = context.author(Action::FinishRotation);
    let removed = Context::change(dry_run, vault, &author, |change| {
        let found = change.find(name)?;
        if found.id != seen.id {
            return Err(VaultError::Changed(found.key.name));
        }
        let is_retired = |old: &Retiring| old.is_over(change.now());
        if !found.key.retiring.as_deref().is_some_and(is_retired) {
            return Ok::<_, VaultError>(None);
        }
        let key = found.key.finished();
        change.keep_one_secret(&found, &key, None)?;
        Ok(Some(Record { key, ..found }))
    })?;
    context.ui.note(match removed {
        Some(_) if dry_run.is_dry_run => {
            format!("the old secret of `{name}` has already retired; its hash would be removed")
        }
        Some(_) => format!("the old secret of `{name}` has already retired; its hash was removed"),
        None => format!("`{name}` has no old secret: unchanged"),
    });
    Ok(removed.unwrap_or(seen))
}

/// Removes the new secret.
pub(super) fn abort(
    wanted: &WantedName,
    confirmation: Confirmation,
    dry_run: DryRun,
    context: &Context,
    vault: &mut Vault,
) -> Result<Option<Record>, Error> {
    let seen = wanted.find(vault)?;
    let name = &wanted.name;
    let display = context.display();
    let Some(rotation) = Rotation::of(&seen, context, vault, &display) else {
        return Err(not_rotating(&seen.key, &display));
    };
    let is_asked = !dry_run.is_dry_run && confirmation == Confirmation::Needed;
    if is_asked && !rotation.is_abort_confirmed(context)? {
        return Ok(None);
    }
    let _lock = match dry_run.is_dry_run {
        true => None,
        false => by_hand::restore(&seen, vault, context)?,
    };
    let aborted = rotation.end(
        Action::AbortRotation,
        dry_run,
        context,
        vault,
        |key, change| key.rolled_back(change.now()),
    )?;
    let Some(aborted) = aborted else {
        return Err(not_rotating(&seen.key, &context.display()));
    };
    let (new, old) = rotation.tails();
    context.ui.note(match dry_run.is_dry_run {
        true => format!(
            "the new secret of `{name}`, {new}, would be removed; only {old} would work again"
        ),
        false => format!("removed the new secret of `{name}`, {new}; only {old} works again"),
    });
    Ok(Some(aborted))
}

/// Makes sure that no old secret was retired by a clock that was ahead: it can be brought back as
/// long as no other rotation replaces it.
pub(super) fn expect_none_expired_early(key: &Key, display: &DisplayContext) -> Result<(), Error> {
    match key.retired_early(display.now) {
        Some(_) => Err(VaultError::RetiredEarly(key.name.clone()).into()),
        None => Ok(()),
    }
}

fn not_rotating(key: &Key, display: &DisplayContext) -> Error {
    if let Err(error) = expect_none_expired_early(key, display) {
        return error;
    }
    let name = &key.name;
    let retired = key.retiring.as_ref().filter(|old| old.is_over(display.now));
    let message = match retired {
        Some(old) => format!(
            "the old secret of `{name}`, {}, retired {}: cannot abort",
            display.tail(&old.tail),
            display.moment_and_distance(old.until)
        ),
        None => format!("`{name}` is not being rotated: cannot abort"),
    };
    Error::new(ExitStatus::No, message).with_hint(format!(
        "`postkey rotate {name}` creates another, `postkey regenerate {name}` replaces this one \
         at once"
    ))
}

impl<'a> Rotation<'a> {
    /// The key's rotation, if it is being rotated.
    fn of(
        seen: &'a Record,
        context: &Context,
        vault: &Vault,
        display: &'a DisplayContext,
    ) -> Option<Self> {
        let old = seen.key.retiring_at(display.now)?;
        Some(Self {
            seen,
            old,
            used: context.uses(vault).details(seen, &context.ui),
            display,
        })
    }

    /// The tails of the new secret and the old one, for people.
    fn tails(&self) -> (String, String) {
        let Self {
            seen, old, display, ..
        } = self;
        (display.tail(&seen.key.tail), display.secret(&old.tail))
    }

    fn is_finish_confirmed(&self, context: &Context) -> Result<bool, Error> {
        self.expect_answer("retiring the old secret", context)?;
        self.announce_finish(context);
        self.is_confirmed("Retire the old secret?", context)
    }

    fn announce_finish(&self, context: &Context) {
        let (name, (new, old)) = (&self.seen.key.name, self.tails());
        context.ui.note(format!(
            "the old secret of `{name}`, {old}, will stop working at once; {new} keeps working"
        ));
        self.warn_before_finish(context);
    }

    fn is_abort_confirmed(&self, context: &Context) -> Result<bool, Error> {
        self.expect_answer("removing the new secret", context)?;
        self.announce_abort(context);
        self.is_confirmed("Remove the new secret?", context)
    }

    fn announce_abort(&self, context: &Context) {
        let (name, (new, old)) = (&self.seen.key.name, self.tails());
        context.ui.note(format!(
            "the new secret of `{name}`, {new}, will stop working at once; only {old} keeps working"
        ));
        let used = self.used.as_ref();
        if let Some(new) = used.and_then(|used| used.of_secret(&self.seen.key.tail)) {
            let used = secret_use(Some(new), self.display);
            context.ui.warn(format!(
                "the new secret was {used}: whoever uses it will be refused"
            ));
        }
    }

    fn warn_before_finish(&self, context: &Context) {
        let (key, ui) = (&self.seen.key, &context.ui);
        let Some(used) = &self.used else {
            return ui.warn(format!(
                "no usage of `{}` is recorded: check that its new secret is in use",
                key.name
            ));
        };
        let transition = used.transition(&key.tail, &self.old.tail);
        match transition {
            SecretTransition::Complete => {}
            SecretTransition::NotStarted => {
                ui.warn("the new secret has no recorded use: is it in use?");
            }
            SecretTransition::Partial(last) => {
                let last = self.last_use(used, last);
                ui.warn(format!(
                    "{last}, after the new one was in use: something still uses it"
                ));
            }
        }
        self.warn_of_recent_use(used, transition == SecretTransition::Complete, ui);
    }

    /// Reports the last use of the key if that was with the old secret: addresses are not recorded
    /// for each secret.
    fn warn_of_recent_use(&self, used: &Details, is_complete: bool, ui: &Ui) {
        let since = self.display.now - RECENT;
        let old = used.of_secret(&self.old.tail);
        let Some(old) = old.filter(|old| old.last_at >= since) else {
            return;
        };
        if is_complete {
            ui.note(format!("{}, before the new one", self.last_use(used, old)));
        }
        let addresses: Vec<&str> = used.addresses_since(since).collect();
        if addresses.len() > 1 {
            let all = addresses.join(", ");
            let used = format!("in the last hour the key was used from {all}");
            match is_complete {
                true => ui.note(used),
                false => ui.warn(used),
            }
        }
    }

    /// `the old secret was used 2 minutes ago from 203.0.113.66`
    fn last_use(&self, used: &Details, old: &SecretUse) -> String {
        let from = used.address_at(old.last_at);
        let from = from.map(|address| format!(" from {address}"));
        let ago = self.display.distance(old.last_at);
        format!("the old secret was used {ago}{}", from.unwrap_or_default())
    }

    fn expect_answer(&self, what: &str, context: &Context) -> Result<(), Error> {
        if context.is_yes {
            return Ok(());
        }
        let needed = format!("{what} of `{}` requires confirmation", self.seen.key.name);
        context.ui.expect_interactive(&needed, "pass --yes")
    }

    fn is_confirmed(&self, question: &str, context: &Context) -> Result<bool, Error> {
        if context.is_yes {
            return Ok(true);
        }
        context.ui.confirm(question)
    }

    /// Ends the rotation with the secret that `choose` returns, provided it is the rotation that
    /// was shown. `None` if it has ended by then.
    fn end(
        &self,
        action: Action,
        dry_run: DryRun,
        context: &Context,
        vault: &mut Vault,
        choose: impl Fn(&Key, &Change<'_>) -> Option<Key>,
    ) -> Result<Option<Record>, Error> {
        let ended = Context::change(dry_run, vault, &context.author(action), |change| {
            let found = change.find(&self.seen.key.name)?;
            if !self.has_same_secrets(&found) {
                return Err(VaultError::Changed(found.key.name));
            }
            let Some(key) = choose(&found.key, change) else {
                return Ok(None);
            };
            change.keep_one_secret(&found, &key, None)?;
            Ok(Some(Record { key, ..found }))
        })?;
        Ok(ended)
    }

    /// Whether the key still has the same secrets, and the old one has not retired.
    fn has_same_secrets(&self, found: &Record) -> bool {
        let is_same = |old: &Retiring| old.tail == self.old.tail;
        found.id == self.seen.id
            && found.key.tail == self.seen.key.tail
            && found.key.retiring.as_deref().is_none_or(is_same)
    }
}
