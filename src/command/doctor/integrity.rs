//! Checks the vault: its schema, its pages, its log, its keys.

use std::path::Path;

use super::report::DoctorReport;
use crate::error::Error;
use crate::ui::{ALLOWS_WEAK, counted, quoted_names, refused_by_dovecot_2_4};
use crate::vault::health::{self, InspectedVault};
use crate::vault::{self, Record, Vault};

/// The messages about an interrupted transaction and its rollback.
pub(super) fn rollback(vault: &Path) -> (&'static str, &'static str) {
    match health::is_writable(vault) {
        true => (
            "an interrupted transaction must be rolled back first",
            "the next command does: `postkey list`",
        ),
        false => (
            "an interrupted transaction must be rolled back, but the vault cannot be written",
            vault::INTERRUPTED,
        ),
    }
}

impl DoctorReport<'_> {
    /// Checks everything in the vault's file.
    pub(super) fn inside(&mut self, path: &Path) -> Result<(), Error> {
        match health::examine(path, self.context.settings.wait) {
            Ok(examined) => self.examined(&examined),
            Err(error @ vault::Error::Busy) => return Err(error.into()),
            Err(vault::Error::Interrupted | vault::Error::ReadOnly | vault::Error::Sqlite(_))
                if health::has_journal(path) =>
            {
                let (what, hint) = rollback(path);
                self.found("whole", what, hint);
            }
            Err(error) => self.fault("whole", error),
        }
        Ok(())
    }

    fn examined(&mut self, examined: &InspectedVault) {
        let InspectedVault {
            vault,
            schema,
            known,
        } = examined;
        match (schema == known, vault.expect_no_foreign_schema()) {
            (_, Err(error)) => self.fault("schema", error),
            (true, Ok(())) => self.ok("schema", format!("version {schema}, the newest")),
            (false, Ok(())) => self.found(
                "schema",
                format!("version {schema}; the newest is {known}"),
                "the next command upgrades it and keeps a copy: `postkey list`",
            ),
        }
        let pages = vault.check_pages();
        self.outcome("whole", pages.map(|()| "every page is readable".to_owned()));
        self.contents(vault);
    }

    /// Checks the vault in a database: what it holds, as in a file.
    pub(super) fn database(&mut self) -> Result<(), Error> {
        let vault = self.context.open()?;
        let place = format!("`{}` has the newest schema", self.context.settings.vault);
        self.ok("place", place);
        self.contents(&vault);
        Ok(())
    }

    fn contents(&mut self, vault: &Vault) {
        self.log(vault);
        self.clock(vault);
        self.keys(vault);
        let contradicted = self.facts(vault);
        self.policies(vault);
        self.hashes(vault, &contradicted);
        self.weak(vault);
        self.check_pending(vault);
        self.usage(vault);
        self.exports(vault);
    }

    fn log(&mut self, vault: &Vault) {
        match vault.verify_log() {
            Err(error) => self.fault("log", error),
            Ok(chain) => match chain.broken {
                None => {
                    let entries = counted(chain.entries, "entry", "entries");
                    self.ok("log", format!("{entries}, and the chain is valid"));
                }
                Some((entry, why)) => self.found(
                    "log",
                    format!("audit log verification failed at entry {entry}: it {why}"),
                    "it was edited or damaged: compare it with a backup's log",
                ),
            },
        }
    }

    fn keys(&mut self, vault: &Vault) {
        let permissions = &self.context.settings.permissions;
        let (mut count, mut unknown, mut unread) = (0, Vec::new(), Vec::new());
        let read = vault.each_key(|record| match record {
            Ok(Record { key, .. }) => {
                count += 1;
                let permission = key.permission().cloned();
                if let Some(Err(_)) = permission.map(|given| permissions.expect(given)) {
                    unknown.push(key.name.to_string());
                }
            }
            Err(error) => unread.push(error),
        });
        if let Err(error) = read {
            return self.fault("keys", error);
        }
        if unknown.is_empty() && unread.is_empty() {
            let keys = counted(count, "key", "keys");
            self.ok(
                "keys",
                format!("{keys} can be read, each permission is defined"),
            );
        }
        for error in unread {
            self.fault("keys", error);
        }
        if !unknown.is_empty() {
            self.found(
                "keys",
                format!(
                    "{} a permission that the settings do not define",
                    having(&unknown)
                ),
                "define it under [permissions], or `postkey set NAME --permission …`",
            );
        }
    }

    /// Checks that each key matches the audit log; returns the names of those that do not.
    fn facts(&mut self, vault: &Vault) -> Vec<String> {
        let contradictions = match vault.contradictions() {
            Ok(contradictions) => contradictions,
            Err(error) => {
                self.fault("facts", error);
                return Vec::new();
            }
        };
        if contradictions.is_empty() {
            self.ok("facts", "every key matches the audit log");
        }
        let mut names = Vec::new();
        for contradiction in contradictions {
            names.push(contradiction.key.clone());
            self.fault("facts", vault::Error::Contradicted(contradiction));
        }
        names
    }

    fn policies(&mut self, vault: &Vault) {
        let odd = match vault.invalid_policies() {
            Ok(odd) => odd,
            Err(error) => return self.fault("policies", error),
        };
        for (name, text) in odd {
            let text = crate::key::quoted(&text);
            self.found(
                "policies",
                format!("the policy {text} of `{name}` is neither a period nor `never`"),
                "the vault was edited; set the policy again",
            );
        }
    }

    /// Checks that each hash has the current parameters; a key that contradicts the log gets no new
    /// secret.
    fn hashes(&mut self, vault: &Vault, contradicted: &[String]) {
        let odd = match vault.weak_hashes() {
            Ok(odd) => odd,
            Err(error) => return self.fault("hashes", error),
        };
        let of = |is_refused: bool| -> Vec<String> {
            let keys = odd.iter().filter(|odd| odd.is_refused == is_refused);
            keys.map(|odd| odd.key.clone()).collect()
        };
        let (refused, cheap) = (of(true), of(false));
        let hint = |names: &[String], otherwise| match names
            .iter()
            .any(|name| contradicted.contains(name))
        {
            true => {
                "the key does not match the audit log: restore a backup, or run `postkey delete NAME`"
            }
            false => otherwise,
        };
        if odd.is_empty() {
            self.ok("hashes", "all use current parameters");
        }
        if !refused.is_empty() {
            self.found(
                "hashes",
                format!(
                    "{} an unsupported hash: unknown scheme, or too costly",
                    having(&refused)
                ),
                hint(
                    &refused,
                    "`postkey regenerate NAME`; the key cannot be used as it is",
                ),
            );
        }
        if !cheap.is_empty() {
            self.found(
                "hashes",
                format!("{} a weaker hash than new ones", having(&cheap)),
                hint(
                    &cheap,
                    "`postkey rotate NAME`, when its user can switch to a new secret",
                ),
            );
        }
    }

    /// Warns of passwords that a newer Dovecot refuses, whatever their cost.
    fn weak(&mut self, vault: &Vault) {
        match vault.refused_by_dovecot_2_4() {
            Err(error) => self.fault("hashes", error),
            Ok(keys) if keys.is_empty() => {}
            Ok(keys) => self.found("hashes", refused_by_dovecot_2_4(&keys), ALLOWS_WEAK),
        }
    }

    fn check_pending(&mut self, vault: &Vault) {
        match vault.staged_too_long(self.display.now) {
            Err(error) => self.fault("staged", error),
            Ok(None) => self.ok("staged", "no pending secrets"),
            Ok(Some((oldest, count))) => {
                let secrets = counted(count, "secret", "secrets");
                let age = self.when(oldest);
                self.found(
                    "staged",
                    format!("{secrets} pending, the oldest {age}"),
                    "they are not valid; the next new secret removes them",
                );
            }
        }
    }
}

/// `` `web` has``, or `` `web`, `ci` and 3 more have``
fn having(names: &[String]) -> String {
    let verb = if names.len() == 1 { "has" } else { "have" };
    format!("{} {verb}", quoted_names(names))
}
