//! `postkey reveal`: shows the default key's secret again.

use clap::Args;

use crate::context::Context;
use crate::context::passphrase::{PassphraseSource, no_memory};
use crate::delivery::options::{DeliveredKey, DeliveryOptions, Overwrite};
use crate::delivery::{Destination, Target};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{EffectiveStatus, Key, SealError, Secret};
use crate::ui::{Issued, KeyView, replacement_hint};
use crate::vault::{Action, Error as VaultError, Sealed, Vault};

/// Show the secret of the default key again
///
/// A vault has at most one default key: an SMTP key created with `postkey generate smtp NAME
/// --default`, whose secret the vault keeps, encrypted with a passphrase. No other key's secret can
/// be shown again.
///
/// The passphrase is prompted for and not shown. Each reveal, and each wrong passphrase, is logged
/// before anything is printed. The secret is printed alone on standard output, or written to the
/// file given with --save.
///
/// Formats: text, json, jsonl, csv, env.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey reveal
  PASSWORD=$(postkey reveal)
  postkey reveal --passphrase-file ~/.postkey-passphrase --format env --save app.env")]
pub struct Reveal {
    #[command(flatten)]
    passphrase: PassphraseSource,
    #[command(flatten)]
    delivery: DeliveryOptions,
    #[command(flatten)]
    overwrite: Overwrite,
}

pub(super) fn run(args: Reveal, context: &mut Context) -> Result<ExitStatus, Error> {
    args.delivery.expect(context)?;
    let mut vault = context.open_for_change()?;
    let sealed = vault.default_key()?.ok_or_else(no_default)?;
    let key = &sealed.record.key;
    let subject = DeliveredKey {
        name: &key.name,
        kind: key.kind(),
        username: key.username(),
        before: None,
        overwrite: Some(args.overwrite),
    };
    let target = args.delivery.target(&subject, Some(&vault), context)?;
    let Some(passphrase) = args.passphrase.known(context)? else {
        context.ui.note("no passphrase given; nothing was revealed");
        return Ok(ExitStatus::No);
    };
    match sealed.seal.open(&passphrase, &sealed.associated_data) {
        Ok(secret) => show(&secret, &sealed, &target, context, &mut vault),
        Err(SealError::NoMemory) => Err(no_memory(SealError::NoMemory)),
        Err(SealError::Refused) => {
            log("refused", &sealed, context, &mut vault)?;
            Err(wrong_passphrase(&sealed.record.key))
        }
        Err(error) => Err(VaultError::Damaged(error.to_string()).into()),
    }
}

/// Shows the secret, after that has been logged.
fn show(
    secret: &Secret,
    sealed: &Sealed,
    target: &Target<'_>,
    context: &Context,
    vault: &mut Vault,
) -> Result<ExitStatus, Error> {
    log("opened", sealed, context, vault)?;
    let record = &sealed.record;
    let display = context.display();
    let used = context.usage_for_programs(record, display.now, vault);
    let view = KeyView::new(&record.key, display.now).with_use(used);
    target
        .deliver_again(Issued::new(view, secret), vault, context)
        .map_err(|error| match &target.destination {
            Destination::Output { .. } => {
                error.with_hint("capture standard output, as in PASSWORD=$(postkey reveal)")
            }
            _ => error,
        })?;
    report(
        &record.key,
        record.key.effective_status(display.now),
        target,
        context,
    );
    Ok(ExitStatus::Done)
}

/// Logs the attempt, provided the key is unchanged.
fn log(
    outcome: &str,
    sealed: &Sealed,
    context: &Context,
    vault: &mut Vault,
) -> Result<(), VaultError> {
    vault.change(&context.author(Action::Reveal), |change| {
        change.expect_unedited(&sealed.record)?;
        change.reveal(&sealed.record, outcome)
    })
}

fn report(key: &Key, effective_status: EffectiveStatus, target: &Target<'_>, context: &Context) {
    let username = key.username().map(ToString::to_string).unwrap_or_default();
    let secret = format!(
        "the secret of the default key `{}`, username {username}",
        key.name
    );
    context.ui.note(match target.destination() {
        None => format!("this is {secret}"),
        Some(destination) => format!("{secret}, is {destination}"),
    });
    if !effective_status.is_valid() {
        context.ui.warn(format!(
            "`{}` is {effective_status}: the secret is refused until that changes",
            key.name
        ));
    }
}

fn no_default() -> Error {
    Error::new(
        ExitStatus::NotFound,
        "this vault has no default key, and no other secret can be shown again",
    )
    .with_hint(
        "`postkey generate smtp NAME --default` creates one; `postkey rotate NAME` creates \
         another secret for a key",
    )
}

fn wrong_passphrase(key: &Key) -> Error {
    let message = format!(
        "cannot decrypt the secret of `{}`: wrong passphrase (or the sealed secret was altered)",
        key.name
    );
    Error::new(ExitStatus::No, message).with_hint(format!(
        "try again; if the passphrase is lost, {}",
        replacement_hint(key, "", Context::clock())
    ))
}
