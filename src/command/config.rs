//! `postkey config`: the settings in effect.

use clap::Args;

use crate::context::Context;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::ui::SettingView;

/// Print the settings in effect, and where each comes from
///
/// Flags override the environment, which overrides the settings file, which overrides the defaults.
///
/// Formats: text, json, jsonl, csv.
#[derive(Args, Debug)]
pub struct Config {}

pub(super) fn run(_: Config, context: &mut Context) -> Result<ExitStatus, Error> {
    let settings = context.settings.effective();
    let display = context.display();
    let _pager = context.ui.page();
    let mut listing = context.ui.listing(&display);
    for setting in &settings {
        listing.push(&SettingView::new(setting))?;
    }
    listing.finish::<SettingView<'_>>()?;
    if let Some(path) = &context.settings.file_path {
        let path = path.display();
        context.ui.note(match context.settings.file {
            Some(_) => format!("settings file: `{path}`"),
            None => format!("settings file: `{path}` (does not exist)"),
        });
    }
    Ok(ExitStatus::Done)
}
