//! The variables of an env file that hold the secret which is replaced.

use crate::delivery::destination::Destination;
use crate::delivery::loss::{is_secret, tails_of};
use crate::delivery::target::Target;
use crate::error::Error;
use crate::files::env::{self, EnvVariables};
use crate::key::{Key, KeyVariables};

impl Target<'_> {
    /// Sets all variables of the env file that hold the key's secret, which would keep an invalid
    /// one otherwise; unless one is named, the key's own is only set if it is there, or none is.
    pub(super) fn choose_variables(&mut self, before: &Key, is_named: bool) -> Result<(), Error> {
        let Destination::EnvFile {
            path,
            variables: own,
            also,
            ..
        } = &mut self.destination
        else {
            return Ok(());
        };
        let text = env::read(path)?;
        let found = EnvVariables::read(path, &text)?;
        let old = tails_of(before);
        let is_old = |value: &str| old.iter().any(|tail| is_secret(value, tail));
        let held = found.all().filter(|(_, value)| is_old(value));
        *also = held.filter_map(|(name, _)| name.parse().ok()).collect();
        let is_named = is_named || found.has(own.secret.as_str());
        if let Some(first) = also.first().filter(|_| !is_named) {
            let username = before.username().map(|username| username.as_str());
            let has_username = found.all().any(|(_, value)| Some(value) == username);
            *own = KeyVariables::named(before.kind(), first.clone(), None);
            own.username.take_if(|_| has_username);
            self.is_found = true;
        }
        also.retain(|variable| *variable != own.secret);
        also.dedup();
        Ok(())
    }
}
