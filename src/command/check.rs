//! `postkey check`: lists what needs attention.

mod exec;
mod output;
mod told;

use std::collections::HashMap;

use clap::Args;
use jiff::Timestamp;

use crate::check::{Finding, KeyFacts, RuleOverrides, Rules, dead_secret_used, excess_permission};
use crate::context::Context;
use crate::context::key_selector::KeyProperties;
use crate::context::selection;
use crate::context::selection::{KeysToRead, NameArgument, NameList, chosen_or_all, each};
use crate::context::usage_reader::UsageReader;
use crate::delivery::not_delivered;
use crate::destination::CommandWord;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{KeyName, Term};
use crate::settings::Settings;
use crate::ui::{DisplayContext, Ui, counted};
use crate::usage::{RecentRequests, first_request_day};
use crate::vault::{Record, SortOrder, Vault};
use exec::FindingsCommand;
use output::CheckOutput;

/// List what needs attention, for cron and CI
///
/// One line per finding (see below), with the command that fixes it, or one that shows more where a
/// person has to decide. Exits 1 if anything is found. Thresholds come from the flags here, else
/// from the key (`postkey set --rotate-every`, `--unused-after`), else from `[policy]` in the
/// settings; the defaults are 14 days before an expiry, 90 days for a secret, and 45 days without
/// use.
///
/// If no key has the given label or owner, it exits 2, so that a typo does not look like success.
///
/// With --exec, standard output stays empty. The command gets the new findings in the --format, text
/// by default, and must exit with 0 within a minute; otherwise it exits 6, and the findings are
/// passed on again next time. Without new findings the command is not run. It exits 0 whatever is
/// found. A finding that goes away and returns is new again.
///
/// Formats: text, json (the most urgent first), jsonl, csv (key by key, in constant memory), and two
/// that exit 0 whatever is found. ics: a calendar with an all-day reminder of the next rotation and
/// the expiry of each active key, both overdue and upcoming. prometheus: the expiry, next rotation
/// and last use of each key, and all findings, for the textfile collector of node_exporter.
#[derive(Args, Debug)]
#[command(after_long_help = concat!(include_str!("check/findings.txt"), "\n", "\
Examples:
  postkey check
  postkey check --quiet --unused never
  postkey check --delivered
  postkey check web ci --older-than 30d
  postkey check --label env=prod --quiet
  postkey check --format ics >keys.ics
  postkey check --quiet --format prometheus >postkey.prom
  postkey check --exec -- mail -s 'postkey: new findings' ops@example.com"))]
pub struct Check {
    /// Keys to check, all by default; `-` reads names from standard input, one per line
    #[arg(value_name = "NAME", add = selection::completer())]
    names: Vec<NameArgument>,
    #[command(flatten)]
    properties: KeyProperties,
    /// Report keys that expire within this time: 14d, or never
    #[arg(long, value_name = "SPAN")]
    expiring: Option<Term>,
    /// Report secrets older than this, overriding keys and settings: 90d, or never
    #[arg(long, value_name = "SPAN")]
    older_than: Option<Term>,
    /// Also read back each secret from where it was last delivered, with secret managers' tools if
    /// needed
    #[arg(long)]
    delivered: bool,
    /// Report keys unused for longer than this, overriding keys and settings: 45d, or never
    #[arg(long, value_name = "SPAN")]
    unused: Option<Term>,
    /// Pass new findings to the command after --, on its standard input, instead of listing all:
    /// those that were not found at the last run with this command and these arguments
    #[arg(long, requires = "command")]
    exec: bool,
    /// With --exec: the command, run without a shell if there are new findings
    #[arg(last = true, value_name = "COMMAND", requires = "exec")]
    command: Vec<CommandWord>,
}

