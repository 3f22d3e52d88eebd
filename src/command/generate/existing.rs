//! `--if-absent` with existing keys: they stay unchanged, and differences are reported.

use super::flags::Generate;
use crate::context::Context;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Key, KeyName, Kind, Status};
use crate::ui::{DisplayContext, Ui, counted};
use crate::vault;

/// Whether a key of that name exists; fails if it is a different one than was asked for.
pub(super) fn is_there(
    name: &KeyName,
    args: &Generate,
    kind: Kind,
    context: &Context,
) -> Result<bool, Error> {
    let Some(vault) = context.open_existing(args.dry_run)? else {
        return Ok(false);
    };
    let record = match vault.find(name) {
        Ok(record) => record,
        Err(vault::Error::NoSuchKey(_)) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let (key, display) = (&record.key, context.display());
    if let Some(error) = mismatch(name, key, args, kind) {
        return Err(error);
    }
    if args.default && vault.default_id()? != Some(record.id) {
        let message = format!("`{name}` already exists, but it is not the default key");
        return Err(Error::new(ExitStatus::Exists, message).with_hint("choose another name"));
    }
    if let Some(difference) = difference(key, args, &display, context)? {
        context.ui.warn(difference);
    }
    context
        .ui
        .note(format!("`{name}` already exists: unchanged"));
    args.delivery.warn_if_lost(key, display.now, context);
    let effective_status = key.effective_status(display.now);
    if !effective_status.is_valid() && !key.is_decoy {
        context.ui.warn(format!(
            "`{name}` is {effective_status}: its secret is refused"
        ));
    }
    Ok(true)
}

/// The error if an existing key is a different one than was asked for.
pub(super) fn mismatch(name: &KeyName, key: &Key, args: &Generate, kind: Kind) -> Option<Error> {
    if key.is_decoy != args.is_decoy {
        let what = if key.is_decoy { "a decoy" } else { "no decoy" };
        let message = format!("`{name}` already exists, but it is {what}");
        let hint = "choose another name: a key cannot become a decoy, or stop being one";
        return Some(Error::new(ExitStatus::Exists, message).with_hint(hint));
    }
    let is_other_username = args.username.is_some() && args.username.as_ref() != key.username();
    if key.kind() == kind && !is_other_username {
        return None;
    }
    let username = key.username().map(|username| format!(" for {username}"));
    let message = format!(
        "`{name}` already exists, but it is an {} key{}",
        key.kind().title(),
        username.unwrap_or_default()
    );
    Some(Error::new(ExitStatus::Exists, message).with_hint("choose another name"))
}

/// How a key differs from what was asked for, as a sentence.
///
/// # Errors
/// If differences are errors (`--strict`).
pub(super) fn difference(
    key: &Key,
    args: &Generate,
    display: &DisplayContext,
    context: &Context,
) -> Result<Option<String>, Error> {
    let differences = differences(key, args, display, context)?;
    if differences.is_empty() {
        return Ok(None);
    }
    let message = format!(
        "`{}` differs from the flags: {}",
        key.name,
        differences.join("; ")
    );
    match args.strict {
        false => Ok(Some(message)),
        true => Err(Error::new(ExitStatus::Exists, message).with_hint(format!(
            "`postkey set`, `describe` and `activate` change `{}`; without --strict this is a \
             warning",
            key.name
        ))),
    }
}

fn differences(
    key: &Key,
    args: &Generate,
    display: &DisplayContext,
    context: &Context,
) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let mut compare = |what: &str, asked: Option<String>, has: String| {
        if let Some(asked) = asked.filter(|asked| *asked != has) {
            let is = match what {
                "senders" | "networks" | "labels" => "are",
                _ => "is",
            };
            found.push(format!("{what} {is} {has}, not {asked}"));
        }
    };
    if let Some(permission) = key.permission() {
        let asked = args.bounds.permission(context)?;
        compare(
            "permission",
            asked.map(|asked| asked.to_string()),
            permission.to_string(),
        );
    }
    if let Some(senders) = key.senders() {
        compare(
            "senders",
            args.bounds.sender.as_ref().map(ToString::to_string),
            senders.to_string(),
        );
    }
    compare(
        "networks",
        args.bounds.network.as_ref().map(ToString::to_string),
        key.networks.to_string(),
    );
    let asked = args.bounds.limit(context)?;
    compare(
        "limit",
        asked.map(|asked| asked.to_string()),
        key.limit().to_string(),
    );
    // A span counts from when the key was created, as it did then.
    let asked = args.expires.map(|asked| asked.end_from(key.created_at));
    let asked = asked.transpose()?.map(|end| display.end(end));
    compare("expiry", asked, display.end(key.expires_at));
    let describe = |text: &str| crate::key::quoted(text);
    let asked = args
        .description
        .as_ref()
        .map(|asked| describe(asked.as_str()));
    let has = key.description.as_ref().map(|has| describe(has.as_str()));
    compare(
        "description",
        asked,
        has.unwrap_or_else(|| "none".to_owned()),
    );
    let asked = args.labels.labels()?;
    compare(
        "labels",
        (!asked.are_none()).then(|| asked.to_string()),
        match key.labels.are_none() {
            true => "none".to_owned(),
            false => key.labels.to_string(),
        },
    );
    let asked = args.labels.owner.as_ref().map(ToString::to_string);
    let has = key.owner.as_ref().map(ToString::to_string);
    compare("owner", asked, has.unwrap_or_else(|| "none".to_owned()));
    let asked = args
        .inactive
        .then(|| Status::Inactive.into_str().to_owned());
    compare("status", asked, key.status.into_str().to_owned());
    Ok(found)
}

