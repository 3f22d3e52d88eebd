//! The context of a run, and how it opens the vault.

use std::cell::{Cell, OnceCell};
use std::fs;
use std::io::ErrorKind;
use std::path::absolute;
use std::process::ExitCode;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::suggestion::{did_you_mean, nearest};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{self, ProtectionReason};
use crate::key::{CLOCK_TOLERANCE, Period};
use crate::process;
use crate::settings::{Settings, VaultSource};
use crate::ui::{DisplayContext, Ui};
use crate::usage;
use crate::vault::{self, Action, Actor, Author, Changes, StoredSecret, Vault};

/// The hint if the named vault does not exist.
const CHECK_PATH: &str = "check the path; `postkey generate api NAME` creates a vault with its first \
     key, `postkey restore FILE` from a backup";

/// The hint if the default vault does not exist.
const CHECK_HOME: &str = "name another with --vault or POSTKEY_VAULT; `postkey generate api NAME` \
     creates this one with its first key, `postkey restore FILE` from a backup";

/// The context of a run.
#[derive(Debug)]
pub struct Context {
    /// Standard output and standard error.
    pub ui: Ui,
    /// The effective settings.
    pub settings: Settings,
    /// Whether confirmations are answered with yes.
    pub is_yes: bool,
    /// Whether a vault was or should have been changed.
    pub changes: Changes,
    /// What was done and is not undone by a later failure; by default, that the vault was changed.
    done: OnceCell<String>,
    /// The time zone, read when it is first needed.
    actor: OnceCell<Actor>,
    /// The usage record, likewise.
    zone: OnceCell<TimeZone>,
    /// A copy of the vault without an interrupted transaction.
    has_warned: Cell<bool>,
    /// For how many names a similar one was looked up.
    compared: Cell<usize>,
    /// The exit status of a program that was run.
    passed_on: Cell<u8>,
}

/// For how many names a similar one is looked up: if no key has any of a long list of names, they
/// are probably meant for another vault.
const MAX_SUGGESTED: usize = 10;

impl Context {
    /// Starts a run.
    pub fn new(ui: Ui, settings: Settings, is_yes: bool) -> Self {
        keep_files(&settings);
        Self {
            ui,
            settings,
            is_yes,
            changes: Changes::default(),
            done: OnceCell::new(),
            actor: OnceCell::new(),
            zone: OnceCell::new(),
            has_warned: Cell::new(false),
            compared: Cell::new(0),
            passed_on: Cell::new(0),
        }
    }

    /// The current time, in whole seconds like the vault's.
    pub fn clock() -> Timestamp {
        process::now()
    }

    /// Opens the vault for reading.
    pub fn open(&self) -> Result<Vault, Error> {
        self.expect_own_home()?;
        self.opened().map_err(|error| self.explained(error))
    }

    /// The vault; after an interrupted transaction, its state before that, with a note.
    pub fn opened(&self) -> Result<Vault, vault::Error> {
        let vault = self.settings.vault.open_to_read(self.settings.wait)?;
        if vault.is_recovered() && !self.has_warned.replace(true) {
            self.ui.warn(
                "an interrupted transaction cannot be rolled back, as the vault or its file system \
                 is read-only: this is the state before it, read from a private copy",
            );
        }
        Ok(vault.reporting_to(&self.changes))
    }

    /// Makes sure that the vault exists even if it need not be opened: an answer without one would
    /// look like an answer about its keys.
    pub fn expect_vault(&self) -> Result<(), Error> {
        let Some(path) = self.settings.vault.file() else {
            return self.open().map(|_| ());
        };
        let found = fs::symlink_metadata(path);
        match found.map_err(|error| error.kind()) {
            Err(ErrorKind::NotFound) => Err(self.explained(vault::Error::Missing(path.into()))),
            _ => Ok(()),
        }
    }

    /// An error of the vault; if it does not exist, with the reason why this path was used.
    pub fn explained(&self, error: vault::Error) -> Error {
        let vault::Error::Missing(_) = error else {
            return error.into();
        };
        let (why, hint) = match self.settings.vault_source {
            VaultSource::Flag => ("named by --vault", CHECK_PATH),
            VaultSource::Environment => ("named by POSTKEY_VAULT", CHECK_PATH),
            VaultSource::Settings => ("named by `vault` in the settings", CHECK_PATH),
            VaultSource::Home => ("the default", CHECK_HOME),
        };
        let message = format!("there is no vault at `{}` ({why})", self.described_vault());
        Error::new(ExitStatus::Trouble, message).with_hint(hint)
    }

