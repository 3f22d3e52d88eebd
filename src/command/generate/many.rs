//! Creates many keys at once: names from a file, secrets from all cores.
//!
//! Each batch is delivered while the secrets of the next are hashed. A run that is killed leaves
//! whole keys and pending secrets, which the same command picks up.

use std::collections::HashSet;
use std::iter;

use jiff::Timestamp;

use super::bulk_error::{combine_errors, explained, name_taken};
use super::destination::{BulkDestination, DestinationState, NEVER_REPLACED};
use super::existing::ExistingKeys;
use super::flags::Generate;
use super::notes;
use crate::context::Context;
use crate::context::name_list;
use crate::context::name_list::{DuplicateName, InvalidNames, ListedName};
use crate::delivery::options::DeliveredKey;
use crate::delivery::{self, Failure, NewKey, NewSecret, OverwritePolicy, SecretSupply, Target};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Access, EffectiveStatus, Expiry, Key, KeyName, KeyPolicy, Kind};
use crate::process::{self, DeferredSignals};
use crate::ui::counted;
use crate::vault::{self, Action, Vault};

/// The keys to create, and the existing ones.
#[derive(Default)]
struct GeneratePlan {
    new: Vec<KeyName>,
    /// With pending secrets of a run that was killed.
    left: Vec<(KeyName, NewSecret)>,
    existing: ExistingKeys,
}

/// What all keys share.
struct CommonOptions<'a> {
    args: &'a Generate,
    kind: Kind,
    expires: Expiry,
    destination: BulkDestination,
    context: &'a Context,
}

/// A key's name and secret.
struct NamedSecret {
    name: KeyName,
    secret: NewSecret,
    /// Whether a killed run has already stored it as pending.
    is_staged: bool,
}