pub(super) fn run(args: Check, context: &mut Context) -> Result<ExitStatus, Error> {
    let job = format!("{args:?}");
    let given = args.given();
    let spans = [given.rotate_every, given.unused, given.expiring];
    context.note_minutes(spans.map(|span| span.and_then(Term::minutes)));
    let KeysToRead { names, mut vault } =
        chosen_or_all(args.names, &args.properties.clone().into(), context)?;
    if names.as_ref().is_some_and(NameList::are_none) && args.properties.name_a_group() {
        let message = "no key has this label or owner: nothing was checked";
        return Err(Error::usage(message).with_hint("`postkey list` shows all keys"));
    }
    let display = context.display();
    context.note_ends(&mut vault);
    let exec = match args.exec {
        // The arguments say which findings are looked for.
        true => Some(FindingsCommand::new(&args.command, &job, &vault, context)?),
        false => None,
    };
    let mut watch = KeyCheck::begin(vault, given, &display, context)?;
    watch.reads_back = args.delivered;
    if exec.is_some() {
        watch.output = CheckOutput::Kept(Vec::new());
    }
    let status = match names {
        Some(names) => each(&names, context, |wanted, context| {
            watch.one(&wanted.name, &context.ui)
        }),
        None => watch.all(context)?,
    };
    let Some(exec) = exec else {
        watch.finish(&context.ui, status)?;
        return Ok(status);
    };
    let keys = watch.keys;
    let found = watch.output.finish()?;
    exec.pass(found, keys, status, context)
}

impl Check {
    /// Whether findings are passed to a command, not listed.
    pub(super) fn has_command(&self) -> bool {
        self.exec
    }

    fn given(&self) -> RuleOverrides {
        RuleOverrides {
            rotate_every: self.older_than,
            unused: self.unused,
            expiring: self.expiring,
        }
    }
}

/// A check in progress.
struct KeyCheck<'a> {
    vault: Vault,
    uses: UsageReader,
    /// When recording of usage began.
    recorded_since: Option<Timestamp>,
    /// When recording of requests began.
    requests_since: Option<Timestamp>,
    given: RuleOverrides,
    settings: Settings,
    /// Whether secrets are read back from where they were delivered.
    reads_back: bool,
    display: &'a DisplayContext,
    output: CheckOutput<'a>,
    /// How many keys were checked.
    keys: usize,
    /// How many of them need attention.
    found: usize,
}

impl<'a> KeyCheck<'a> {
    fn begin(
        vault: Vault,
        given: RuleOverrides,
        display: &'a DisplayContext,
        context: &Context,
    ) -> Result<Self, Error> {
        let output = CheckOutput::begin(&vault, display, &context.ui)?;
        let mut watch = Self {
            uses: context.uses(&vault),
            recorded_since: None,
            requests_since: None,
            vault,
            given,
            settings: context.settings.clone(),
            reads_back: false,
            display,
            output,
            keys: 0,
            found: 0,
        };
        if !matches!(watch.output, CheckOutput::Calendar(_)) {
            watch.recorded_since = watch.uses.since(&context.ui);
            watch.requests_since = watch.uses.requests_since(&context.ui);
            watch.warn_of_unrecorded_use(&context.ui);
        }
        Ok(watch)
    }

    /// No findings must not suggest that usage was watched if nothing was recorded.
    fn warn_of_unrecorded_use(&self, ui: &Ui) {
        let unused = self.given.unused.unwrap_or(self.settings.policy.unused);
        let Some(start) = self.recorded_since else {
            let effect = "cannot find unused keys or unusual use";
            return self.uses.warn_if_missing(effect, ui);
        };
        if let Some(end) = unused.due(start).filter(|&end| end > self.display.now) {
            let end = self.display.date(end);
            let effect = format!("never-used keys are reported from {end} on");
            UsageReader::warn_of_beginning(start, Some(&effect), self.display, ui);
        }
        let window = first_request_day(self.display.now);
        let recorded = self.requests_since.filter(|&start| start > window);
        if let (true, Some(start)) = (self.settings.policy.requires_least_permission, recorded) {
            let effect = "permissions that are not needed are reported after 30 days of it";
            UsageReader::warn_of_beginning(start, Some(effect), self.display, ui);
        }
    }

    fn one(&mut self, name: &KeyName, ui: &Ui) -> Result<ExitStatus, Error> {
        let record = self.vault.find(name)?;
        let before = self.found;
        self.page(&[record], ui)?;
        Ok(status(self.found > before))
    }