    /// Opens the vault for reading if it exists, named or not: the command that creates it may
    /// begin like this.
    pub fn open_before_create(&self) -> Result<Option<Vault>, Error> {
        let vault = self.open_if_exists()?;
        self.changes.note_change_if(vault.is_some());
        Ok(vault)
    }

    /// The same for a dry run.
    pub fn open_if_exists(&self) -> Result<Option<Vault>, Error> {
        self.expect_own_home()?;
        match self.opened() {
            Ok(vault) => Ok(Some(vault)),
            Err(vault::Error::Missing(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the vault for changes.
    pub fn open_for_change(&self) -> Result<Vault, Error> {
        self.checked(self.open()?)
    }

    /// Opens the vault for changes, or creates it.
    pub fn open_or_create(&self) -> Result<Vault, Error> {
        self.expect_own_home()?;
        let vault = self.settings.vault.open_or_create(self.settings.wait)?;
        if vault.is_new() {
            self.note_vault_created();
        }
        self.checked(vault.reporting_to(&self.changes))
    }

    /// Prepares the vault for changes.
    pub fn checked(&self, mut vault: Vault) -> Result<Vault, Error> {
        vault.check()?;
        // Exports are rewritten even if nothing changes: an earlier command may have been killed.
        self.changes.note_change_if(true);
        let author = self.author(Action::Expire);
        self.warn_of_clock(&vault, author.clock);
        // A damaged log does not prevent these, since an emergency cannot wait for that. A clock
        // that is certainly wrong ends nothing.
        if process::clock().is_ok() {
            let _ = vault.note_ends(&author);
        }
        Ok(vault)
    }

    /// Warns if the clock is behind the newest entry of the audit log.
    fn warn_of_clock(&self, vault: &Vault, clock: Timestamp) {
        let newest = vault.newest_entry().ok().flatten().map(|entry| entry.at);
        if let Some(newest) = newest.filter(|&newest| is_ahead(newest, clock)) {
            let newest = self.display_at(clock).moment_and_distance(newest);
            self.ui.warn(format!(
                "the newest entry of the audit log is from {newest}: is the clock right? run \
                 `postkey doctor`"
            ));
        }
    }

    /// Records what has expired or retired, if the vault can be written, so that it stays so.
    /// Otherwise only the clock decides.
    pub fn note_ends(&self, vault: &mut Vault) {
        let _ = vault.note_ends(&self.author(Action::Expire));
    }

    /// Stores the digest that a secret turned out to have, if the vault can be written, so that its
    /// hash need not be checked again.
    pub fn store_digest(&self, secret: &StoredSecret, vault: &mut Vault) {
        let _ = vault.store_digests([secret], &self.author(Action::Verify));
    }

    /// Notes that a span is in minutes, not months.
    pub fn note_minutes(&self, spans: impl IntoIterator<Item = Option<Period>>) {
        for span in spans.into_iter().flatten() {
            self.ui
                .note(format!("`{span}` is a span of minutes; a month is `1mo`"));
        }
    }

    /// The error at the end of a command, with its real cause where SQLite takes a failing disk for
    /// a damaged vault.
    pub fn diagnosed(&self, error: Error) -> Error {
        let cause = match error.cause() {
            Some(vault::Error::Malformed(_)) => {
                self.settings.vault.file().and_then(vault::diagnose)
            }
            _ => None,
        };
        match cause {
            Some(cause) => Error::from(cause).with_status(error.exit_status()),
            None => error,
        }
    }

    /// Prints an error that does not end the command; returns its exit status.
    pub fn report(&self, error: Error) -> ExitStatus {
        let error = self.diagnosed(error);
        self.ui.error(&error);
        error.exit_status()
    }

    /// The error, with the most similar name if no key has the given one.
    pub fn with_suggestion(&self, error: Error) -> Error {
        let near = error.cause().and_then(|cause| {
            let vault::Error::NoSuchKey(name) = cause else {
                return None;
            };
            let compared = self.compared.get();
            self.compared.set(compared + 1);
            if compared >= MAX_SUGGESTED {
                return None;
            }
            nearest(name, &self.open().ok()?)
        });
        match near {
            Some(near) => error.with_hint(did_you_mean(&near)),
            None => error,
        }
    }

    /// Makes sure that root does not accidentally use another user's vault.
    pub fn expect_own_home(&self) -> Result<(), Error> {
        if self.settings.vault_source == VaultSource::Home && process::is_root_in_another_home() {
            let hint = "`sudo -H postkey …` uses root's own vault, `sudo -u USER postkey …` \
                        that user's, --vault names one";
            let message = "ambiguous vault: running as root with another user's HOME";
            return Err(Error::new(ExitStatus::Trouble, message).with_hint(hint));
        }
        Ok(())
    }

    /// Notes what was done, and stays done if a later step fails: `the backup was created`.
    pub fn note_done(&self, what: impl Into<String>) {
        // The first of several counts.
        let _ = self.done.set(what.into());
    }

    /// Ends the process with the exit status of a program, unless that is success.
    pub fn pass_on(&self, status: u8) {
        self.passed_on.set(status);
    }

    /// How the process exits.
    pub fn exit_code(&self, status: ExitStatus) -> ExitCode {
        match self.passed_on.get() {
            0 => status.into(),
            program => ExitCode::from(program),
        }
    }

    /// An error that may occur after the change was committed: it then says so, instead of that
    /// nothing changed.
    pub fn after_change(&self, error: Error) -> Error {
        let done = match self.done.get() {
            Some(done) => done,
            None if self.changes.is_committed() => "the change was committed",
            None => return error,
        };
        if error.exit_status() != ExitStatus::Trouble {
            return error;
        }
        let after = Error::new(ExitStatus::Incomplete, format!("{done}, but {error}"));
        let stays = "do not repeat the command; `postkey log` shows what was changed";
        after.with_hint(error.hint().unwrap_or(stays))
    }

    /// The author of a change now: who, and with which command.
    pub fn author(&self, action: Action) -> Author {
        let clock = Self::clock();
        let kept = SignedDuration::from_hours(24 * self.settings.retention.days());
        Author {
            actor: self.actor.get_or_init(process::actor).clone(),
            action,
            clock,
            dead_retention_start: clock.checked_sub(kept).unwrap_or(Timestamp::MIN),
        }
    }

    /// How to display values now.
    pub fn display(&self) -> DisplayContext {
        self.display_at(Self::clock())
    }

    /// How to display values at a given time.
    pub fn display_at(&self, now: Timestamp) -> DisplayContext {
        DisplayContext::new(&self.ui, &self.settings, self.zone(), now)
    }

    /// The time zone for people; an invalid `TZ` is reported once.
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

    /// The vault's absolute path, or its address in a database.
    fn described_vault(&self) -> String {
        let vault = &self.settings.vault;
        let path = vault.file().and_then(|path| absolute(path).ok());
        path.map_or_else(|| vault.to_string(), |path| path.display().to_string())
    }

    /// Notes where a vault would be created without `--dry-run`.
    pub fn note_vault_would_be_created(&self) {
        let path = self.described_vault();
        let text = format!("there is no vault at `{path}`: it would be created");
        self.ui.note(text);
    }

    /// Notes that a vault was created, and where: the path may be a mistake.
    pub fn note_vault_created(&self) {
        let text = format!("created vault `{}`", self.described_vault());
        match self.ui.format.is_for_machines() {
            true => self.ui.warn(text),
            false => self.ui.note(text),
        }
    }
}

/// Protects files with a purpose of their own from being overwritten by this run.
fn keep_files(settings: &Settings) {
    let local = settings.vault.local();
    files::protect(local, ProtectionReason::Vault);
    files::protect(&usage::path(local), ProtectionReason::Vault);
    for file in settings.vault.options().files() {
        files::protect(file, ProtectionReason::Settings);
    }
    if let Some(file) = &settings.file_path {
        files::protect(file, ProtectionReason::Settings);
    }
    for export in &settings.exports {
        files::protect(&export.file, ProtectionReason::Export);
    }
}

/// Whether a time is so far ahead of the clock that one of them must be wrong.
pub fn is_ahead(moment: Timestamp, clock: Timestamp) -> bool {
    moment.as_second() - clock.as_second() > CLOCK_TOLERANCE
}
