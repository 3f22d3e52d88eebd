//! The checks of a secret and its key.

use jiff::Timestamp;
use strum::VariantArray;
use zeroize::Zeroizing;

use super::report::ExplainReport;
use crate::context::secret_prompt::PresentedSecret;
use crate::error::Error;
use crate::key::{
    Allowance, Key, Kind, Secret, Username, WindowUse, quoted, stray_characters,
    without_stray_characters,
};
use crate::ui::{SecretRole, VerdictDetails, VerdictView, counted, extension, first_few};
use crate::vault::StoredSecret;
use crate::verify::{Condition, Need, Question, SecretMatch, Verdict, allowance};

/// How many stray characters are named.
const MAX_NAMED: usize = 3;

impl ExplainReport<'_> {
    /// The checks of a secret and its key.
    pub(super) fn secret(
        &mut self,
        presented: &str,
        login: Option<&Username>,
        question: &Question<'_>,
    ) -> Result<(), Error> {
        let exact = PresentedSecret::of(presented, login, self.context)?;
        let belongs_here = matches!(exact.matched, SecretMatch::Secret(_));
        let (clean, presentation) = match stray_characters(presented).next() {
            Some(_) if !belongs_here => {
                self.stray_characters(presented);
                let clean = without_stray_characters(presented);
                let presentation = PresentedSecret::of(&clean, login, self.context)?;
                (clean, presentation)
            }
            _ => {
                self.ok(
                    "characters",
                    "no blanks, quotation marks or hidden characters",
                );
                (Zeroizing::new(presented.to_owned()), exact)
            }
        };
        if !self.form(&clean, &presentation.matched) {
            return Ok(());
        }
        match presentation.matched.secret() {
            Ok(secret) => self.key(secret, &presentation, question),
            Err(verdict) => self.describe_unknown(verdict, &clean, &presentation, login)?,
        }
        Ok(())
    }

    fn stray_characters(&mut self, presented: &str) {
        let named = first_few(
            stray_characters(presented).map(|stray| stray.to_string()),
            MAX_NAMED,
        );
        let message = format!("there is {named}");
        let fix = "remove them where the secret is kept: it contains only letters, digits and `-`";
        self.fails("characters", message, fix);
    }

    /// Checks that it is a well-formed secret or the imported password.
    fn form(&mut self, clean: &str, matched: &SecretMatch) -> bool {
        if let SecretMatch::Secret(secret) = matched
            && secret.tail.is_imported()
        {
            self.ok("form", "an imported password, which may have any format");
            return true;
        }
        match Secret::parse(clean) {
            Ok(secret) => {
                let characters = characters(secret.expose());
                let message = format!("{characters}, and the checksum is right");
                self.ok("form", message);
                true
            }
            Err(malformed) => {
                let message = format!("{malformed} ({})", characters(clean));
                self.fails(
                    "form",
                    message,
                    "copy the whole secret again from where it is kept",
                );
                false
            }
        }
    }

    /// What is known of a secret that does not belong to any key.
    fn describe_unknown(
        &mut self,
        verdict: Verdict,
        clean: &str,
        presentation: &PresentedSecret,
        login: Option<&Username>,
    ) -> Result<(), Error> {
        let decision = VerdictDetails {
            verdict,
            key: None,
            which: None,
            allowance: None,
            login: login.map(Username::as_str),
            dead: presentation.matched.dead(),
        };
        let mut message = self.reason(&decision);
        let tail = Secret::parse(clean).ok().map(|secret| secret.tail());
        if let (Some(vault), Some(tail), None) = (&presentation.vault, &tail, decision.dead)
            && let Some(past_owners) = vault.past_owners(&[tail])?.get(tail.as_str())
        {
            let name = quoted(&past_owners.name);
            message.push_str(&format!(
                "; {name} had a secret with this tail, which was replaced"
            ));
        }
        let fix = "send the key's current secret, and check that this is the right vault";
        self.fails("secret", message, fix);
        Ok(())
    }

    /// The result of every check of a key's secret.
    fn key(
        &mut self,
        secret: &StoredSecret,
        presentation: &PresentedSecret,
        question: &Question<'_>,
    ) {
        let used = presentation.used(self.context).unwrap_or_else(|error| {
            let unknown = "cannot tell how much of its limit the key has used";
            self.context.ui.warn(format!("{unknown}: {error}"));
            WindowUse::default()
        });
        let (key, at) = (&secret.record.key, presentation.at);
        let permissions = &self.context.settings.permissions;
        let allowance = allowance(&secret.record, question.need, used, at);
        for &check in Condition::VARIANTS {
            let Some((point, ok)) = self.describe(check, secret, question, allowance) else {
                continue;
            };
            if check.passes(secret, question, permissions, at, used) {
                self.ok(point, ok);
                continue;
            }
            let decision = VerdictDetails {
                verdict: check.verdict(),
                key: Some(key),
                which: Some(SecretRole::of(secret)),
                allowance,
                login: None,
                dead: None,
            };
            let fix = self.fix(check, key, question);
            self.fails(point, self.reason(&decision), fix);
            if check == Condition::Decoy {
                return;
            }
        }
    }

    /// The name of a check and the message if it passes; `None` if it does not apply to the
    /// question.
    fn describe(
        &self,
        check: Condition,
        secret: &StoredSecret,
        question: &Question<'_>,
        allowance: Option<Allowance>,
    ) -> Option<(&'static str, String)> {
        let key = &secret.record.key;
        let (name, title) = (&key.name, key.kind().title());
        Some(match check {
            Condition::Decoy => key.is_decoy.then_some(("decoy", String::new()))?,
            Condition::Current => match secret.retires_at {
                None => ("secret", format!("the secret of the {title} key `{name}`")),
                Some(end) => {
                    let end = self.moment(end);
                    (
                        "secret",
                        format!("the old secret of `{name}`, valid until {end}"),
                    )
                }
            },
            Condition::Status => ("status", format!("`{name}` is active")),
            Condition::Expiry => match key.expires_at {
                None => ("expiry", format!("`{name}` never expires")),
                Some(end) => ("expiry", format!("`{name}` expires {}", self.moment(end))),
            },
            Condition::Kind => match (question.kind?, question.username) {
                (Kind::Smtp, Some(username)) => {
                    ("username", format!("{} is the key's", quoted(username)))
                }
                (kind, _) => ("kind", format!("{} keys are accepted here", kind.title())),
            },
            // Neither a request nor a transcript shows the client's address.
            Condition::Network => {
                let networks = Some(&key.networks).filter(|networks| !networks.are_any())?;
                let message = format!("`{name}` can only be used from {networks} (not checked)");
                ("network", message)
            }
            Condition::Sender => {
                let senders = key.senders().filter(|senders| !senders.are_any())?;
                let unchecked = match question.need {
                    Need::Recipient(_) => "",
                    _ => " (not checked)",
                };
                let message = format!("`{name}` can only send mail from {senders}{unchecked}");
                ("sender", message)
            }
            Condition::Permission => {
                let Need::Request { method, target } = question.need else {
                    return None;
                };
                let path = target.split_once('?').map_or(target, |(path, _)| path);
                let request = quoted(&format!("{method} {path}"));
                (
                    "permission",
                    format!("{} allows {request}", key.permission()?),
                )
            }
            Condition::Limit => {
                let left = allowance?.remaining();
                ("limit", format!("{left} left of {}", key.limit()))
            }
        })
    }

    fn fix(&self, check: Condition, key: &Key, question: &Question<'_>) -> String {
        let name = &key.name;
        match check {
            Condition::Decoy => {
                format!("find out who uses it: `postkey usage {name}` shows the addresses")
            }
            Condition::Current => {
                let tail = self.display.secret(&key.tail);
                format!("send the current secret, {tail}")
            }
            Condition::Status => {
                format!("`postkey activate {name}`, once it is clear why it was deactivated")
            }
            Condition::Expiry => extension(key, self.display.now),
            Condition::Kind => match (question.kind, key.username()) {
                (Some(Kind::Smtp), Some(username)) => format!("log in as {username}"),
                (Some(Kind::Smtp), None) => "a mail server takes SMTP keys".to_owned(),
                _ => "an API takes API keys".to_owned(),
            },
            // Never fails here.
            Condition::Network => String::new(),
            Condition::Sender => format!("`postkey set {name} --sender any`, or add the sender"),
            Condition::Permission => self.permission(key, question),
            Condition::Limit => "wait until then, or raise the limit".to_owned(),
        }
    }

    /// The narrowest permission that allows a request, if there is one.
    fn permission(&self, key: &Key, question: &Question<'_>) -> String {
        let permissions = &self.context.settings.permissions;
        let Need::Request { method, target } = question.need else {
            return String::new();
        };
        let allowing = permissions.allowing(method, target);
        match &*allowing {
            [] => {
                "no permission allows such a path: send it without `..`, `//` or unusual encoding"
                    .to_owned()
            }
            [first, ..] => {
                let all = allowing.join(", ");
                let name = &key.name;
                format!("`postkey set {name} --permission {first}`; it is allowed by {all}")
            }
        }
    }

    /// The reason for a verdict; times are in UTC for programs.
    fn reason(&self, decision: &VerdictDetails<'_>) -> String {
        let view = VerdictView::new(decision, &self.display);
        view.reason(self.context.ui.format).to_owned()
    }

    fn moment(&self, moment: Timestamp) -> String {
        match self.context.ui.format.is_for_machines() {
            true => moment.to_string(),
            false => self.display.moment_and_distance(moment),
        }
    }
}

/// The length of a text, in words.
fn characters(text: &str) -> String {
    counted(text.chars().count() as u64, "character", "characters")
}
