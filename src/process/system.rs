//! The operating system, for a bug report.

use std::fs;

/// `Linux 6.12.0, Debian GNU/Linux 13 (trixie)`, as far as known.
pub fn system() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease");
    let kernel = kernel.unwrap_or_default();
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let mut lines = release.lines();
    let name = lines.find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let name = name.map(|name| format!(", {}", name.trim_matches(['"', '\''])));
    format!("Linux {}{}", kernel.trim(), name.unwrap_or_default())
}
