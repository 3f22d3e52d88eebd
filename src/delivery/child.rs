//! Runs a command that receives a secret on its standard input, with a timeout.

use std::fs;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::ioctl_fionread;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use which::which_in;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::exit;
use crate::key::{Lines, quoted};
use crate::process::{self, DeferredSignals};
use crate::ui::Issued;

/// How long a command may take to exit after SIGTERM.
const TERM_GRACE: Duration = Duration::from_secs(2);

/// How often to check whether the command must be stopped.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// How much output is read at once, in bytes.
const CHUNK: usize = 16 << 10;

/// The longest line that is reported, in bytes.
const MAX_LINE: usize = 1000;

/// How many lines are reported.
const MAX_LINES: usize = 100;

/// A command that receives a secret.
#[derive(Clone, Debug)]
pub struct ChildCommand {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// Its working directory; empty for the current one.
    pub folder: PathBuf,
    /// Its timeout.
    pub timeout: Duration,
    /// The signals that stop it: if it continued alone, it could overwrite the secret of the next
    /// run with one that no key has.
    pub signals: Option<DeferredSignals>,
}

/// A running command.
struct Running<'a> {
    child: Child,
    group: Pid,
    /// A pidfd, which becomes readable when the child exits.
    last_line: OwnedFd,
    output: Option<PipeReader>,
    status_text: ChildOutput<'a>,
}

impl ChildCommand {
    /// The path of its program.
    ///
    /// # Errors
    /// If it is not found.
    pub(super) fn program(&self) -> Result<PathBuf, Error> {
        let name = self.words.first().map_or("", String::as_str);
        let folder = fs::canonicalize(match self.folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => &self.folder,
        });
        let folder = folder.unwrap_or_else(|_| self.folder.clone());
        which_in(name, process::search_path(), folder).map_err(|_| {
            let name = quoted(name);
            let message = format!("program {name} not found");
            Error::new(exit::ExitStatus::Trouble, message)
                .with_hint("install it, or give its full path; programs are looked up in PATH")
        })
    }

    /// Runs it, with only the secret on its standard input and the key's other properties in its
    /// environment; passes each line of output to `report`.
    ///
    /// # Errors
    /// If it cannot be run, fails, times out or does not read the secret.
    pub(super) fn take(&self, issued: &Issued<'_>, report: impl FnMut(&str)) -> Result<(), Error> {
        let program = self.program()?;
        let secret = issued.secret().expose();
        self.run(program, &variables(issued), secret, report)
            .map_err(|why| {
                let message = format!("{} {why}", quoted(&self.words.join(" ")));
                Error::new(exit::ExitStatus::Undelivered, message)
            })
    }

    /// The error completes a sentence that begins with the command.
    fn run(
        &self,
        program: PathBuf,
        variables: &[(&str, &str)],
        secret: &str,
        report: impl FnMut(&str),
    ) -> Result<(), String> {
        let (input, mut feed) = io::pipe().map_err(|error| failed(&error))?;
        let mut report = report;
        let mut command = Command::new(program);
        command
            .args(&self.words[1..])
            .envs(variables.iter().copied());
        let mut running = self
            .start(command, &input, &mut report)
            .map_err(|error| failed(&error))?;
        // A pipe buffers far more than a secret (pipe(7)), and does not break, since this end stays
        // open.
        let fed = feed.write_all(secret.as_bytes());
        drop(feed);
        let ended = running.wait(self).map_err(|error| failed(&error));
        let last = running.status_text.last_line();
        fed.map_err(|error| failed(&error))?;
        match ended? {
            None if self.is_interrupted() => Err("was killed".to_owned()),
            None => Err(format!("timed out after {:?}", self.timeout)),
            Some(status) if !status.success() => Err(format!("{}{last}", status_text(status))),
            Some(_) if ioctl_fionread(&input).is_ok_and(|unread| unread > 0) => {
                Err("exited 0 without reading the secret".to_owned())
            }
            Some(_) => Ok(()),
        }
    }

    fn is_interrupted(&self) -> bool {
        let signals = self.signals.as_ref();
        signals.is_some_and(|signals| signals.signal().is_some())
    }

    fn start<'t>(
        &self,
        mut command: Command,
        input: &PipeReader,
        report: &'t mut dyn FnMut(&str),
    ) -> io::Result<Running<'t>> {
        let (output, said) = io::pipe()?;
        command
            .stdin(input.try_clone()?)
            .stdout(said.try_clone()?)
            .stderr(said)
            .process_group(0);
        if !self.folder.as_os_str().is_empty() {
            command.current_dir(&self.folder);
        }
        let mut child = command.spawn()?;
        // The child's ends of the pipes must be closed, or reading would never end.
        drop(command);
        let group = Pid::from_child(&child);
        match pidfd_open(group, PidfdFlags::empty()) {
            Ok(last_line) => Ok(Running {
                child,
                group,
                last_line,
                output: Some(output),
                status_text: ChildOutput::to(report),
            }),
            Err(error) => {
                let _ = kill_process_group(group, Signal::KILL);
                let _ = child.wait();
                Err(error.into())
            }
        }
    }
}

