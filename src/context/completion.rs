//! Completes values on the command line: key names from the vault, words from the settings.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use super::Context;
use crate::settings::{Overrides, Settings, expanded};
use crate::ui::{Format, Ui};

/// How long a Tab waits for a locked vault.
const WAIT: Duration = Duration::from_millis(200);

/// A context that prints nothing, with the vault of the command line being completed.
pub(super) fn context_of_words() -> Option<Context> {
    let words: Vec<_> = env::args_os().collect();
    let value = |flag: &str| {
        words.iter().enumerate().find_map(|(at, word)| {
            let rest = word.to_str()?.strip_prefix(flag)?;
            match rest.strip_prefix('=') {
                Some(path) => Some(PathBuf::from(path)),
                None if rest.is_empty() => words.get(at + 1).map(PathBuf::from),
                None => None,
            }
        })
    };
    let set = |variable| env::var_os(variable).filter(|path| !path.is_empty());
    let named = |flag, variable| {
        let path = value(flag).or_else(|| set(variable).map(PathBuf::from))?;
        expanded(path.as_os_str()).ok()
    };
    let overrides = Overrides {
        vault: named("--vault", "POSTKEY_VAULT"),
        config: named("--config", "POSTKEY_CONFIG"),
        ..Overrides::default()
    };
    let mut settings = Settings::merge(overrides).ok()?;
    settings.wait = settings.wait.min(WAIT);
    let ui = Ui::before_settings(Format::Text);
    Some(Context::new(ui, settings, false))
}
