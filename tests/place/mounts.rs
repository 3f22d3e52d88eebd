//! Private mounts, where the machine allows them.

use std::path::Path;
use std::process::Command;

use nix::unistd::geteuid;

use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::watch::program;

/// The command for a private mount namespace.
fn flags() -> &'static str {
    if geteuid().is_root() { "-m" } else { "-rm" }
}

/// Checks that a test may mount; some containers and systems only allow it to root.
pub fn expect_mounts() {
    let script = "mount -t tmpfs none /mnt && mount -o remount,ro /mnt";
    let run = Command::new("unshare")
        .args([flags(), "sh", "-c", script])
        .output();
    assert!(
        run.is_ok_and(|output| output.status.success()),
        "this test needs a mount of its own: run it as root, or allow user namespaces"
    );
}

/// Runs a script with private mounts: `$0` is the folder, `"$@"` the binary and arguments.
pub fn run_mounted(sandbox: &Sandbox, script: &str, folder: &Path, args: &[&str]) -> Run {
    let words = [
        flags(),
        "sh",
        "-c",
        script,
        folder.to_str().unwrap(),
        POSTKEY,
    ];
    let words = words.into_iter().chain(args.iter().copied());
    Run::of(
        program(&sandbox.command(words), "unshare")
            .output()
            .unwrap(),
    )
}
