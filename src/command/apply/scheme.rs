//! What a manifest asks for, and how to do it.

use super::source::ManifestSource;
use crate::delivery::{Destination, DestinationContext, OverwritePolicy, Target};
use crate::error::Error;
use crate::key::KeyName;
use crate::manifest::{Manifest, ManifestKey};
use crate::process::DeferredSignals;
use crate::settings::SmtpServer;
use crate::ui::Format;

/// What a manifest asks for, and how to do it.
pub(super) struct Scheme<'a> {
    pub(super) source: &'a ManifestSource,
    pub(super) manifest: &'a Manifest,
    pub(super) is_pruning: bool,
    pub(super) is_replacing: bool,
    /// The mail server of the settings.
    pub(super) smtp: &'a SmtpServer,
    /// Whether secret managers are asked what they hold.
    pub(super) is_dry_run: bool,
}

impl Scheme<'_> {
    /// Where a key's secret goes, and which secrets it may replace there: those of deleted keys
    /// always. A command is stopped when a signal arrives.
    pub(super) fn target<'d>(
        &self,
        wanted: &ManifestKey,
        deleted: &'d [KeyName],
        signals: Option<DeferredSignals>,
    ) -> Result<Target<'d>, Error> {
        let overwriting = OverwritePolicy {
            is_allowed: self.is_replacing,
            except: deleted,
            hint: "name another file or variable in `save`; or pass --replace if that secret is \
                   obsolete",
        };
        let of_key = DestinationContext {
            name: &wanted.name,
            kind: wanted.kind,
            format: Format::Text,
            smtp: self.server(wanted),
            folder: &self.source.folder,
            signals,
        };
        let destination = Destination::of(wanted.destination.clone(), of_key)?;
        destination.expect_login(wanted.kind)?;
        let target = Target::of_new_key(
            wanted.name.clone(),
            wanted.kind,
            wanted.username.clone(),
            destination,
            overwriting,
        );
        Ok(Target {
            server: wanted.smtp.clone(),
            ..target
        })
    }

    /// The mail server for a key.
    pub(super) fn server<'k>(&'k self, wanted: &'k ManifestKey) -> &'k SmtpServer {
        wanted.smtp.as_ref().unwrap_or(self.smtp)
    }
}