pub(super) fn run(
    args: &Generate,
    names: &std::path::Path,
    kind: Kind,
    context: &Context,
) -> Result<ExitStatus, Error> {
    let order = CommonOptions::of(args, kind, context)?;
    let (wanted, faults) = name_list::read(names, DuplicateName::Fault, context)?;
    if matches!(order.destination, BulkDestination::Each) {
        let names = wanted.iter().map(|listed| &listed.name);
        args.delivery.expect_distinguishable(names, context)?;
    }
    let plan = order.plan(wanted, faults)?;
    order.report_existing(&plan);
    let count = plan.count();
    if count == 0 {
        return Ok(ExitStatus::Done);
    }
    if args.dry_run.is_dry_run {
        let keys = counted(count as i128, "key", "keys");
        context.ui.note(format!("would create {keys}"));
        context.note_dry_run(args.dry_run);
        return Ok(ExitStatus::Done);
    }
    order.destination.prepare()?;
    let mut vault = context.open_or_create()?;
    let mut created = 0;
    let ended = order.create_all(plan, &mut vault, &mut created);
    if matches!(ended, Ok(None)) {
        order.report(created)?;
        return Ok(ExitStatus::Done);
    }
    context.ui.note(format!(
        "{created} of {} created; the same command with --if-absent creates the rest",
        counted(count as i128, "key is", "keys are")
    ));
    match ended {
        Ok(None) => {}
        Ok(Some(signal)) => {
            context.rewrite_exports();
            process::kill_by_signal(signal);
        }
        // Reported as what happens to the remaining names.
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
    /// Parses the flags; refuses what can be refused before the names are known.
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
            destination: BulkDestination::of(args, context)?,
            context,
        })
    }

    /// Checks whether each name is available; reports all errors together.
    fn plan(
        &self,
        wanted: Vec<ListedName>,
        mut faults: InvalidNames,
    ) -> Result<GeneratePlan, Error> {
        let vault = self.context.open_existing(self.args.dry_run)?;
        let now = Context::clock();
        let mut plan = GeneratePlan::default();
        for ListedName { name, line } in wanted {
            let fault = self.plan_name(name, vault.as_ref(), now, &mut plan)?;
            if let Some(error) = fault {
                faults.add(line, error);
            }
        }
        faults.report("no key was created", self.context)?;
        Ok(plan)
    }

    /// Decides what to do about a name; fails if it is not available.
    fn plan_name(
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
                existing.note_file(self.destination.has(&name));
                return Ok(existing
                    .add(&record.key, self.args, self.kind, &display, self.context)
                    .err());
            }
            Some(Ok(_)) => return Ok(Some(name_taken(vault::Error::NameTaken(name)))),
            None | Some(Err(vault::Error::NoSuchKey(_))) => {}
            Some(Err(error)) => return Err(error.into()),
        }
        match self.destination.inspect(&name, self.kind, vault)? {
            DestinationState::Nothing => plan.new.push(name),
            DestinationState::Left(fresh) => plan.left.push((name, *fresh)),
            DestinationState::Another(error) => return Ok(Some(error)),
        }
        Ok(None)
    }

    fn report_existing(&self, plan: &GeneratePlan) {
        plan.existing.report(&self.context.ui);
    }

    /// Creates all keys in batches; returns the signal that ended it early, if any.
    fn create_all(
        &self,
        plan: GeneratePlan,
        vault: &mut Vault,
        created: &mut usize,
    ) -> Result<Option<i32>, Error> {
        let bar = self.context.ui.progress("creating keys", plan.count());
        let kinds = iter::repeat_n(self.kind, plan.new.len());
        let supply = SecretSupply::of(kinds, &self.context.settings.brand)?;
        let signals = DeferredSignals::begin();
        let left = plan.left.into_iter();
        let left = left.map(|(name, secret)| (name, Some(secret)));
        let new = plan.new.into_iter().map(|name| (name, None));
        let mut all = left.chain(new).map(|(name, left)| {
            bar.advance(1);
            let is_staged = left.is_some();
            let secret = left.map_or_else(|| supply.take(self.kind), Ok)?;
            Ok(NamedSecret {
                name,
                secret,
                is_staged,
            })
        });
        loop {
            let next = all.by_ref().take(self.destination.batch_size());
            let batch = next.take_while(|_| signals.signal().is_none());
            let batch: Vec<NamedSecret> = batch.collect::<Result<_, Error>>()?;
            if batch.is_empty() || signals.signal().is_some() {
                return Ok(signals.signal());
            }
            self.create(batch, vault, created)?;
        }
    }

    /// Creates a batch of keys, and counts them.
    fn create(
        &self,
        batch: Vec<NamedSecret>,
        vault: &mut Vault,
        created: &mut usize,
    ) -> Result<(), Error> {
        let author = self.context.author(Action::Generate);
        let mut usernames = HashSet::new();
        let batch = batch.into_iter();
        let new: Vec<NewKey<'_>> = batch
            .map(|named| self.new_key(named, vault, &mut usernames, author.clock))
            .collect::<Result<_, Error>>()?;
        let mut failed = Vec::new();
        let all: Vec<_> = new.iter().collect();
        let ended = delivery::deliver_all(&all, vault, &author);
        for (new, ended) in new.iter().zip(ended) {
            match ended {
                Ok(_) => *created += 1,
                // Another process was faster.
                Err(Failure::Staging(vault::Error::NameTaken(_))) if self.args.if_absent => {}
                Err(failure) => failed.push(explained(failure, &new.key.name, &self.destination)),
            }
        }
        combine_errors(failed)
    }

    fn new_key(
        &self,
        named: NamedSecret,
        vault: &Vault,
        usernames: &mut HashSet<String>,
        now: Timestamp,
    ) -> Result<NewKey<'a>, Error> {
        let NamedSecret {
            name,
            secret,
            is_staged,
        } = named;
        let access = self.free_access(&name, vault, usernames)?;
        let key = self
            .args
            .key(name, access, secret.tail(), now, self.expires)?;
        let target = self.target(&key, vault)?;
        Ok(NewKey {
            key,
            policy: KeyPolicy::default(),
            secret,
            is_staged,
            target,
            context: self.context,
        })
    }

    fn target(&self, key: &Key, vault: &Vault) -> Result<Target<'a>, Error> {
        let Some(destination) = self.destination.destination(&key.name, self.kind) else {
            let subject = DeliveredKey {
                name: &key.name,
                kind: self.kind,
                username: key.username(),
                before: None,
                overwrite: Some(self.args.overwrite),
            };
            return self
                .args
                .delivery
                .target(&subject, Some(vault), self.context);
        };
        let overwriting = OverwritePolicy {
            is_allowed: false,
            except: &[],
            hint: NEVER_REPLACED,
        };
        let name = key.name.clone();
        Ok(Target::of_new_key(
            name,
            self.kind,
            None,
            destination,
            overwriting,
        ))
    }

    /// What a key may do. Usernames are generated until one is free: among 77,000, a collision is
    /// as likely as not.
    fn free_access(
        &self,
        name: &KeyName,
        vault: &Vault,
        usernames: &mut HashSet<String>,
    ) -> Result<Access, Error> {
        let by_settings = match self.args.username {
            None if self.kind == Kind::Smtp => self.args.default_username(name, self.context)?,
            _ => None,
        };
        loop {
            let mut access = self.args.access(self.kind, self.context)?;
            let Access::Smtp { username, .. } = &mut access else {
                return Ok(access);
            };
            // A taken one is reported when the key is added.
            if let Some(by_settings) = by_settings {
                *username = by_settings;
                return Ok(access);
            }
            let is_free = || Ok::<_, Error>(vault.of_username(username.as_str())?.is_none());
            if username.is_shared() || usernames.insert(username.as_str().to_owned()) && is_free()?
            {
                return Ok(access);
            }
        }
    }

    /// Reports what was created.
    fn report(&self, made: usize) -> Result<(), Error> {
        let ui = &self.context.ui;
        let title = self.kind.title();
        let keys = counted(
            made as i128,
            &format!("{title} key"),
            &format!("{title} keys"),
        );
        let status = match self.args.is_decoy {
            true => EffectiveStatus::Decoy.into_str(),
            false => self.args.status().into_str(),
        };
        let access = match self.args.access(self.kind, self.context)? {
            Access::Smtp { username, .. } if username.is_shared() => format!("username {username}"),
            Access::Smtp { .. } if let Some(template) = &self.context.settings.username => {
                format!("usernames {template}")
            }
            Access::Smtp { .. } => "generated usernames (`postkey list` shows them)".to_owned(),
            Access::Api { .. } if self.args.is_decoy => "opens nothing".to_owned(),
            Access::Api { permission, limit } => format!("permission {permission}, limit {limit}"),
        };
        let display = self.context.display();
        let terms = match self.args.is_decoy {
            true => notes::decoy_terms(status, &access),
            false => {
                let end = self.expires.resolve(display.now)?;
                notes::terms(status, &access, end, &display)
            }
        };
        ui.note(format!("created {keys} ({terms})"));
        let next = notes::next_step_for_many(self.kind, self.args.is_decoy);
        ui.note(match &self.destination {
            BulkDestination::Folder { path, .. } => {
                let path = path.display();
                format!("each secret is only in its file in `{path}`; {next}")
            }
            BulkDestination::Each => {
                let place = self.args.delivery.place().unwrap_or_default();
                format!("each secret was delivered to {place}; {next}")
            }
            BulkDestination::Lines => next.to_owned(),
        });
        Ok(())
    }
}