    /// Checks all keys, page by page; reports unreadable ones at the end.
    fn all(&mut self, context: &Context) -> Result<ExitStatus, Error> {
        let mut page = self.vault.first_page(SortOrder::Created)?;
        let mut damage = None;
        let mut is_more = true;
        while is_more && self.output.is_connected() {
            let mut records = Vec::new();
            is_more = self.vault.next_page(&mut page, |record| match record {
                Ok(record) => records.push(record),
                Err(error) => damage = Some(error),
            })?;
            self.page(&records, &context.ui)?;
        }
        self.deleted_keys(&context.ui)?;
        let status = status(self.found > 0);
        Ok(damage.map_or(status, |error| {
            // It did not keep the others from being checked.
            let error = context.diagnosed(error.into());
            context.ui.error(&error);
            error.exit_status()
        }))
    }

    /// Checks the use of secrets of deleted keys.
    fn deleted_keys(&mut self, ui: &Ui) -> Result<(), Error> {
        let now = self.display.now;
        for key in self.uses.used_after_deletion(now, ui) {
            let Some(dead) = self.vault.dead_of_deleted(key)? else {
                continue;
            };
            let tried = self.uses.dead_secrets_of(key, now, ui);
            if let Some(finding) = dead_secret_used(&tried, true) {
                self.found += usize::from(self.output.push(&dead.name, dead.kind, finding)?);
                self.keys += 1;
            }
        }
        Ok(())
    }

    /// Checks a page of keys.
    fn page(&mut self, records: &[Record], ui: &Ui) -> Result<(), Error> {
        let keys: Vec<_> = records.iter().map(|record| record.id).collect();
        let mut secrets = self.vault.secrets_of(&keys)?;
        let mut policies = self.vault.policies(&keys)?;
        let rotations = self.vault.rotations(&keys)?;
        let now = self.display.now;
        let used = match self.recorded_since {
            Some(since) => self.uses.used(records, &secrets, (since, now), ui),
            None => vec![None; records.len()],
        };
        let requests = match self.settings.policy.requires_least_permission {
            true => self.uses.recent_requests(records, ui),
            false => HashMap::new(),
        };
        for (record, used) in records.iter().zip(used) {
            let secrets = secrets.remove(&record.id).unwrap_or_default();
            let own = policies.remove(&record.id).unwrap_or_default();
            let known = KeyFacts {
                key: &record.key,
                secrets: &secrets,
                rotation: rotations.get(&record.id),
                used,
            };
            let rules = Rules::new(&self.given, &own, &self.settings.policy);
            self.keys += 1;
            let mut is_found = self.output.take(record, &known, &rules, now)?;
            let elsewhere = match self.reads_back {
                true => not_delivered(record, &self.settings, &self.vault)?,
                false => None,
            };
            let excess = self.excess(record, requests.get(&record.id))?;
            for finding in elsewhere.into_iter().chain(excess) {
                let key = &record.key;
                is_found |= self.output.push(&key.name, key.kind(), finding)?;
            }
            self.found += usize::from(is_found);
        }
        Ok(())
    }

    /// The finding that a key has more permission than it uses, if that is forbidden.
    fn excess(
        &self,
        record: &Record,
        requests: Option<&RecentRequests>,
    ) -> Result<Option<Finding>, Error> {
        let Some((since, requests)) = self.requests_since.zip(requests) else {
            return Ok(None);
        };
        let since = since.max(self.vault.permission_since(record)?);
        let permissions = &self.settings.permissions;
        let now = self.display.now;
        Ok(excess_permission(
            &record.key,
            requests,
            since,
            permissions,
            now,
        ))
    }

    fn finish(self, ui: &Ui, status: ExitStatus) -> Result<(), Error> {
        let is_listing = self.output.is_listing();
        self.output.finish()?;
        let keys = counted(self.keys as i128, "key", "keys");
        match self.found {
            _ if !is_listing => {}
            0 if status > ExitStatus::No => {}
            0 => ui.note(format!("nothing needs attention: {keys} checked")),
            1 => ui.note(format!("1 of {keys} needs attention")),
            found => ui.note(format!("{found} of {keys} need attention")),
        }
        Ok(())
    }
}

fn status(is_found: bool) -> ExitStatus {
    if is_found {
        ExitStatus::No
    } else {
        ExitStatus::Done
    }
}
