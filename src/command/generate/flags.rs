//! The flags of `postkey generate`, and the key that they describe.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::requested_name::RequestedName;
use crate::arguments;
use crate::context::Context;
use crate::context::access_flags::AccessFlags;
use crate::context::dry_run::DryRun;
use crate::context::label_flags::LabelFlags;
use crate::context::passphrase::PassphraseSource;
use crate::delivery::options::{DeliveryOptions, HEADING, Overwrite};
use crate::error::Error;
use crate::key::{
    Access, Description, Expiry, Key, KeyName, Kind, Limit, Sealer, Status, Tail, Username,
};
use crate::vault;

/// Create a key and print its secret once
///
/// The secret is printed alone on standard output, or written to the file given with --save, and is
/// never shown again; everything else goes to standard error. If it cannot be delivered, no key is
/// created. The first key creates the vault.
///
/// On a terminal, a missing kind or name is prompted for, and then the permission and the expiry
/// unless they are given. If the name is invalid, such as `Production App`, a valid one is offered.
///
/// With --from it creates many keys at once, all with the same flags, hashing on all cores: their
/// secrets go into a folder, or to standard output as one object per line (--format jsonl). Every
/// name that is invalid, taken or repeated is reported before anything is created. If interrupted,
/// it leaves only complete keys; the same command with --if-absent creates the rest.
///
/// With --decoy the key opens nothing, anywhere: plant its secret where only an intruder would find
/// it, as in an old env file, and `postkey check` reports who used it.
///
/// One SMTP key of a vault can be its default key: with --default the secret is also kept in the
/// vault, encrypted with a passphrase, and `postkey reveal` shows it again.
///
/// Formats: text, json, jsonl, csv, env.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey generate api ci
  KEY=$(postkey generate api reports --permission read-only --plan starter --expires 90d)
  postkey generate smtp rails-app --username rails_prod
  postkey generate smtp newsletter --username ops@example.com
  postkey generate api checkout --label env=prod,team=shop --owner team-shop
  postkey generate smtp shop --sender shop.example.com --limit 500/day --network 10.0.0.0/8
  postkey generate smtp app-mail --default
  postkey generate api ci --save ci.env --format env
  postkey generate smtp app --save /etc/app/env --env-name SMTP_PASSWORD
  postkey generate api deploy --github env
  postkey generate smtp old-mail --decoy --save .env.old --env-name SMTP_PASSWORD
  postkey generate api --from names.txt --save-dir keys
  postkey generate smtp --from names.txt --format jsonl | import-them")]
pub struct Generate {
    /// The kind of key: for sending mail, or for calling an API
    #[arg(value_parser = arguments::one_of::<Kind>())]
    pub(super) kind: Option<Kind>,
    /// The key's name: 1 to 64 of A-Z a-z 0-9 . _ -
    pub(super) name: Option<RequestedName>,
    /// What it is for, in at most 200 characters; not secret
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<Description>,
    #[command(flatten)]
    pub(super) labels: LabelFlags,
    /// When it expires: 90d, 2027-01-31 (the first second of that day, UTC), or never
    #[arg(long, value_name = "WHEN")]
    pub(super) expires: Option<Expiry>,
    /// SMTP: the username, or an email address that several keys share; by default as in the
    /// settings, or generated
    #[arg(long)]
    pub(super) username: Option<Username>,
    #[command(flatten)]
    pub(super) bounds: AccessFlags,
    #[command(flatten)]
    pub(super) dry_run: DryRun,
    /// Create it inactive; `postkey activate` activates it
    #[arg(long)]
    pub(super) inactive: bool,
    /// Create a decoy: a key that opens nothing; `postkey check` reports each use of it
    #[arg(long = "decoy")]
    pub(super) is_decoy: bool,
    /// Do nothing and succeed if a key with this name exists
    #[arg(long)]
    pub(super) if_absent: bool,
    /// With --if-absent: fail if the existing key differs from the other flags, instead of warning
    #[arg(long, requires = "if_absent")]
    pub(super) strict: bool,
    /// SMTP: make it the vault's default key, whose secret `postkey reveal` shows again with a
    /// passphrase that is chosen now
    #[arg(long)]
    pub(super) default: bool,
    #[command(flatten)]
    pub(super) passphrase: PassphraseSource,
    #[command(flatten)]
    pub(super) delivery: DeliveryOptions,
    #[command(flatten)]
    pub(super) overwrite: Overwrite,
    /// Create a key for each name in a file: one per line, comments after #; `-` reads them from
    /// standard input
    #[arg(long, value_name = "FILE", value_parser = arguments::paths_or_dash())]
    #[arg(requires = "kind", conflicts_with_all = ["name", "default", "save", "env_name", "github"])]
    pub(super) from: Option<PathBuf>,
    /// With --from: write each secret to a file in this folder, named after the key (and its
    /// format, as in ci.env); existing files are never replaced
    #[arg(long, help_heading = HEADING, value_name = "FOLDER")]
    #[arg(value_parser = arguments::paths())]
    pub(super) save_dir: Option<PathBuf>,
}

