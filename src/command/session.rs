//! What every verb works with: the streams, the settings, the clock, and the vault.

use std::cell::OnceCell;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::real;
use crate::process;
use crate::settings::Settings;
use crate::ui::{Look, Row, Ui};
use crate::usage;
use crate::vault::{self, Action, Actor, Author, Changes, Vault};

/// How far the clock may be behind the log before it is worth a word, in seconds.
pub(super) const SLOW_CLOCK: i64 = 60;

/// One run of the program.
#[derive(Debug)]
pub struct Session {
    /// The streams.
    pub ui: Ui,
    /// The settings, merged.
    pub settings: Settings,
    /// Whether questions are answered with yes.
    pub is_yes: bool,
    /// Whether a vault was changed, or was to be.
    pub(super) changes: Changes,
    /// Found when it is first needed.
    actor: OnceCell<Actor>,
    /// The same.
    zone: OnceCell<TimeZone>,
}

impl Session {
    /// Begins a run.
    pub fn new(ui: Ui, settings: Settings, is_yes: bool) -> Self {
        Self {
            ui,
            settings,
            is_yes,
            changes: Changes::default(),
            actor: OnceCell::new(),
            zone: OnceCell::new(),
        }
    }

    /// The clock, in whole seconds as the vault keeps them.
    pub(super) fn clock() -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    /// Opens the vault for reading.
    pub(super) fn open(&self) -> Result<Vault, Error> {
        self.expect_own_home()?;
        let vault = Vault::open(&self.settings.vault, self.settings.wait)?;
        Ok(vault.telling(&self.changes))
    }

    /// Opens the vault for reading if there is one; one that was named must be there.
    pub(super) fn open_if_any(&self) -> Result<Option<Vault>, Error> {
        self.expect_own_home()?;
        match Vault::open(&self.settings.vault, self.settings.wait) {
            Ok(vault) => Ok(Some(vault.telling(&self.changes))),
            Err(vault::Error::Missing(_)) if self.settings.is_vault_in_home => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the vault for reading if there is one, named or not: what makes it begins so.
    pub(super) fn open_if_made(&self) -> Result<Option<Vault>, Error> {
        let vault = self.open_if_there()?;
        self.changes.note_if(vault.is_some());
        Ok(vault)
    }

    /// The same, but nothing will be changed.
    pub(super) fn open_if_there(&self) -> Result<Option<Vault>, Error> {
        self.expect_own_home()?;
        match Vault::open(&self.settings.vault, self.settings.wait) {
            Ok(vault) => Ok(Some(vault.telling(&self.changes))),
            Err(vault::Error::Missing(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the vault for a change.
    pub(super) fn open_to_change(&self) -> Result<Vault, Error> {
        self.checked(self.open()?)
    }

    /// Opens the vault for a change, or makes it.
    pub(super) fn open_or_make(&self) -> Result<Vault, Error> {
        self.expect_own_home()?;
        let vault = Vault::open_or_make(&self.settings.vault, self.settings.wait)?;
        self.checked(vault.telling(&self.changes))
    }

    /// The vault, if it can be changed.
    pub(super) fn checked(&self, vault: Vault) -> Result<Vault, Error> {
        vault.check()?;
        // Also where there will be nothing to change: the command that did may have been killed.
        self.changes.note_if(true);
        let clock = Self::clock();
        let time = vault.time(clock)?;
        if time.as_second() - clock.as_second() > SLOW_CLOCK {
            self.ui.warn(format!(
                "the clock is behind the log's newest entry; {time} counts as now"
            ));
        }
        Ok(vault)
    }

    /// Makes sure that it is clear whose vault is meant.
    pub(super) fn expect_own_home(&self) -> Result<(), Error> {
        if self.settings.is_vault_in_home && process::is_root_in_another_home() {
            let hint = "`sudo -H postkey …` uses root's own vault, `sudo -u USER postkey …` \
                        that user's, --vault names one";
            let message = "root runs with another user's HOME: which vault is meant is not clear";
            return Err(Error::new(ExitStatus::Trouble, message).hint(hint));
        }
        Ok(())
    }

    /// Makes sure that a file is neither the vault nor its record of use, nor a part of them, and
    /// neither the settings nor an export.
    pub(super) fn expect_elsewhere(&self, file: &Path) -> Result<(), Error> {
        let vault = &self.settings.vault;
        let own = [vault, &usage::path(vault)];
        if own.iter().any(|own| vault::consists_of(own, file)) {
            return Err(vault::Error::TheVaultItself(file.to_owned()).into());
        }
        let real_file = real(file);
        let is = |own: &Path| real(own) == real_file;
        let what = if self.settings.file.as_deref().is_some_and(is) {
            "is the settings file"
        } else if self.settings.exports.iter().any(|own| is(&own.file)) {
            "is an export, which is rewritten with every change"
        } else {
            return Ok(());
        };
        let message = format!("`{}` {what}", file.display());
        Err(Error::new(ExitStatus::Trouble, message).hint("name another file"))
    }

    /// Who acts, and how, now.
    pub(super) fn author(&self, action: Action) -> Author {
        Author {
            actor: self.actor.get_or_init(process::actor).clone(),
            action,
            clock: Self::clock(),
        }
    }

    /// How values look to people at the time that counts for the vault; at the clock's if
    /// that is damaged, for what can be read is shown.
    pub(super) fn look(&self, vault: &Vault) -> Look {
        let clock = Self::clock();
        self.look_at(vault.time(clock).unwrap_or_else(|error| {
            self.ui.warn(format!("{error}; the clock's time is used"));
            clock
        }))
    }

    /// How values look to people where no vault was opened.
    pub(super) fn look_at_clock(&self) -> Look {
        self.look_at(Self::clock())
    }

    /// How values look to people at a time.
    pub(super) fn look_at(&self, now: Timestamp) -> Look {
        Look::new(&self.ui, &self.settings, self.zone(), now)
    }

    /// The zone that times are told in to people; a wrong `TZ` is told once.
    fn zone(&self) -> TimeZone {
        let local = || {
            process::time_zone().unwrap_or_else(|why| {
                self.ui.warn(format!("{why}; times are in UTC"));
                TimeZone::UTC
            })
        };
        let zone = self.zone.get_or_init(|| match self.settings.utc {
            true => TimeZone::UTC,
            false => local(),
        });
        zone.clone()
    }

    /// Says that there is no vault yet.
    pub(super) fn note_missing_vault(&self) {
        let path = self.settings.vault.display();
        self.ui.note(format!(
            "there is no vault at `{path}` yet; `postkey generate` makes it"
        ));
    }

    /// A listing of nothing, for there is no vault yet.
    pub(super) fn list_nothing<T: Row>(&self) -> Result<ExitStatus, Error> {
        self.note_missing_vault();
        self.ui.listing(&self.look_at_clock()).finish::<T>()?;
        Ok(ExitStatus::Done)
    }
}
