//! `postkey list`: keys, a row each.

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use wildmatch::WildMatch;

use super::{Session, bounds, values};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Invalid, Key, Kind, Period, Permission, Standing, looks_like_a_secret};
use crate::ui::{KeyView, Listing, Look};
use crate::vault::{self, Order, Record, Vault};

/// Lists keys
///
/// Only the last characters of a secret are shown. A million keys as jsonl or csv stream in
/// constant memory.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey list 'prod-*' --kind api
  postkey list --expiring 14d
  postkey list --ending Gh4x")]
pub struct List {
    /// Only names that match: * stands for anything, ? for one character, case does not count
    #[arg(value_name = "PATTERN")]
    pattern: Option<Pattern>,
    /// Only this kind
    #[arg(long, value_parser = values::one_of(Kind::ALL, Kind::word))]
    kind: Option<Kind>,
    /// Only keys that stand so
    #[arg(long, value_parser = values::one_of(Standing::ALL, Standing::word))]
    status: Option<Standing>,
    /// Only API keys with this permission
    #[arg(long, add = bounds::permissions())]
    permission: Option<Permission>,
    /// Only the key whose secret ends so, as in Gh4x
    #[arg(long, value_name = "ENDING")]
    ending: Option<Ending>,
    /// Only keys that expire within this time, as in 14d
    #[arg(long, value_name = "SPAN")]
    expiring: Option<Period>,
    /// Only keys made longer ago than this, as in 90d
    #[arg(long, value_name = "SPAN")]
    older_than: Option<Period>,
    /// In which order
    #[arg(long, value_enum, default_value = "created")]
    sort: Sort,
}

/// The order of a listing.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Sort {
    /// Oldest first
    Created,
    /// By name
    Name,
    /// Those that expire first, first
    Expires,
}

/// What names are to match.
#[derive(Clone, Debug)]
struct Pattern(WildMatch);

impl std::str::FromStr for Pattern {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if looks_like_a_secret(text) {
            return Err(
                Invalid::new("a pattern for names", text, "it looks like a secret")
                    .hint("a secret is never an argument; pipe it to `postkey identify`"),
            );
        }
        Ok(Self(WildMatch::new_case_insensitive(text)))
    }
}

/// The last characters of a secret, at most its tail.
#[derive(Clone, Debug)]
struct Ending(String);

impl std::str::FromStr for Ending {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let bare = text.trim_start_matches('…');
        if (1..=16).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(Self(bare.to_owned()));
        }
        Err(Invalid::new(
            "a secret's ending",
            text,
            "an ending is the last 1 to 16 letters and digits",
        )
        .hint("write `Gh4x`; a whole secret is never an argument, pipe it to `postkey identify`"))
    }
}

pub(super) fn run(args: List, session: &mut Session) -> Result<ExitStatus, Error> {
    let Some(vault) = session.open_if_any()? else {
        session.note_missing_vault();
        session
            .ui
            .listing(&session.look_at_clock())
            .finish::<KeyView<'_>>()?;
        return Ok(ExitStatus::Done);
    };
    let look = session.look(&vault);
    let filter = Filter::new(&args, look.now)?;
    let mut listing = session.ui.listing(&look);
    let damage = write_all(&vault, &args, &filter, &look, &mut listing);
    let count = listing.count();
    listing.finish::<KeyView<'_>>()?;
    match damage? {
        Some(error) => Err(error.into()),
        None if count == 0 => {
            session.ui.note(if args.pattern.is_some() {
                "no key matches; * stands for anything, as in '*web*'"
            } else {
                "no key matches"
            });
            Ok(ExitStatus::Done)
        }
        None => Ok(ExitStatus::Done),
    }
}

/// Writes all that can be read, and gives back the last damage that was met.
///
/// Between two pages nothing holds the vault, however slowly the listing is read.
fn write_all(
    vault: &Vault,
    args: &List,
    filter: &Filter<'_>,
    look: &Look,
    listing: &mut Listing<'_>,
) -> Result<Option<vault::Error>, Error> {
    let mut page = vault.first_page(args.sort.order())?;
    let mut damage = None;
    loop {
        let mut keys = Vec::new();
        let outcome = vault.next_page(&mut page, |record| match record {
            Ok(Record { key, .. }) if filter.matches(&key) => keys.push(key),
            Ok(_) => {}
            Err(error) => damage = Some(error),
        });
        for key in &keys {
            listing.push(&KeyView::new(key, look.now))?;
        }
        match outcome {
            Ok(true) if listing.is_heard() => {}
            Ok(_) => return Ok(damage),
            Err(error) => return Ok(Some(error)),
        }
    }
}

impl Sort {
    fn order(self) -> Order {
        match self {
            Self::Created => Order::Created,
            Self::Name => Order::Name,
            Self::Expires => Order::Expires,
        }
    }
}

/// Which keys are listed.
struct Filter<'a> {
    args: &'a List,
    now: Timestamp,
    expires_until: Option<Timestamp>,
    created_before: Option<Timestamp>,
}

impl<'a> Filter<'a> {
    fn new(args: &'a List, now: Timestamp) -> Result<Self, Error> {
        Ok(Self {
            args,
            now,
            expires_until: args.expiring.map(|span| span.after(now)).transpose()?,
            created_before: args.older_than.map(|span| span.before(now)).transpose()?,
        })
    }

    fn matches(&self, key: &Key) -> bool {
        let args = self.args;
        args.pattern
            .as_ref()
            .is_none_or(|Pattern(pattern)| pattern.matches(key.name.as_str()))
            && args.kind.is_none_or(|kind| key.kind() == kind)
            && args
                .status
                .is_none_or(|status| key.standing(self.now) == status)
            && args
                .permission
                .as_ref()
                .is_none_or(|permission| key.permission() == Some(permission))
            && args
                .ending
                .as_ref()
                .is_none_or(|Ending(end)| key.tail.as_str().ends_with(end))
            && self
                .expires_until
                .is_none_or(|until| self.expires_by(key, until))
            && self
                .created_before
                .is_none_or(|before| key.created_at <= before)
    }

    /// Whether the key is not over yet but will be by then.
    fn expires_by(&self, key: &Key, until: Timestamp) -> bool {
        !key.has_expired(self.now) && key.has_expired(until)
    }
}
