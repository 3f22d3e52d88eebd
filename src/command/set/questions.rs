//! What `set` prompts for if no change is given: a field, and its value.

use std::fmt::Display;

use strum::{IntoStaticStr, VariantArray};

use super::change::RequestedChange;
use crate::command::decoy;
use crate::context::Context;
use crate::error::Error;
use crate::key::{Key, KeyName, KeyPolicy, Kind, Limit, PolicyValue, Term};
use crate::ui::MenuItem;

/// A field of a key that can be changed, named after its flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case", const_into_str)]
enum SettableField {
    Name,
    Description,
    ClearDescription,
    Label,
    ClearLabel,
    Owner,
    ClearOwner,
    Permission,
    Limit,
    Senders,
    Networks,
    Expires,
    RotateEvery,
    UnusedAfter,
    Grace,
    Settle,
    After,
    ClearAfter,
}

impl SettableField {
    /// Whether the key has this field.
    fn applies_to(self, key: &Key, policy: &KeyPolicy) -> bool {
        match self {
            Self::ClearDescription => key.description.is_some(),
            Self::ClearLabel => !key.labels.are_none(),
            Self::ClearOwner => key.owner.is_some(),
            Self::ClearAfter => policy.after.is_some(),
            Self::Permission => key.kind() == Kind::Api,
            Self::Senders => key.kind() == Kind::Smtp,
            _ => true,
        }
    }

    /// The current value.
    fn value(self, key: &Key, policy: &KeyPolicy, context: &Context) -> String {
        match self {
            Self::Name => key.name.to_string(),
            Self::Description => or_none(key.description.as_ref()),
            Self::Label | Self::ClearLabel if key.labels.are_none() => "none".to_owned(),
            Self::Label | Self::ClearLabel => key.labels.to_string(),
            Self::Owner => or_none(key.owner.as_ref()),
            Self::ClearDescription | Self::ClearOwner | Self::ClearAfter => String::new(),
            Self::Permission => or_none(key.permission()),
            Self::Limit => key.limit().to_string(),
            Self::Senders => or_none(key.senders()),
            Self::Networks => key.networks.to_string(),
            Self::Expires => context.display().end(key.expires_at),
            Self::RotateEvery => or_policy(policy.rotate_every),
            Self::UnusedAfter => or_policy(policy.unused),
            Self::Grace => or_policy(policy.grace),
            Self::Settle => or_policy(policy.settle),
            Self::After => or_none(policy.after.as_ref()),
        }
    }
}

fn or_none(value: Option<impl Display>) -> String {
    value.map_or("none".to_owned(), |value| value.to_string())
}

fn or_policy(value: Option<impl Display>) -> String {
    value.map_or("policy".to_owned(), |value| value.to_string())
}

/// Prompts for a change of the key; returns whether that was answered.
pub(super) fn ask_change(
    change: &mut RequestedChange,
    name: &KeyName,
    context: &Context,
) -> Result<bool, Error> {
    let Some(field) = choose_field(name, context)? else {
        return Ok(false);
    };
    ask_value(change, field, context)?;
    Ok(change.has_change())
}

fn ask_value(
    change: &mut RequestedChange,
    field: SettableField,
    context: &Context,
) -> Result<(), Error> {
    let ui = &context.ui;
    match field {
        SettableField::Name => change.new_name = ui.parsed("New name")?,
        SettableField::Description => change.description = ui.parsed("Description")?,
        SettableField::ClearDescription => change.clear_description = true,
        SettableField::Label => {
            if let Some(labels) = ui.parsed("Labels: env=prod,team=shop")? {
                change.labels.set_labels(labels);
            }
        }
        SettableField::ClearLabel => change.clear_label.extend(ui.parsed("Name of the label")?),
        SettableField::Owner => change.labels.owner = ui.parsed("Owner")?,
        SettableField::ClearOwner => change.clear_owner = true,
        SettableField::Permission => change.bounds.permission = context.ask_permission(None)?,
        SettableField::Limit => {
            let question = "Limit: 300/day, 1000/hour, none, or a plan";
            change.bounds.limit = ui.value(question, None, |answer| limit(answer, context))?;
        }
        SettableField::Senders => {
            let question = "Senders: example.com, .example.com, robot@example.com, null, or any";
            change.bounds.sender = ui.parsed(question)?;
        }
        SettableField::Networks => {
            let question = "Networks: 203.0.113.0/24, 2001:db8::/32, or any";
            change.bounds.network = ui.parsed(question)?;
        }
        SettableField::Expires => change.expires = context.ask_expiry(None)?,
        SettableField::RotateEvery => change.rotate_every = ask_rule("Rotate every", context)?,
        SettableField::UnusedAfter => change.unused_after = ask_rule("Unused after", context)?,
        SettableField::Grace => {
            change.grace = ui.parsed("Grace: 48h, or policy for the settings' rule")?;
        }
        SettableField::Settle => {
            change.settle = ui.parsed("Settle: 2h, or policy for the settings' rule")?;
        }
        SettableField::After => change.after = ui.parsed("Command: systemctl reload app")?,
        SettableField::ClearAfter => change.clear_after = true,
    }
    Ok(())
}

/// Lets the user choose a field from a menu with the current values.
fn choose_field(name: &KeyName, context: &Context) -> Result<Option<SettableField>, Error> {
    let vault = context.open()?;
    let record = vault.find(name)?;
    decoy::expect_none(&record.key, "it has nothing to set")?;
    let policy = vault.policy(record.id)?;
    let mut fields = SettableField::VARIANTS.to_vec();
    fields.retain(|field| field.applies_to(&record.key, &policy));
    let item = |field: &SettableField| -> MenuItem {
        let value = field.value(&record.key, &policy, context);
        vec![field.into_str().to_owned(), value]
    };
    let items: Vec<MenuItem> = fields.iter().map(item).collect();
    let question = format!("Change what about `{name}`?");
    let chosen = context.ui.choose(&question, &items)?;
    Ok(chosen.map(|chosen| fields[chosen]))
}

/// Parses a limit, or the name of a plan.
fn limit(answer: &str, context: &Context) -> Result<Limit, Error> {
    let plans = &context.settings.plans;
    match plans.names().any(|plan| plan == answer) {
        true => Ok(plans.limit(answer)?),
        false => Ok(answer.parse()?),
    }
}

fn ask_rule(what: &str, context: &Context) -> Result<Option<PolicyValue<Term>>, Error> {
    context.ui.parsed(&format!(
        "{what}: 30d, never, or policy for the settings' rule"
    ))
}
