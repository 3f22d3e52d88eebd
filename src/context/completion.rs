//! Completes values on the command line: key names from the vault, words from the settings.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};

use super::Context;
use crate::settings::{Overrides, Settings, expanded};
use crate::ui::{Format, Ui};

/// How long a Tab waits for a locked vault.
const WAIT: Duration = Duration::from_millis(200);

/// Completes the names of vaults in the settings, and paths.
pub fn vaults() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| -> Vec<CompletionCandidate> {
        let context = context_of(None);
        let prefix = current.to_str().unwrap_or_default();
        let mut found: Vec<_> = context
            .iter()
            .flat_map(|context| context.settings.vaults.iter())
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, _)| CompletionCandidate::new(name))
            .collect();
        found.extend(PathCompleter::any().complete(current));
        found
    })
}

/// A context that prints nothing, with the vault of the command line being completed.
pub(super) fn context_of_words() -> Option<Context> {
    let set = env::var_os("POSTKEY_VAULT").filter(|path| !path.is_empty());
    let path = value("--vault").or_else(|| set.map(PathBuf::from));
    context_of(path)
}

/// The value of a flag in the words being completed.
fn value(flag: &str) -> Option<PathBuf> {
    let words: Vec<_> = env::args_os().collect();
    words.iter().enumerate().find_map(|(at, word)| {
        let rest = word.to_str()?.strip_prefix(flag)?;
        match rest.strip_prefix('=') {
            Some(path) => Some(PathBuf::from(path)),
            None if rest.is_empty() => words.get(at + 1).map(PathBuf::from),
            None => None,
        }
    })
}

/// A context with this vault, or the default one.
fn context_of(vault: Option<PathBuf>) -> Option<Context> {
    let set = env::var_os("POSTKEY_CONFIG").filter(|path| !path.is_empty());
    let config = value("--config").or_else(|| set.map(PathBuf::from));
    let path = |path: PathBuf| expanded(path.as_os_str()).ok();
    let overrides = Overrides {
        vault: vault.and_then(path),
        config: config.and_then(path),
        ..Overrides::default()
    };
    let mut settings = Settings::merge(overrides).ok()?;
    settings.wait = settings.wait.min(WAIT);
    let ui = Ui::before_settings(Format::Text);
    Some(Context::new(ui, settings, false))
}