/// Which of many requested keys already exist.
#[derive(Default)]
pub(super) struct ExistingKeys {
    count: usize,
    refused: usize,
    without_file: usize,
    /// How the first of them differ from the request, and how many differ.
    differences: Vec<String>,
    differing: usize,
}

/// How many differing keys are listed.
const MAX_LISTED: usize = 10;

impl ExistingKeys {
    /// Counts a key whose secret is not in its file.
    pub(super) fn note_file(&mut self, has_file: bool) {
        self.without_file += usize::from(!has_file);
    }

    /// Adds an existing key.
    ///
    /// # Errors
    /// If it is a different one than was asked for, or differs and `--strict` is given.
    pub(super) fn add(
        &mut self,
        key: &Key,
        args: &Generate,
        kind: Kind,
        display: &DisplayContext,
        context: &Context,
    ) -> Result<(), Error> {
        self.count += 1;
        self.refused += usize::from(!key.is_decoy && !key.effective_status(display.now).is_valid());
        mismatch(&key.name, key, args, kind).map_or(Ok(()), Err)?;
        if let Some(difference) = difference(key, args, display, context)? {
            self.differing += 1;
            self.differences
                .extend(Some(difference).filter(|_| self.differing <= MAX_LISTED));
        }
        Ok(())
    }

    /// Reports how many exist, and how they differ.
    pub(super) fn report(&self, ui: &Ui) {
        let keys = |count: usize| counted(count as i128, "existing key", "existing keys");
        if self.count > 0 {
            ui.note(format!("skipped {}", keys(self.count)));
        }
        for difference in &self.differences {
            ui.warn(difference);
        }
        let untold = self.differing - self.differences.len();
        if untold > 0 {
            let keys = counted(untold as i128, "more key differs", "more keys differ");
            ui.warn(format!("{keys} from the flags"));
        }
        if self.refused > 0 {
            let keys = counted(self.refused as i128, "key is", "keys are");
            ui.warn(format!("{keys} inactive or expired: refused"));
        }
        if self.without_file > 0 {
            let keys = counted(
                self.without_file as i128,
                "existing key has",
                "existing keys have",
            );
            ui.warn(format!(
                "{keys} no file: a secret is not shown again; `postkey rotate NAME` creates \
                 another while the old one keeps working"
            ));
        }
    }
}
