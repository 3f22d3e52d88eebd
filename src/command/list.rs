//! `postkey list`: lists keys, one per row.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use struct_field_names_as_array::FieldNamesAsSlice;
use wildmatch::WildMatch;

use crate::context::key_selector::{KeyFilter, KeySelector};
use crate::context::usage_reader::UsageReader;
use crate::context::{Context, did_you_mean, nearest};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Invalid, Key, KeyName, Period, looks_like_a_secret};
use crate::ui::{KeyView, Listing, Ui, counted};
use crate::vault::{self, Page, Record, SortOrder, Vault};

/// List keys
///
/// Only the tail of each secret is shown, and when each key was last used; `postkey usage` shows
/// more. A million keys as jsonl or csv stream in constant memory.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey list 'prod-*' --kind api
  postkey list --label env=prod --owner team-shop
  postkey list --expiring 14d
  postkey list --unused 45d --sort used
  postkey list --tail Gh4x")]
pub struct List {
    /// Only names that match: * is any text, ? any character, case is ignored
    #[arg(value_name = "PATTERN")]
    pattern: Option<Pattern>,
    #[command(flatten)]
    selector: KeySelector,
    /// Only the key whose secret has this tail, as in Gh4x
    #[arg(long, alias = "ending")]
    tail: Option<TailSuffix>,
    /// Only keys created longer ago than this, as in 90d
    #[arg(long, value_name = "SPAN")]
    older_than: Option<Period>,
    /// Sort by this
    #[arg(long, value_enum, default_value = "created")]
    sort: Sort,
    /// Only these fields, as in name,tail: those of --format csv
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = fields())]
    fields: Vec<&'static str>,
    /// Only the names, one per line, for scripts
    #[arg(long, conflicts_with_all = ["fields", "format", "json"])]
    names: bool,
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
    /// Never used first, then those whose last use is longest ago
    Used,
}

/// The pattern that names must match.
#[derive(Clone, Debug)]
struct Pattern(WildMatch);

impl std::str::FromStr for Pattern {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if looks_like_a_secret(text) {
            return Err(
                Invalid::new("a pattern for names", text, "it looks like a secret")
                    .with_hint("never pass a secret as an argument; pipe it to `postkey identify`"),
            );
        }
        Ok(Self(WildMatch::new_case_insensitive(text)))
    }
}

/// The last characters of a secret, at most its tail.
#[derive(Clone, Debug)]
struct TailSuffix(String);

impl std::str::FromStr for TailSuffix {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let bare = text.trim_start_matches('…');
        if (1..=16).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(Self(bare.to_owned()));
        }
        Err(Invalid::new(
            "a secret's tail",
            text,
            "a tail is the last 1 to 16 letters and digits",
        )
        .with_hint(
            "write `Gh4x`; never pass a whole secret as an argument; pipe it to `postkey identify`",
        ))
    }
}

pub(super) fn run(args: List, context: &mut Context) -> Result<ExitStatus, Error> {
    let vault = context.open()?;
    let display = context.display();
    let filter = Filter::new(&args, display.now)?;
    context.note_minutes(args.selector.minutes());
    let mut uses = context.uses(&vault);
    context.warn_of_unrecorded_use(filter.selected.unused_since(), &mut uses, &display);
    // The pager's pipe is not a terminal.
    let has_footer = context.ui.is_on_terminal() && !args.names;
    let pager = context.ui.page();
    let mut listing = context.ui.listing(&display).of_fields(args.fields.clone());
    let damage = write_all(&vault, &mut uses, &filter, &context.ui, &mut listing);
    let count = listing.count();
    let hidden = has_footer.then(|| listing.hidden_columns::<KeyView<'_>>());
    // A key may have a permission that the settings no longer define.
    if let (0, Some(permission)) = (count, &args.selector.properties.permission) {
        context.settings.permissions.expect(permission.clone())?;
    }
    match args.names {
        true => listing.finish_lines(),
        false => listing.finish::<KeyView<'_>>(),
    }?;
    drop(pager);
    match damage? {
        Some(error) => Err(error.into()),
        None if count == 0 => {
            context
                .ui
                .note(nothing_matches(args.pattern.as_ref(), &vault));
            Ok(ExitStatus::Done)
        }
        None => {
            let lines = hidden.map(|hidden| footer(count, &hidden, display.width));
            for line in lines.into_iter().flatten() {
                context.ui.note(line);
            }
            Ok(ExitStatus::Done)
        }
    }
}

/// Reports that no key matches, and what may have been meant.
fn nothing_matches(pattern: Option<&Pattern>, vault: &Vault) -> String {
    let Some(Pattern(pattern)) = pattern else {
        return "no key matches".to_owned();
    };
    let name = pattern.to_string().parse::<KeyName>().ok();
    let near = name.and_then(|name| nearest(&name, vault).filter(|near| !near.is_same(&name)));
    match near {
        Some(near) => format!("no key matches; {}", did_you_mean(&near)),
        None => "no key matches; * matches any text, as in '*web*'".to_owned(),
    }
}

/// `60 keys; hidden: LIMIT, CREATED`, wrapped to fit the terminal.
fn footer(count: usize, hidden: &[&str], width: Option<u16>) -> Vec<String> {
    let keys = counted(count as u64, "key", "keys");
    let footer = match hidden {
        [] => keys,
        hidden => format!("{keys}; hidden: {}", hidden.join(", ")),
    };
    let lines = textwrap::wrap(&footer, width.map_or(usize::MAX, usize::from));
    lines.into_iter().map(Into::into).collect()
}

/// The fields that can be chosen.
fn fields() -> impl TypedValueParser<Value = &'static str> {
    let all = KeyView::<'_>::FIELD_NAMES_AS_SLICE;
    PossibleValuesParser::new(all).map(move |chosen| {
        let field = all.iter().find(|field| **field == chosen);
        *field.expect("clap let only these through")
    })
}

