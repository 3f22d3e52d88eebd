//! What a manifest asks for, and how to do it.

use super::source::ManifestSource;
use crate::delivery::{ChildCommand, Destination, OverwritePolicy, Target};
use crate::key::{KeyName, KeyVariables};
use crate::manifest::{Manifest, ManifestDestination, ManifestKey};
use crate::process::DeferredSignals;
use crate::ui::Format;

/// What a manifest asks for, and how to do it.
pub(super) struct Scheme<'a> {
    pub(super) source: &'a ManifestSource,
    pub(super) manifest: &'a Manifest,
    pub(super) is_pruning: bool,
    pub(super) is_replacing: bool,
}

impl Scheme<'_> {
    /// Where a key's secret goes, and which secrets it may replace there: those of deleted keys
    /// always. A command is stopped when a signal arrives.
    pub(super) fn target<'d>(
        &self,
        wanted: &ManifestKey,
        deleted: &'d [KeyName],
        signals: Option<DeferredSignals>,
    ) -> Target<'d> {
        let overwriting = OverwritePolicy {
            is_allowed: self.is_replacing,
            except: deleted,
            hint: "name another file or variable in `save`; or pass --replace if that secret is \
                   obsolete",
        };
        Target::of_new_key(
            wanted.name.clone(),
            wanted.kind,
            wanted.username.clone(),
            self.destination(&wanted.destination, signals),
            overwriting,
        )
    }

    fn destination(
        &self,
        wanted: &ManifestDestination,
        signals: Option<DeferredSignals>,
    ) -> Destination {
        match wanted.clone() {
            ManifestDestination::Variables {
                file,
                username,
                secret,
            } => Destination::EnvFile {
                path: file,
                variables: KeyVariables { username, secret },
                also: Vec::new(),
            },
            ManifestDestination::File(path) => Destination::File {
                path,
                format: Format::Text,
            },
            ManifestDestination::Command { words, timeout } => Destination::Command(ChildCommand {
                words,
                folder: self.source.folder.clone(),
                timeout,
                signals,
            }),
        }
    }
}
