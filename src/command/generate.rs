//! `postkey generate`: makes a key, or many.

mod decoy;
mod existing;
mod many;
mod place;

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::arguments;
use crate::context::api_key_flags::ApiKeyFlags;
use crate::context::passphrase::PassphraseSource;
use crate::context::random;
use crate::context::{Context, selection};
use crate::delivery::NewSecret;
use crate::delivery::options::{DeliveredKey, DeliveryOptions, Overwrite, Target};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{
    Access, Description, Expiry, Key, KeyName, Kind, Limit, Sealer, Status, Tail, Username,
};
use crate::ui::KeyView;
use crate::vault::{self, Action, Author, Change, Vault};

/// Create a key and print its secret once
///
/// The secret stands alone on standard output, or goes to the file that --save names, and is
/// never shown again; what is said about it goes to standard error. If it cannot be handed over,
/// no key is made. The first key makes the vault.
///
/// On a terminal, a kind or name that is missing is asked for.
///
/// With --from it makes many keys at once, all with the same flags, hashing on all cores: their
/// secrets go into a folder, or an object a line to standard output (--format jsonl). Every name
/// that is wrong, taken or there twice is told before anything is made. Killed, it leaves whole
/// keys and nothing else; the same command with --if-absent makes the rest.
///
/// With --decoy the key opens nothing, anywhere: its secret is planted where only somebody finds it
/// who should not have looked, as in an old env file, and `postkey check` tells who used it.
///
/// One SMTP key of a vault can be its default key: with --default the secret is also kept in
/// the vault, sealed under a passphrase, and `postkey reveal` shows it again.
///
/// Formats: text, json, jsonl, csv, env.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey generate api ci
  KEY=$(postkey generate api reports --permission read-only --plan starter --expires 90d)
  postkey generate smtp rails-app --username rails_prod
  postkey generate smtp newsletter --username ops@example.com
  postkey generate smtp app-mail --default
  postkey generate api ci --save ci.env --format env
  postkey generate smtp app --save /etc/app/env --env-name SMTP_PASSWORD
  postkey generate api deploy --github env
  postkey generate smtp old-mail --decoy --save .env.old --env-name SMTP_PASSWORD
  postkey generate api --from names.txt --save-dir keys
  postkey generate smtp --from names.txt --format jsonl | import-them")]
pub struct Generate {
    /// What the key is for: sending mail, or calling an API
    #[arg(value_parser = arguments::one_of(Kind::ALL, Kind::word))]
    kind: Option<Kind>,
    /// What to call it: 1 to 64 of A-Z a-z 0-9 . _ -
    name: Option<KeyName>,
    /// What it is for, in at most 200 characters; it is not secret
    #[arg(long, value_name = "TEXT")]
    description: Option<Description>,
    /// When it stops by itself: 90d, 2027-01-31 (the first second of that day, UTC), or never
    #[arg(long, value_name = "WHEN")]
    expires: Option<Expiry>,
    /// SMTP: the username, or an e-mail address that several keys share; made up if left out
    #[arg(long)]
    username: Option<Username>,
    #[command(flatten)]
    bounds: ApiKeyFlags,
    /// Makes it deactivated; `postkey activate` starts it
    #[arg(long)]
    inactive: bool,
    /// Makes a decoy: a key that opens nothing, to be planted; each use of it is a finding of
    /// `postkey check`
    #[arg(long = "decoy")]
    is_decoy: bool,
    /// Does nothing and succeeds if a key has the name already
    #[arg(long)]
    if_absent: bool,
    /// With --if-absent: fails if the key that exists differs from what the other flags say; else
    /// each difference is a warning
    #[arg(long, requires = "if_absent")]
    strict: bool,
    /// SMTP: makes it the vault's default key, whose secret `postkey reveal` shows again with a
    /// passphrase that is now chosen
    #[arg(long)]
    default: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
    #[command(flatten)]
    delivery: DeliveryOptions,
    #[command(flatten)]
    overwrite: Overwrite,
    /// Makes a key for each name in a file: one name a line, and comments after #; `-` reads
    /// them from standard input
    #[arg(long, value_name = "FILE", value_parser = arguments::paths_or_dash())]
    #[arg(requires = "kind", conflicts_with_all = ["name", "default", "save", "env_name", "github"])]
    from: Option<PathBuf>,
    /// With --from: writes each secret into a file of its own in this folder, by the key's name
    /// (and its format, as in ci.env); what is there is never replaced
    #[arg(long, value_name = "FOLDER", value_parser = arguments::paths())]
    save_dir: Option<PathBuf>,
}

