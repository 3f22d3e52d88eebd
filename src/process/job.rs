//! The CI job that the process may run in: its files, and whether standard output is its log.
//!
//! Only certainty counts. A runner reads the log from pipes, as the shell does for `KEY=$(…)`, and
//! the process mostly cannot tell them apart. A terminal is certain: nobody sits at one in a job,
//! and its output is logged.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::sys::stat::fstat;
use nix::unistd::{Pid, getppid};

/// Environment variables that CI systems set in each job.
const CI_VARIABLES: [&str; 6] = [
    "CI",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "JENKINS_URL",
    "TF_BUILD",
    "TEAMCITY_VERSION",
];

/// How many parent processes are inspected at most.
const MAX_ANCESTORS: usize = 64;

/// The process name of GitHub's runner, whose children are the steps of a job.
const GITHUB_RUNNER: &str = "Runner.Worker";

/// A device and an inode, which identify a file.
type Id = (u64, u64);

/// Whether this runs in GitHub Actions, or something compatible.
pub fn is_github() -> bool {
    env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// The file named by a variable of the runner.
pub fn file(variable: &str) -> Option<PathBuf> {
    let path = env::var_os(variable).filter(|path| !path.is_empty())?;
    Some(PathBuf::from(path))
}

/// Whether standard output is certainly the log of a CI job.
pub fn has_log_as_output() -> bool {
    is_job() && (is_joined_with_stderr() || is_step_output())
}

/// The variable that shows that a terminal is the log of a CI job, where nobody answers prompts.
pub fn ci_variable() -> Option<&'static str> {
    // People also set the server's address for the command-line clients of Jenkins in their shell.
    marks().find(|mark| *mark != "JENKINS_URL")
}

fn is_job() -> bool {
    marks().next().is_some()
}

/// Those of the [`CI_VARIABLES`] that are set.
fn marks() -> impl Iterator<Item = &'static str> {
    let is_set = |value: &OsStr| !["", "0", "false"].iter().any(|no| value == *no);
    let is_marked = move |mark: &&str| env::var_os(mark).is_some_and(|value| is_set(&value));
    CI_VARIABLES.into_iter().filter(is_marked)
}

/// Whether standard output and standard error are the same file, and not redirected between here
/// and the runner: the parent process has the same.
fn is_joined_with_stderr() -> bool {
    let (Some(output), Some(errors)) = (id(&io::stdout()), id(&io::stderr())) else {
        return false;
    };
    let above = getppid();
    let has_other = |descriptor| id_of(above, descriptor).is_some_and(|other| other != output);
    output == errors && !has_other(1) && !has_other(2)
}

/// Whether standard output is that of the step started by GitHub's runner.
fn is_step_output() -> bool {
    let output = id(&io::stdout());
    let mut process = Pid::this();
    for _ in 0..MAX_ANCESTORS {
        let Some(above) = parent(process) else {
            return false;
        };
        if name(above).as_deref() == Some(GITHUB_RUNNER) {
            return process != Pid::this() && output.is_some() && id_of(process, 1) == output;
        }
        process = above;
    }
    false
}

fn id(stream: &impl AsFd) -> Option<Id> {
    let found = fstat(stream).ok()?;
    Some((found.st_dev, found.st_ino))
}

/// The file that another process has open there, if that can be read.
fn id_of(process: Pid, descriptor: u32) -> Option<Id> {
    let found = fs::metadata(format!("/proc/{process}/fd/{descriptor}")).ok()?;
    Some((found.dev(), found.ino()))
}

/// A process's name (proc(5), `comm`).
fn name(process: Pid) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

fn parent(process: Pid) -> Option<Pid> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    parent.trim().parse().ok().map(Pid::from_raw)
}
