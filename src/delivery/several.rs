//! Checks that a destination can take the secrets of several keys: each must name its key.

use std::collections::HashMap;

use crate::context::Context;
use crate::delivery::options::DeliveryOptions;
use crate::error::Error;
use crate::key::{KeyName, KeyVariables, Kind, quoted};
use crate::ui::Format;

impl DeliveryOptions {
    /// Makes sure that the secrets can be told apart.
    ///
    /// # Errors
    /// If one would overwrite another, or none names its key.
    pub fn expect_distinguishable<'a>(
        &self,
        names: impl Iterator<Item = &'a KeyName>,
        context: &Context,
    ) -> Result<(), Error> {
        if let Some(variable) = &self.env_name {
            let message = format!("--env-name {variable} is one variable, for several keys");
            return Err(Error::usage(message)
                .with_hint("use --format env, which names the variables after each key"));
        }
        if let Some(to) = &self.to {
            return match to.is_of_each_key() {
                false => Err(Error::usage(format!(
                    "{} is one destination, for several keys",
                    quoted(&to.to_string())
                ))
                .with_hint("write `{name}` where the name of each key should go")),
                true if to.has_variables() => expect_own_variables(names),
                true => Ok(()),
            };
        }
        match (self.format(context)?, &self.save) {
            (Format::Env, _) => expect_own_variables(names),
            (Format::Jsonl, None) => Ok(()),
            (_, None) => Err(needs_name("--format env or --format jsonl")),
            (_, Some(_)) => Err(needs_name(
                "--format env: --save sets the variables in the file",
            )),
        }
    }
}

fn needs_name(format: &str) -> Error {
    Error::usage("several secrets require a format that names the key of each")
        .with_hint(format!("use {format}"))
}

/// Makes sure that no two names result in the same variable, as `a-b` and `a_b` do.
fn expect_own_variables<'a>(names: impl Iterator<Item = &'a KeyName>) -> Result<(), Error> {
    let mut owners = HashMap::new();
    for name in names {
        let variable = KeyVariables::of(name, Kind::Api).secret;
        if let Some(other) = owners.insert(variable, name) {
            if other == name {
                return Err(Error::usage(format!("`{name}` is named twice"))
                    .with_hint("name each key once"));
            }
            let message = format!("`{other}` and `{name}` have variables of the same name");
            return Err(Error::usage(message).with_hint("use one command for each"));
        }
    }
    Ok(())
}