/// What is to be done with a decoy.
const PLANT: &str = "plant its secret where nobody has any business: `postkey check` tells of \
                     whoever uses it";

pub(super) fn run(mut args: Generate, context: &mut Context) -> Result<ExitStatus, Error> {
    args.expect_fitting_decoy()?;
    if let (Some(names), Some(kind)) = (&args.from, args.kind) {
        return many::run(&args, names, kind, context);
    }
    if args.save_dir.is_some() {
        return Err(Error::usage(
            "--save-dir takes the secrets of many keys, and --from names none",
        )
        .with_hint("--from FILE names a file with their names, a line each"));
    }
    let Some((kind, name)) = kind_and_name(&mut args, context)? else {
        return Ok(selection::nothing_chosen(context));
    };
    let expires = args.expiry(&context.settings);
    expires.resolve(Context::clock())?;
    context.note_minutes([expires.minutes()]);
    let access = args.access(kind, context)?;
    if args.if_absent && existing::is_there(&name, &args, kind, context)? {
        return Ok(ExitStatus::Done);
    }
    args.delivery.expect(context)?;
    let subject = DeliveredKey {
        name: &name,
        kind,
        username: args.username.as_ref(),
        before: None,
        overwrite: Some(args.overwrite),
    };
    let seen = context.open_before_create()?;
    let target = args.delivery.target(&subject, seen.as_ref(), context)?;
    drop(seen);
    let Some(sealer) = args.sealer(&name, context)? else {
        context.ui.note("no passphrase was given; no key was made");
        return Ok(ExitStatus::No);
    };
    let mut vault = context.open_or_create()?;
    let author = context.author(Action::Generate);
    let now = author.clock;
    let fresh = NewSecret::generate(kind, &context.settings.brand)?.sealed_by(sealer);
    let key = args.key(name.clone(), access, fresh.tail(), now, expires)?;
    make(&args, &fresh, &key, &target, context, &mut vault, &author)
}

fn make(
    args: &Generate,
    fresh: &NewSecret,
    key: &Key,
    target: &Target<'_>,
    context: &Context,
    vault: &mut Vault,
    author: &Author,
) -> Result<ExitStatus, Error> {
    let allow = |change: &Change<'_>| {
        change.expect_free(&key.name, key.username())?;
        match fresh.is_sealed() {
            true => change.expect_no_default(),
            false => Ok(()),
        }
    };
    match context.stage(fresh, vault, author, allow) {
        // Somebody else was faster.
        Err(vault::Error::NameTaken(name)) if args.if_absent => {
            existing::is_there(&name, args, key.kind(), context)?;
            return Ok(ExitStatus::Done);
        }
        Err(error @ vault::Error::NameTaken(_)) => {
            return Err(Error::from(error)
                .with_hint("choose another name, or leave that key as it is with --if-absent"));
        }
        staged => staged?,
    }
    let view = KeyView::new(key, key.created_at);
    context.hand_over(fresh, view, target, vault, author, |change| {
        fresh.add(key, change)
    })?;
    announce(key, fresh, target, context);
    if args.username.is_none() {
        tell_made_up(key, target, context);
    }
    Ok(ExitStatus::Done)
}

/// The kind and name that were given or are answered; `None` if a question is not answered.
fn kind_and_name(args: &mut Generate, context: &Context) -> Result<Option<(Kind, KeyName)>, Error> {
    let form = "say `postkey generate api NAME` or `postkey generate smtp NAME`";
    let kind = match args.kind {
        Some(kind) => kind,
        None => {
            context.ui.expect_person("no kind was given", form)?;
            let kinds = Kind::ALL.map(|kind| format!("{kind}: {}", purpose(kind)));
            match context.ui.choose("What is the key for?", &kinds)? {
                Some(chosen) => Kind::ALL[chosen],
                None => return Ok(None),
            }
        }
    };
    let name = match args.name.take() {
        Some(name) => Some(name),
        None => {
            context.ui.expect_person("no name was given", form)?;
            ask_name(context)?
        }
    };
    Ok(name.map(|name| (kind, name)))
}

fn purpose(kind: Kind) -> &'static str {
    match kind {
        Kind::Smtp => "a username and password for mail",
        Kind::Api => "a key for an HTTP API",
    }
}

