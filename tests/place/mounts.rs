//! File systems of a test's own, where the machine allows them.

use std::path::Path;
use std::process::Command;

use nix::unistd::geteuid;

use crate::sandbox::{POSTKEY, Run, Sandbox};
use crate::secrecy::watch::program;

/// What lets a process mount without anybody else noticing.
fn flags() -> &'static str {
    if geteuid().is_root() { "-m" } else { "-rm" }
}

/// Whether this machine lets a test mount; containers often do not.
pub fn may_mount() -> bool {
    let script = "mount -t tmpfs none /mnt && mount -o remount,ro /mnt";
    let run = Command::new("unshare")
        .args([flags(), "sh", "-c", script])
        .output();
    run.is_ok_and(|output| output.status.success())
}

/// Runs a script with mounts of its own: `$0` is the folder, `"$@"` the binary and arguments.
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