impl Running<'_> {
    /// Its exit status; `None` if it had to be stopped.
    fn wait(&mut self, command: &ChildCommand) -> io::Result<Option<ExitStatus>> {
        let is_interrupted = || command.is_interrupted();
        if self.is_over_by(Instant::now() + command.timeout, is_interrupted)? {
            self.drain_output()?;
            return self.child.wait().map(Some);
        }
        let _ = kill_process_group(self.group, Signal::TERM);
        let is_over = self.is_over_by(Instant::now() + TERM_GRACE, || false);
        // Processes of its group may be left, however it ended.
        let _ = kill_process_group(self.group, Signal::KILL);
        self.child.wait()?;
        is_over.map(|_| None)
    }

    /// Reads its output until it exits, times out, or must be stopped.
    fn is_over_by(
        &mut self,
        deadline: Instant,
        is_interrupted: impl Fn() -> bool,
    ) -> io::Result<bool> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (is_over, is_said) = self.wait_at_most(left.min(POLL_INTERVAL))?;
            if is_over {
                return Ok(true);
            }
            if is_said {
                self.read_output()?;
            }
            if left.is_zero() || is_interrupted() {
                return Ok(false);
            }
        }
    }

    /// Reads what it wrote before it exited; its children may continue, and are not waited for.
    fn drain_output(&mut self) -> io::Result<()> {
        let mut chunks = 0;
        while chunks < MAX_LINES && self.wait_at_most(Duration::ZERO)?.1 {
            self.read_output()?;
            chunks += 1;
        }
        Ok(())
    }

    /// Waits until it exits or writes something; returns which.
    fn wait_at_most(&self, longest: Duration) -> io::Result<(bool, bool)> {
        let mut ends = vec![PollFd::new(&self.last_line, PollFlags::IN)];
        if let Some(output) = &self.output {
            ends.push(PollFd::new(output, PollFlags::IN));
        }
        let longest = Timespec::try_from(longest).map_err(io::Error::other)?;
        match poll(&mut ends, Some(&longest)) {
            Err(rustix::io::Errno::INTR) | Ok(0) => Ok((false, false)),
            Err(error) => Err(error.into()),
            Ok(_) => {
                let has = |at: usize| {
                    ends.get(at)
                        .is_some_and(|last_line| !last_line.revents().is_empty())
                };
                Ok((has(0), has(1)))
            }
        }
    }

    fn read_output(&mut self) -> io::Result<()> {
        let mut chunk = Zeroizing::new([0; CHUNK]);
        let Some(output) = &mut self.output else {
            return Ok(());
        };
        match output.read(&mut *chunk)? {
            0 => self.output = None,
            length => self.status_text.read_output(&chunk[..length]),
        }
        Ok(())
    }
}

/// The output of a command, as it is reported.
struct ChildOutput<'a> {
    report: &'a mut dyn FnMut(&str),
    /// The beginning of an incomplete line. It may contain the secret.
    line: Zeroizing<Vec<u8>>,
    lines: Lines,
    count: usize,
}

impl<'a> ChildOutput<'a> {
    fn to(report: &'a mut dyn FnMut(&str)) -> Self {
        Self {
            report,
            line: Zeroizing::new(Vec::with_capacity(MAX_LINE)),
            lines: Lines::no_longer_than(MAX_LINE),
            count: 0,
        }
    }

    fn read_output(&mut self, bytes: &[u8]) {
        // Of the unreported lines, only the last matters.
        let passed = match self.count > MAX_LINES {
            true => bytes.len().saturating_sub(MAX_LINE),
            false => 0,
        };
        for part in bytes[passed..].split_inclusive(|&byte| byte == b'\n') {
            for piece in part.strip_suffix(b"\n").unwrap_or(part).chunks(MAX_LINE) {
                if self.line.len() + piece.len() > MAX_LINE {
                    self.end_line();
                }
                self.line.extend_from_slice(piece);
            }
            if part.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let length = self.line.trim_ascii_end().len();
        self.line.truncate(length);
        if self.line.is_empty() {
            return;
        }
        self.count += 1;
        self.lines.push(&self.line);
        match self.count {
            ..=MAX_LINES => (self.report)(&self.lines.last()),
            count if count == MAX_LINES + 1 => (self.report)("further output omitted"),
            _ => {}
        }
        self.line.clear();
    }

    /// The last line, as the end of a sentence.
    fn last_line(&mut self) -> String {
        self.end_line();
        match self.count {
            0 => String::new(),
            _ => format!(": {}", *self.lines.last()),
        }
    }
}

/// The environment variables about the key whose secret it receives.
fn variables<'a>(issued: &Issued<'a>) -> [(&'static str, &'a str); 3] {
    [
        ("POSTKEY_NAME", issued.name()),
        ("POSTKEY_KIND", issued.kind().into_str()),
        ("POSTKEY_USERNAME", issued.username().unwrap_or_default()),
    ]
}

fn status_text(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "failed".to_owned(),
    }
}

fn failed(error: &io::Error) -> String {
    format!("cannot be run: {error}")
}
