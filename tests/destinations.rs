//! Destinations of secrets: `--to` on every command that makes one, and secret managers.

mod drift;
mod failing;
mod fields;
mod forms;
mod managers;
mod remembered;
mod server;
mod systemd;
mod tracked;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::sandbox::{Run, Sandbox};

/// The command-line tools that the stub stands for.
const TOOLS: [&str; 11] = [
    "aws",
    "az",
    "docker",
    "gcloud",
    "gh",
    "glab",
    "gopass",
    "kubectl",
    "pass",
    "systemd-creds",
    "vault",
];

impl Sandbox {
    /// A home with the stub under the name of each tool.
    pub fn with_tools() -> Self {
        let sandbox = Self::new();
        let folder = sandbox.home().join("bin");
        fs::create_dir(&folder).unwrap();
        for tool in TOOLS {
            let path = folder.join(tool);
            fs::write(&path, include_str!("destinations/stub")).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
        }
        sandbox
    }

    /// Runs postkey with the tools first in its PATH.
    pub fn with_path(&self, args: &[&str]) -> Run {
        let theirs = std::env::var_os("PATH").unwrap_or_default();
        let own = [self.home().join("bin")];
        let path = own.into_iter().chain(std::env::split_paths(&theirs));
        let path = std::env::join_paths(path).unwrap();
        let mut command = self.command(args.iter().copied());
        Run::of(command.env("PATH", path).output().unwrap())
    }

    /// What the stub keeps.
    pub fn kept(&self) -> String {
        self.read("kept")
    }

    /// Makes the stub fail.
    pub fn mode(&self, mode: &str) {
        self.write("mode", mode);
    }

    /// The recorded command lines since the last call.
    pub fn recorded(&self) -> Vec<String> {
        let path = self.home().join("args");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        text.lines().map(str::to_owned).collect()
    }
}

/// The secrets in a text.
fn secret_in(text: &str) -> String {
    let secret = regex::Regex::new("x(key|smtp)post-[0-9a-f]{64}-[0-9A-Za-z]{16}").unwrap();
    secret
        .find(text)
        .map_or_else(String::new, |found| found.as_str().to_owned())
}
