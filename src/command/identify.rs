//! `postkey identify`: finds the keys to which the secrets in a text belong.

use std::collections::HashMap;

use clap::Args;

use crate::context::Context;
use crate::context::secret_search;
use crate::context::secret_search::{PromptText, SecretFinding, SecretSearch};
use crate::context::usage_reader::UsageReader;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Malformed, WindowUse};
use crate::ui::{
    DisplayContext, Format, IdentifiedText, IdentityView, SecretRole, TextView, VerdictDetails,
    counted,
};
use crate::vault::PastOwner;
use crate::verify::{Question, Verdict, judge};

/// Find which keys the secrets in a text belong to
///
/// For what turned up somewhere: a secret, or anything that may hold some, such as a log or all
/// files of a repository. For each secret, prints whose it is, whether it is still valid, how often
/// it occurs, and its first line. Mistyped and truncated secrets are reported too. No usage is
/// recorded. Exits 0 if the text has a secret that is or was one of this vault, and 1 otherwise. On
/// a terminal, a secret is prompted for and not shown.
///
/// The text may be of any length. A secret is also found in base64 (SMTP AUTH, HTTP Basic,
/// Kubernetes), hex, dumps and lists of bytes, UTF-16, percent, JSON, HTML, RTF, octal and
/// quoted-printable encoding, up to three of these nested, with colors, quoting or line breaks
/// inside. Deeper encodings, compressed and encrypted data are not searched: a warning says so. An
/// imported password has no recognizable format: only `postkey verify --username` identifies it.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  postkey identify
  postkey identify <build.log
  git log -p --all | postkey identify
  tar -cf - src | postkey identify --format jsonl")]
pub struct Identify {}

const PROMPT: PromptText = PromptText {
    question: "Secret",
    hint: "pipe it in, as in printf %s \"$KEY\" | postkey identify",
};

pub(super) fn run(_: Identify, context: &mut Context) -> Result<ExitStatus, Error> {
    let mut search = secret_search::search(&PROMPT, context, Context::open, |_, _| Ok(()))?;
    let failure = search.failure.take();
    if let Some(failure) = failure {
        if !search.findings.is_empty() {
            print(&search, context)?;
        }
        return Err(failure);
    }
    print(&search, context)?;
    Ok(if search.findings.iter().any(SecretFinding::belongs_here) {
        ExitStatus::Done
    } else {
        ExitStatus::No
    })
}

/// Prints what was found: a single result as facts, several as a list.
fn print(search: &SecretSearch, context: &Context) -> Result<(), Error> {
    let vault = search.vault.as_ref();
    let display = context.display();
    let past_owners = search.past_owners()?;
    let mut uses = vault.map(|vault| context.uses(vault));
    let mut identified: Vec<IdentifiedText<'_>> = search
        .findings
        .iter()
        .map(|finding| finding.identified(context, &display, uses.as_mut(), &past_owners))
        .collect();
    // Secrets of this vault come first, and of these the valid ones.
    identified.sort_by_key(|identified| {
        let decision = &identified.decision;
        (decision.key.is_none(), decision.dead.is_none())
    });
    identified.extend(not_ours(search));
    let views: Vec<_> = identified
        .iter()
        .map(|identified| IdentityView::new(identified, &display))
        .collect();
    show(&views, &display, context)?;
    note_where(search, views.len(), context);
    Ok(())
}

impl SecretFinding {
    fn identified<'a>(
        &'a self,
        context: &Context,
        display: &DisplayContext,
        uses: Option<&mut UsageReader>,
        past_owners: &'a HashMap<String, PastOwner>,
    ) -> IdentifiedText<'a> {
        let secret = self.matched.secret();
        let (verdict, key) = match secret {
            Err(verdict) => (verdict, None),
            Ok(secret) => {
                let (question, used) = (Question::default(), WindowUse::default());
                let permissions = &context.settings.permissions;
                let verdict = judge(secret, &question, permissions, display.now, used);
                (verdict, Some(&secret.record))
            }
        };
        let (mut used, mut refusals) = (None, None);
        if let Some(uses) = uses {
            used = key.and_then(|record| uses.summary(record, display.now, &context.ui));
            let dead = self.matched.dead();
            refusals = dead.map(|dead| uses.refusals_of(dead, display.now, &context.ui));
            if let Some(decoy) = key.filter(|record| record.key.is_decoy) {
                refusals = Some(uses.decoy(decoy, display.now, &context.ui));
            }
        }
        IdentifiedText {
            used,
            refusals,
            decision: VerdictDetails {
                verdict,
                key: key.map(|record| &record.key),
                which: secret.ok().map(SecretRole::of),
                allowance: None,
                login: None,
                dead: self.matched.dead(),
            },
            tail: Some(&self.tail),
            past_owner: past_owners.get(self.tail.as_str()),
            count: self.count,
            line: Some(self.line),
        }
    }
}

/// Malformed secrets, if there are any; or that nothing was found.
fn not_ours(search: &SecretSearch) -> Option<IdentifiedText<'static>> {
    let (why, count, line) = match search.misspelt {
        Some(misspelt) => (misspelt.why, misspelt.count, Some(misspelt.line)),
        None if !search.findings.is_empty() => return None,
        None if search.is_empty => (Malformed::Empty, 0, None),
        None => (Malformed::Prefix, 0, None),
    };
    Some(IdentifiedText {
        decision: VerdictDetails {
            verdict: Verdict::Malformed(why),
            key: None,
            which: None,
            allowance: None,
            login: None,
            dead: None,
        },
        tail: None,
        past_owner: None,
        used: None,
        refusals: None,
        count,
        line,
    })
}

fn show(
    views: &[IdentityView<'_>],
    display: &DisplayContext,
    context: &Context,
) -> Result<(), Error> {
    match (context.ui.format, views) {
        (Format::Json, [first, ..]) => context.ui.result(&TextView::new(first, views), ""),
        (Format::Text, [only]) => context.ui.result(only, &only.facts(display)),
        _ => {
            let mut listing = context.ui.listing(display);
            for view in views {
                listing.push(view)?;
            }
            listing.finish::<IdentityView<'_>>()
        }
    }
}

/// Reports what the list does not show: lines, and what exceeded the limit.
fn note_where(search: &SecretSearch, rows: usize, context: &Context) {
    let (lines, uncounted) = (search.lines, search.uncounted);
    if let ([only], 1) = (search.findings.as_slice(), rows)
        && (only.count > 1 || lines > 2)
    {
        let (times, line) = (counted(only.count, "time", "times"), only.line);
        let note = format!("found {times}, first on line {line} of {lines}");
        context.ui.note(note);
    }
    if uncounted > 0 {
        context.ui.warn(format!(
            "{} found, too many to list",
            counted(uncounted, "more unknown secret", "more unknown secrets")
        ));
    }
    search.warn_of_unreadable(context);
}
