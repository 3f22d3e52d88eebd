//! `postkey identify`: whose are the secrets in a text?

use std::collections::HashMap;

use clap::Args;

use super::Session;
use super::pasted::{self, Asking, Finding, Pasted};
use super::uses::Uses;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::key::{Malformed, Used};
use crate::ui::{Decision, Format, IdentityView, Look, Sighted, TextView, Which, counted};
use crate::vault::Former;
use crate::verify::{Question, Verdict, judge};

/// Tells which keys the secrets in a text belong to, read from standard input
///
/// For what turned up somewhere: a secret, or anything that may hold some, such as a log or all
/// files of a repository. Tells of each secret once whose it is and whether it is still good,
/// how often it is there, and in which line first. What was mistyped or cut short is told, too.
/// No use is recorded. Exits 0 if a secret is there that is, or once was, one of this vault, and 1
/// otherwise. On a terminal a secret is asked for and not shown.
///
/// The text may be of any length. A secret is also found in base64 (SMTP AUTH, HTTP Basic,
/// Kubernetes), hex, dumps and lists of bytes, UTF-16, percent, JSON, HTML, RTF, octal and
/// quoted-printable encoding, up to three of these one within the other, with colours, quoting or
/// line breaks inside. What is encoded more often, compressed or encrypted is not read: a warning
/// tells of it.
/// A password that was imported looks like nothing in particular: only `postkey verify --username` tells of one.
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

const ASKING: Asking = Asking {
    question: "Secret",
    hint: "pipe it in, as in printf %s \"$KEY\" | postkey identify",
};

pub(super) fn run(_: Identify, session: &mut Session) -> Result<ExitStatus, Error> {
    let mut pasted = pasted::search(&ASKING, session, Session::open, |_, _| Ok(()))?;
    let failure = pasted.failure.take();
    if let Some(failure) = failure {
        if !pasted.findings.is_empty() {
            tell(&pasted, session)?;
        }
        return Err(failure);
    }
    tell(&pasted, session)?;
    Ok(if pasted.findings.iter().any(Finding::is_ours) {
        ExitStatus::Done
    } else {
        ExitStatus::No
    })
}

/// Tells what was found: in the form of one answer if it is one thing, of a list otherwise.
fn tell(pasted: &Pasted, session: &Session) -> Result<(), Error> {
    let vault = pasted.vault.as_ref();
    let look = session.look();
    let former = pasted.former()?;
    let mut uses = vault.map(|vault| session.uses(vault));
    let mut sighted: Vec<Sighted<'_>> = pasted
        .findings
        .iter()
        .map(|finding| finding.sighted(session, &look, uses.as_mut(), &former))
        .collect();
    // What is ours first, and of that what may be valid.
    sighted.sort_by_key(|sighted| {
        let decision = &sighted.decision;
        (decision.key.is_none(), decision.dead.is_none())
    });
    sighted.extend(not_ours(pasted));
    let views: Vec<_> = sighted
        .iter()
        .map(|sighted| IdentityView::new(sighted, &look))
        .collect();
    show(&views, &look, session)?;
    note_where(pasted, views.len(), session);
    Ok(())
}

impl Finding {
    fn sighted<'a>(
        &'a self,
        session: &Session,
        look: &Look,
        uses: Option<&mut Uses>,
        former: &'a HashMap<String, Former>,
    ) -> Sighted<'a> {
        let secret = self.recognised.secret();
        let (verdict, key) = match secret {
            Err(verdict) => (verdict, None),
            Ok(secret) => {
                let (question, used) = (Question::default(), Used::default());
                let permissions = &session.settings.permissions;
                let verdict = judge(secret, &question, permissions, look.now, used);
                (verdict, Some(&secret.record))
            }
        };
        let (mut used, mut tried) = (None, None);
        if let Some(uses) = uses {
            used = key.and_then(|record| uses.summary(record, look.now, &session.ui));
            let dead = self.recognised.dead();
            tried = dead.map(|dead| uses.refusals_of(dead, look.now, &session.ui));
            if let Some(decoy) = key.filter(|record| record.key.is_decoy) {
                tried = Some(uses.decoy(decoy, look.now, &session.ui));
            }
        }
        Sighted {
            used,
            tried,
            decision: Decision {
                verdict,
                key: key.map(|record| &record.key),
                which: secret.ok().map(Which::of),
                allowance: None,
                login: None,
                dead: self.recognised.dead(),
            },
            tail: Some(&self.tail),
            former: former.get(self.tail.as_str()),
            count: self.count,
            line: Some(self.line),
        }
    }
}

/// What looks like a secret and is none; or that there is nothing at all.
fn not_ours(pasted: &Pasted) -> Option<Sighted<'static>> {
    let (why, count, line) = match pasted.misspelt {
        Some(misspelt) => (misspelt.why, misspelt.count, Some(misspelt.line)),
        None if !pasted.findings.is_empty() => return None,
        None if pasted.is_empty => (Malformed::Empty, 0, None),
        None => (Malformed::Prefix, 0, None),
    };
    Some(Sighted {
        decision: Decision {
            verdict: Verdict::Malformed(why),
            key: None,
            which: None,
            allowance: None,
            login: None,
            dead: None,
        },
        tail: None,
        former: None,
        used: None,
        tried: None,
        count,
        line,
    })
}

fn show(views: &[IdentityView<'_>], look: &Look, session: &Session) -> Result<(), Error> {
    match (session.ui.format, views) {
        (Format::Json, [first, ..]) => session.ui.result(&TextView::new(first, views), ""),
        (Format::Text, [only]) => session.ui.result(only, &only.facts(look)),
        _ => {
            let mut listing = session.ui.listing(look);
            for view in views {
                listing.push(view)?;
            }
            listing.finish::<IdentityView<'_>>()
        }
    }
}

/// Says what is in no row: where it was, and what there was no room for.
fn note_where(pasted: &Pasted, rows: usize, session: &Session) {
    let (lines, more) = (pasted.lines, pasted.more);
    if let ([only], 1) = (pasted.findings.as_slice(), rows)
        && (only.count > 1 || lines > 2)
    {
        let (times, line) = (counted(only.count, "time", "times"), only.line);
        let note = format!("seen {times}, first in line {line} of {lines}");
        session.ui.note(note);
    }
    if more > 0 {
        session.ui.warn(format!(
            "{} of no key here were seen than can be told apart",
            counted(more, "more secret", "more secrets")
        ));
    }
    pasted.warn_of_unreadable(session);
}
