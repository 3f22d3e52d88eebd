//! What a person's abort of an automatic rotation does before the new secret is removed, as a run does.

use crate::delivery::automatic::key_rotation::KeyRotation;
use crate::delivery::automatic::lock::lock;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::LockAttempt;
use crate::rotation::RotationProgress;
use crate::vault::Record;

impl KeyRotation<'_> {
    /// Keeps runs from continuing the rotation until the lock is dropped.
    ///
    /// # Errors
    /// If one continues it for longer than a command waits.
    pub fn lock_by_hand(&self, record: &Record) -> Result<Option<LockAttempt>, Error> {
        let wait = self.context.settings.wait;
        match lock(record.id, self.vault, wait) {
            Ok(LockAttempt::Busy) => {
                let name = &record.key.name;
                let message = format!("another process continues the rotation of `{name}`");
                Err(Error::new(ExitStatus::Trouble, message)
                    .with_hint("try again, or wait longer with --wait 30s"))
            }
            attempt => Ok(attempt.ok()),
        }
    }

    /// Delivers the old secret again.
    ///
    /// # Errors
    /// If it is not known, or cannot be delivered; then the destination keeps the new one.
    pub fn restore_by_hand(&mut self, record: &Record) -> Result<(), Error> {
        let situation = self.situation(&record.key.name)?;
        match &situation.rotation {
            Some(rotation) if rotation.progress != RotationProgress::Restored => {
                let place = self.place_of(&situation);
                self.restore(record, rotation, place.as_ref())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Lets the application read the old secret, unless it has done so.
    ///
    /// # Errors
    /// If its command failed.
    pub fn run_after_by_hand(&mut self, record: &Record) -> Result<(), Error> {
        let situation = self.situation(&record.key.name)?;
        match situation.facts.is_after_done {
            true => Ok(()),
            false => self.run_after(&situation),
        }
    }
}
