//! Where the findings go.

use jiff::Timestamp;

use crate::check::{Finding, KeyFacts, Rules};
use crate::error::Error;
use crate::key::{KeyName, Kind};
use crate::ui::{DisplayContext, FindingView, Format, KeyGauges, Listing, Reminders, Ui};
use crate::vault::{Record, Vault};

/// Where the result goes.
pub(super) enum CheckOutput<'a> {
    /// Findings, written as they are found.
    Stream(Listing<'a>, &'a DisplayContext),
    /// Findings that are sorted at the end.
    Gathered(Vec<KeyFinding>, Listing<'a>, &'a DisplayContext),
    /// Reminders, written as they are found.
    Calendar(Reminders<'a>),
    /// Gauges, findings among them.
    Gauges(KeyGauges),
    /// Findings for a command.
    Kept(Vec<KeyFinding>),
}

/// A finding about a key.
#[derive(Clone)]
pub(super) struct KeyFinding {
    pub(super) name: KeyName,
    pub(super) kind: Kind,
    pub(super) finding: Finding,
}

impl<'a> CheckOutput<'a> {
    /// Standard output, in the format.
    pub(super) fn begin(
        vault: &Vault,
        display: &'a DisplayContext,
        ui: &Ui,
    ) -> Result<Self, Error> {
        Ok(match ui.format {
            Format::Ics => {
                let identity = vault.identity()?.unwrap_or_default();
                Self::Calendar(ui.reminders(&identity, display)?)
            }
            Format::Prometheus => Self::Gauges(KeyGauges::new(display.now)),
            Format::Jsonl | Format::Csv => Self::Stream(ui.listing(display), display),
            _ => Self::Gathered(Vec::new(), ui.listing(display), display),
        })
    }

    /// Whether the reader is still there.
    pub(super) fn is_connected(&self) -> bool {
        match self {
            Self::Stream(listing, _) | Self::Gathered(_, listing, _) => listing.is_connected(),
            Self::Calendar(reminders) => reminders.is_connected(),
            Self::Gauges(_) | Self::Kept(_) => true,
        }
    }

    /// Whether findings are listed, and decide the exit status.
    pub(super) fn is_listing(&self) -> bool {
        matches!(self, Self::Stream(..) | Self::Gathered(..) | Self::Kept(_))
    }

    /// Adds what was found about a key; returns whether it needs attention.
    pub(super) fn take(
        &mut self,
        record: &Record,
        known: &KeyFacts<'_>,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let (name, kind) = (&record.key.name, record.key.kind());
        match self {
            Self::Calendar(reminders) => {
                for reminder in known.reminders(rules, now) {
                    reminders.push(record.id, known.key, reminder)?;
                }
                return Ok(false);
            }
            Self::Gauges(gauges) => {
                let used_at = known.used.as_ref().and_then(|used| used.last_used_at);
                gauges.push(known.key, used_at);
                for reminder in known.reminders(rules, now) {
                    gauges.push_reminder(known.key, reminder);
                }
            }
            Self::Stream(..) | Self::Gathered(..) | Self::Kept(_) => {}
        }
        let mut is_found = false;
        for finding in known.findings(rules, now) {
            is_found |= self.push(name, kind, finding)?;
        }
        Ok(is_found)
    }

    /// Adds a finding; returns whether it counts for the exit status.
    pub(super) fn push(
        &mut self,
        name: &KeyName,
        kind: Kind,
        finding: Finding,
    ) -> Result<bool, Error> {
        match self {
            Self::Stream(listing, display) => {
                listing.push(&FindingView::new(name, kind, &finding, display))?;
            }
            Self::Gathered(all, ..) | Self::Kept(all) => all.push(KeyFinding {
                name: name.clone(),
                kind,
                finding,
            }),
            Self::Gauges(gauges) => gauges.push_finding(name, kind, &finding),
            Self::Calendar(_) => {}
        }
        Ok(self.is_listing())
    }

    /// Ends standard output; returns the findings that are kept for a command.
    pub(super) fn finish(self) -> Result<Vec<KeyFinding>, Error> {
        match self {
            Self::Stream(listing, _) => listing.finish::<FindingView<'_>>()?,
            Self::Calendar(reminders) => reminders.finish()?,
            Self::Gauges(gauges) => gauges.finish()?,
            Self::Gathered(all, listing, display) => write(all, listing, display)?,
            Self::Kept(all) => return Ok(all),
        }
        Ok(Vec::new())
    }
}

/// Writes findings, the most urgent first.
pub(super) fn write(
    mut all: Vec<KeyFinding>,
    mut listing: Listing<'_>,
    display: &DisplayContext,
) -> Result<(), Error> {
    all.sort_by_cached_key(|found| (found.finding.urgency(), found.name.to_string()));
    for found in &all {
        let KeyFinding {
            name,
            kind,
            finding,
        } = found;
        listing.push(&FindingView::new(name, *kind, finding, display))?;
    }
    listing.finish::<FindingView<'_>>()
}