/// Lists all readable keys; returns the last damage that was found.
///
/// The vault is not locked between two pages, however slowly the list is read.
fn write_all(
    vault: &Vault,
    uses: &mut UsageReader,
    filter: &Filter<'_>,
    ui: &Ui,
    listing: &mut Listing<'_>,
) -> Result<Option<vault::Error>, Error> {
    let mut page = first_page(filter.args.sort, vault, uses, ui)?;
    // Damage is reported for each key.
    let default = vault.default_id().ok().flatten();
    let mut damage = None;
    loop {
        let mut records = Vec::new();
        let outcome = vault.next_page(&mut page, |record| match record {
            Ok(record) if filter.matches(&record.key) => records.push(record),
            Ok(_) => {}
            Err(error) => damage = Some(error),
        });
        let summaries = uses.summaries(records.iter(), filter.now, ui);
        for (Record { id, key }, summary) in records.iter().zip(summaries) {
            if uses.match_filter(&filter.selected, key, summary) {
                let view = KeyView::new(key, filter.now).with_use(summary);
                let view = view.with_default(default == Some(*id));
                match filter.args.names {
                    true => listing.push_line(key.name.as_str()),
                    false => listing.push(&view),
                }?;
            }
        }
        match outcome {
            Ok(true) if listing.is_connected() => {}
            Ok(_) => return Ok(damage),
            Err(error) => return Ok(Some(error)),
        }
    }
}

fn first_page(sort: Sort, vault: &Vault, uses: &mut UsageReader, ui: &Ui) -> Result<Page, Error> {
    let order = match sort {
        Sort::Created => SortOrder::Created,
        Sort::Name => SortOrder::Name,
        Sort::Expires => SortOrder::Expires,
        Sort::Used => return by_last_use(vault, uses, ui),
    };
    Ok(vault.first_page(order)?)
}

/// Keys that were never used first, then the others.
fn by_last_use(vault: &Vault, uses: &mut UsageReader, ui: &Ui) -> Result<Page, Error> {
    let used = uses.read(ui, |usage| usage.keys_by_last_use(Context::clock()));
    let mut known = used.clone();
    known.sort_unstable();
    let mut keys = vault.ids()?;
    keys.retain(|key| known.binary_search(key).is_err());
    keys.extend(used);
    Ok(Page::of(keys))
}

/// The filters.
struct Filter<'a> {
    args: &'a List,
    now: Timestamp,
    selected: KeyFilter,
    created_before: Option<Timestamp>,
}

impl<'a> Filter<'a> {
    fn new(args: &'a List, now: Timestamp) -> Result<Self, Error> {
        Ok(Self {
            args,
            now,
            selected: args.selector.filter(now)?,
            created_before: args.older_than.map(|span| span.before(now)).transpose()?,
        })
    }

    fn matches(&self, key: &Key) -> bool {
        let args = self.args;
        args.pattern
            .as_ref()
            .is_none_or(|Pattern(pattern)| pattern.matches(key.name.as_str()))
            && self.selected.matches(key)
            && args
                .tail
                .as_ref()
                .is_none_or(|tail| self.has_tail(key, tail))
            && self
                .created_before
                .is_none_or(|before| key.created_at <= before)
    }

    /// Whether one of the key's secrets that have not retired has this tail.
    fn has_tail(&self, key: &Key, TailSuffix(end): &TailSuffix) -> bool {
        let old = key.retiring_at(self.now).map(|old| &old.tail);
        let mut tails = [&key.tail].into_iter().chain(old);
        tails.any(|tail| tail.known().is_some_and(|tail| tail.ends_with(end)))
    }
}