impl Generate {
    /// What encrypts the secret if the key becomes the default one; `None` if the passphrase prompt
    /// was cancelled.
    ///
    /// What would fail later fails here, before anything is prompted for.
    pub(super) fn sealer(
        &self,
        name: &KeyName,
        context: &Context,
    ) -> Result<Option<Option<Sealer>>, Error> {
        if !self.default {
            return self.expect_no_passphrase().map(|()| Some(None));
        }
        if let Some(vault) = context.open_existing(self.dry_run)? {
            self.expect_default_possible(&vault)?;
            match vault.find(name) {
                Err(vault::Error::NoSuchKey(_)) => {}
                found => return Err(vault::Error::NameTaken(found?.key.name).into()),
            }
        }
        Ok(self.passphrase.chosen(context)?.map(Some))
    }

    /// Makes sure that the vault has no other default key.
    pub(super) fn expect_default_possible(&self, vault: &vault::Vault) -> Result<(), Error> {
        match self.default {
            true => Ok(vault.expect_no_default()?),
            false => self.expect_no_passphrase(),
        }
    }

    pub(super) fn expect_no_passphrase(&self) -> Result<(), Error> {
        if !self.passphrase.is_file() {
            return Ok(());
        }
        Err(
            Error::usage("--passphrase-file is only for the default key")
                .with_hint("add --default, or omit it"),
        )
    }

    /// The key that the flags describe.
    pub(super) fn key(
        &self,
        name: KeyName,
        access: Access,
        tail: Tail,
        now: Timestamp,
        expires: Expiry,
    ) -> Result<Key, Error> {
        Ok(Key {
            networks: self.bounds.network.clone().unwrap_or_default(),
            status: self.status(),
            description: self.description.clone(),
            labels: self.labels.labels()?,
            owner: self.labels.owner.clone(),
            expires_at: expires.resolve(now)?,
            is_decoy: self.is_decoy,
            ..Key::new(name, access, tail, now)
        })
    }

    /// The username that the settings give a new SMTP key, if they do.
    pub(super) fn default_username(
        &self,
        name: &KeyName,
        context: &Context,
    ) -> Result<Option<Username>, Error> {
        let template = context.settings.username.as_ref();
        let username = template.map(|template| template.username(name));
        username.transpose().map_err(|invalid| {
            Error::from(invalid)
                .about(format_args!("`username` in the settings, for `{name}`"))
                .with_hint("give it a --username")
        })
    }

    pub(super) fn status(&self) -> Status {
        match self.inactive {
            true => Status::Inactive,
            false => Status::Active,
        }
    }

    /// What the key opens, by its kind; flags of the other kind are refused.
    pub(super) fn access(&self, kind: Kind, context: &Context) -> Result<Access, Error> {
        self.bounds.expect_fit(kind)?;
        if kind == Kind::Api && self.default {
            return Err(Error::usage("an API key cannot be the default key")
                .with_hint("only the secret of an SMTP key can be shown again"));
        }
        let access = self.bounds.access(kind, self.username.as_ref(), context)?;
        Ok(match access {
            Access::Api { permission, .. } if self.is_decoy => Access::Api {
                permission,
                limit: Limit::None,
            },
            access => access,
        })
    }
}