/// Asks for a name until a good one is given; an empty line ends it.
fn ask_name(context: &Context) -> Result<Option<KeyName>, Error> {
    loop {
        match context.ui.line("What is it to be called?")? {
            Some(answer) if !answer.is_empty() => match answer.parse() {
                Ok(name) => return Ok(Some(name)),
                Err(invalid) => context.ui.error(&Error::from(invalid)),
            },
            _ => return Ok(None),
        }
    }
}

impl Generate {
    /// What seals the secret, if the key is to be the default one; `None` if the person who was
    /// asked for a passphrase gave none.
    ///
    /// What would be refused later is refused here, before anybody is asked.
    fn sealer(&self, name: &KeyName, context: &Context) -> Result<Option<Option<Sealer>>, Error> {
        if !self.default {
            return self.expect_no_passphrase().map(|()| Some(None));
        }
        if let Some(vault) = context.open_before_create()? {
            vault.expect_no_default()?;
            match vault.find(name) {
                Err(vault::Error::NoSuchKey(_)) => {}
                found => return Err(vault::Error::NameTaken(found?.key.name).into()),
            }
        }
        Ok(self.passphrase.chosen(context)?.map(Some))
    }

    fn expect_no_passphrase(&self) -> Result<(), Error> {
        if !self.passphrase.is_file() {
            return Ok(());
        }
        Err(
            Error::usage("--passphrase-file seals the default key's secret only")
                .with_hint("add --default, or leave it out"),
        )
    }

    /// The key as it is to be.
    fn key(
        &self,
        name: KeyName,
        access: Access,
        tail: Tail,
        now: Timestamp,
        expires: Expiry,
    ) -> Result<Key, Error> {
        Ok(Key {
            name,
            access,
            status: self.status(),
            description: self.description.clone(),
            created_at: now,
            expires_at: expires.resolve(now)?,
            expired_at: None,
            tail,
            retiring: None,
            is_decoy: self.is_decoy,
        })
    }

    fn status(&self) -> Status {
        match self.inactive {
            true => Status::Inactive,
            false => Status::Active,
        }
    }

    /// What the key is to open, by its kind; flags of the other kind are refused.
    fn access(&self, kind: Kind, context: &Context) -> Result<Access, Error> {
        match kind {
            Kind::Smtp => {
                self.bounds.refuse()?;
                let made_up = || random().map(Username::made_up);
                Ok(Access::Smtp {
                    username: self.username.clone().map_or_else(made_up, Ok)?,
                })
            }
            Kind::Api if self.default => Err(Error::usage("an API key cannot be the default key")
                .with_hint("only an SMTP key's secret can be kept to be shown again")),
            Kind::Api if self.username.is_some() => {
                Err(Error::usage("an API key has no --username")
                    .with_hint("only SMTP keys have usernames"))
            }
            Kind::Api => Ok(Access::Api {
                permission: self
                    .bounds
                    .permission(context)?
                    .unwrap_or_else(|| context.settings.permission.clone()),
                limit: match self.is_decoy {
                    true => Limit::None,
                    false => self
                        .bounds
                        .limit(context)?
                        .unwrap_or(context.settings.limit),
                },
            }),
        }
    }
}

/// Says the username that was made up where nothing else does.
fn tell_made_up(key: &Key, target: &Target<'_>, context: &Context) {
    let is_told = !context.ui.is_quiet || target.has_username();
    if let Some(username) = key.username().filter(|_| !is_told) {
        context
            .ui
            .insist(format!("the username of `{}` is {username}", key.name));
    }
}

/// Says what was made, after the secret.
fn announce(key: &Key, fresh: &NewSecret, target: &Target<'_>, context: &Context) {
    let display = context.display_at(key.created_at);
    let access = match &key.access {
        Access::Smtp { username } => format!("username {username}"),
        Access::Api { .. } if key.is_decoy => "opens nothing".to_owned(),
        Access::Api { permission, limit } => format!("permission {permission}, limit {limit}"),
    };
    let (title, effective_status) = (key.kind().title(), key.effective_status(display.now));
    context.ui.note(format!(
        "made the {title} key `{}`: {effective_status}, {access}",
        key.name
    ));
    context.ui.note(match key.is_decoy {
        true => PLANT.to_owned(),
        false => format!("expires {}", display.end(key.expires_at)),
    });
    target.tell("its secret", fresh.is_sealed(), context);
    if fresh.is_sealed() {
        context
            .ui
            .note("it is the default key: `postkey reveal` shows its secret again");
    }
}
