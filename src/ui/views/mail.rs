//! The mail that was accepted of an SMTP key.

use jiff::Timestamp;
use serde::Serialize;

use super::counted;
use crate::ui::time;
use crate::usage::{Details, MailDay, MailTotal, day_of};

/// The accepted mails of a day, UTC.
#[derive(Debug, Serialize)]
pub(super) struct MailDayView {
    day: String,
    mails: u32,
    recipients: u32,
}

impl MailDayView {
    pub(super) fn new(mail: &MailDay) -> Self {
        Self {
            day: time::date(mail.day),
            mails: mail.mails,
            recipients: mail.recipients,
        }
    }
}

/// `12 mails to 40 recipients today, 310 to 1022 in the last 30 days`; `None` if none was ever
/// accepted.
pub(super) fn fact(details: &Details, days: usize, now: Timestamp) -> Option<String> {
    details.last_mail_at()?;
    let (today, all) = (details.mail_total(1, now), details.mail_total(days, now));
    Some(format!(
        "{} today, {} to {} in the last {days} days",
        phrase(today),
        all.mails,
        all.recipients
    ))
}

/// `12 mails to 40 recipients`
pub(super) fn phrase(total: MailTotal) -> String {
    let mails = counted(i128::from(total.mails), "mail", "mails");
    let recipients = counted(i128::from(total.recipients), "recipient", "recipients");
    format!("{mails} to {recipients}")
}

/// `12 to 40 recipients`, for a column that is about mails; empty if none was ever accepted.
pub(super) fn cell(details: &Details, now: Timestamp) -> String {
    let today = details.mail_total(1, now);
    let recipients = i128::from(today.recipients);
    match (details.last_mail_at(), today.mails) {
        (None, _) => String::new(),
        (Some(_), 0) => "0".to_owned(),
        (Some(_), mails) => format!(
            "{mails} to {}",
            counted(recipients, "recipient", "recipients")
        ),
    }
}

/// The days with mail within this many days: the day, the mails and their recipients.
pub(super) fn by_day(details: &Details, days: usize, now: Timestamp) -> Vec<[String; 3]> {
    let today = day_of(now);
    let first = today.saturating_sub_unsigned(days as u64) + 1;
    let within = details
        .mail
        .iter()
        .filter(|mail| (first..=today).contains(&mail.day));
    within
        .map(|mail| {
            let (mails, recipients) = (mail.mails.to_string(), mail.recipients.to_string());
            [time::date(mail.day), mails, recipients]
        })
        .collect()
}
