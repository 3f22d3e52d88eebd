//! Runs a command that receives a secret or prints one, with a timeout.

use std::fs::File;
use std::io::{self, PipeReader, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, Mode, fchmod, memfd_create};
use rustix::io::ioctl_fionread;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use zeroize::Zeroizing;

use crate::delivery::child_output::{ChildOutput, MAX_LINES};
use crate::error::Error;
use crate::exit;
use crate::key::quoted;
use crate::process::{self, DeferredSignals};
use crate::ui::Issued;

/// How long a command may take to exit after SIGTERM.
const TERM_GRACE: Duration = Duration::from_secs(2);

/// How often to check whether the command must be stopped.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// How much output is read at once, in bytes.
const CHUNK: usize = 16 << 10;

/// The most that a command's standard input takes, or that is kept of its standard output, in
/// bytes: what a pipe buffers (pipe(7)).
pub(super) const MAX_TEXT: usize = 64 << 10;

/// A command that receives a secret or prints one.
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

/// What a command gets and what is kept of what it prints.
pub(super) struct ChildTask<'a> {
    pub(super) input: ChildInput<'a>,
    /// Keeps its standard output, which is not reported then.
    pub(super) output: Option<&'a mut Zeroizing<Vec<u8>>>,
    /// Receives each other line of output.
    pub(super) report: &'a mut dyn FnMut(&str),
}

/// The standard input of a command.
pub(super) enum ChildInput<'a> {
    /// Nothing.
    Empty,
    /// A text, all of which it must read.
    Text(&'a [u8]),
    /// A file, of which it may read what it wants.
    File(File),
}

/// A running command.
struct Running<'a> {
    child: Child,
    group: Pid,
    /// A pidfd, which becomes readable when the child exits.
    end: OwnedFd,
    reported: Option<PipeReader>,
    report: ChildOutput<'a>,
    kept: Option<PipeReader>,
    output: Option<&'a mut Zeroizing<Vec<u8>>>,
}

impl ChildCommand {
    /// The path of its program.
    ///
    /// # Errors
    /// If it is not found.
    pub fn program(&self) -> Result<PathBuf, Error> {
        let name = self.words.first().map_or("", String::as_str);
        process::find_program(name.as_ref(), &self.folder)
            .ok_or_else(|| process::program_not_found(name.as_ref(), exit::ExitStatus::Trouble))
    }

    /// Runs it, with only the secret on its standard input and the key's other properties in its
    /// environment; passes each line of output to `report`.
    ///
    /// # Errors
    /// If it cannot be run, fails, times out or does not read the secret.
    pub(super) fn take(
        &self,
        issued: &Issued<'_>,
        mut report: impl FnMut(&str),
    ) -> Result<(), Error> {
        let program = self.program()?;
        let signals = self.signals.clone();
        let command = Self {
            signals: Some(signals.unwrap_or_else(DeferredSignals::begin_once)),
            ..self.clone()
        };
        let task = ChildTask {
            input: ChildInput::Text(issued.secret().expose().as_bytes()),
            output: None,
            report: &mut report,
        };
        command
            .run(program, &variables(issued), task)
            .map_err(|why| {
                let message = format!("{} {why}", quoted(&self.words.join(" ")));
                Error::new(exit::ExitStatus::Undelivered, message)
            })
    }

    /// Runs it with a text of any size on its standard input, which it need not read; passes each line
    /// of output to `report`.
    ///
    /// # Errors
    /// If it cannot be run, fails or times out.
    pub fn pass(&self, text: &[u8], mut report: impl FnMut(&str)) -> Result<(), Error> {
        let failed = |why: String| {
            let message = format!("{} {why}", quoted(&self.words.join(" ")));
            Error::new(exit::ExitStatus::Undelivered, message)
        };
        let program = self.program()?;
        let file = private_file(text).map_err(|error| failed(self::failed(&error)))?;
        let task = ChildTask {
            input: ChildInput::File(file),
            output: None,
            report: &mut report,
        };
        self.run(program, &[], task).map_err(failed)
    }

    /// Runs it with these variables in its environment, too. The error completes a sentence that
    /// begins with the command.
    pub(super) fn run(
        &self,
        program: PathBuf,
        variables: &[(&str, &str)],
        mut task: ChildTask<'_>,
    ) -> Result<(), String> {
        if self.is_interrupted() {
            return Err("was not run: interrupted".to_owned());
        }
        let given = std::mem::replace(&mut task.input, ChildInput::Empty);
        let text = match given {
            ChildInput::Text(text) => Some(text),
            ChildInput::Empty | ChildInput::File(_) => None,
        };
        if text.is_some_and(|text| text.len() > MAX_TEXT) {
            return Err("was not run: its input would be larger than 64 KiB".to_owned());
        }
        let (input, mut feed) = io::pipe().map_err(|error| failed(&error))?;
        let mut command = Command::new(program);
        command
            .args(&self.words[1..])
            .envs(variables.iter().copied());
        let stdin = match given {
            ChildInput::Text(_) => input.try_clone().map(Stdio::from),
            ChildInput::Empty => Ok(Stdio::null()),
            ChildInput::File(file) => Ok(Stdio::from(file)),
        };
        command.stdin(stdin.map_err(|error| failed(&error))?);
        let mut running = self.start(command, task).map_err(|error| failed(&error))?;
        // A pipe does not break, since this end stays open.
        let fed = feed.write_all(text.unwrap_or_default());
        drop(feed);
        let ended = running.wait(self).map_err(|error| failed(&error));
        let last = running.report.last_line();
        let is_too_long = running.output.is_some_and(|output| output.len() > MAX_TEXT);
        fed.map_err(|error| failed(&error))?;
        let is_unread = || ioctl_fionread(&input).is_ok_and(|unread| unread > 0);
        match ended? {
            None if self.is_interrupted() => Err("was killed".to_owned()),
            None => Err(format!("timed out after {:?}", self.timeout)),
            Some(status) if !status.success() => Err(format!("{}{last}", status_text(status))),
            Some(_) if text.is_some() && is_unread() => {
                Err("exited 0 without reading the secret".to_owned())
            }
            Some(_) if is_too_long => Err("printed more than 64 KiB".to_owned()),
            Some(_) => Ok(()),
        }
    }

    fn is_interrupted(&self) -> bool {
        let signals = self.signals.as_ref();
        signals.is_some_and(|signals| signals.signal().is_some())
    }

    fn start<'t>(&self, mut command: Command, task: ChildTask<'t>) -> io::Result<Running<'t>> {
        let (reported, said) = io::pipe()?;
        let (kept, printed) = io::pipe()?;
        command
            .stdout(match &task.output {
                Some(_) => printed,
                None => said.try_clone()?,
            })
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
            Ok(end) => Ok(Running {
                child,
                group,
                end,
                reported: Some(reported),
                report: ChildOutput::to(task.report),
                kept: task.output.is_some().then_some(kept),
                output: task.output,
            }),
            Err(error) => {
                let _ = kill_process_group(group, Signal::KILL);
                let _ = child.wait();
                Err(error.into())
            }
        }
    }
}

/// What a running command did.
struct ChildEvents {
    has_exited: bool,
    has_reported: bool,
    has_printed: bool,
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
            let events = self.wait_at_most(left.min(POLL_INTERVAL))?;
            if events.has_exited {
                return Ok(true);
            }
            self.read_output(&events)?;
            if left.is_zero() || is_interrupted() {
                return Ok(false);
            }
        }
    }

    /// Reads what it wrote before it exited; its children may continue, and are not waited for.
    fn drain_output(&mut self) -> io::Result<()> {
        for _ in 0..MAX_LINES {
            let events = self.wait_at_most(Duration::ZERO)?;
            if !events.has_reported && !events.has_printed {
                break;
            }
            self.read_output(&events)?;
        }
        Ok(())
    }

    /// Waits until it exits or writes something; returns which.
    fn wait_at_most(&self, longest: Duration) -> io::Result<ChildEvents> {
        let pipes = [&self.reported, &self.kept];
        let mut ends = vec![PollFd::new(&self.end, PollFlags::IN)];
        ends.extend(
            pipes
                .into_iter()
                .flatten()
                .map(|pipe| PollFd::new(pipe, PollFlags::IN)),
        );
        let longest = Timespec::try_from(longest).map_err(io::Error::other)?;
        match poll(&mut ends, Some(&longest)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut ready = ends.iter().map(|end| !end.revents().is_empty());
        let mut next = |is_open: bool| is_open && ready.next().unwrap_or_default();
        Ok(ChildEvents {
            has_exited: next(true),
            has_reported: next(self.reported.is_some()),
            has_printed: next(self.kept.is_some()),
        })
    }

    fn read_output(&mut self, events: &ChildEvents) -> io::Result<()> {
        let mut chunk = Zeroizing::new([0; CHUNK]);
        if let Some(reported) = self.reported.as_mut().filter(|_| events.has_reported) {
            match reported.read(&mut *chunk)? {
                0 => self.reported = None,
                length => self.report.read(&chunk[..length]),
            }
        }
        if let Some(kept) = self.kept.as_mut().filter(|_| events.has_printed) {
            match (kept.read(&mut *chunk)?, &mut self.output) {
                (0, _) | (_, None) => self.kept = None,
                (length, Some(output)) => {
                    // The buffer never grows, which would leave copies of a secret behind.
                    let room = output.capacity() - output.len();
                    output.extend_from_slice(&chunk[..length.min(room)]);
                }
            }
        }
        Ok(())
    }
}

/// The environment variables about the key whose secret it receives.
pub(super) fn variables<'a>(issued: &Issued<'a>) -> [(&'static str, &'a str); 3] {
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

/// A file in memory with this text, which child processes inherit.
pub(super) fn private_file(text: &[u8]) -> io::Result<File> {
    let file = memfd_create("secret", MemfdFlags::empty())?;
    fchmod(&file, Mode::RUSR | Mode::WUSR)?;
    let mut file = File::from(file);
    file.write_all(text)?;
    file.rewind()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(script: &str) -> ChildCommand {
        ChildCommand {
            words: ["sh", "-c", script].map(str::to_owned).to_vec(),
            folder: PathBuf::new(),
            timeout: Duration::from_secs(1),
            signals: None,
        }
    }

    #[test]
    fn a_text_of_any_size_is_passed_and_need_not_be_read() {
        let text = vec![b'x'; 1 << 20];
        let mut lines = Vec::new();
        let counted = command("wc -c").pass(&text, |line| lines.push(line.to_owned()));
        counted.expect("counted");
        assert_eq!(lines, ["1048576"]);
        command(":").pass(&text, |_| {}).expect("ignored");
    }

    #[test]
    fn a_command_that_does_not_end_is_stopped() {
        let started = Instant::now();
        let error = command("sleep 60").pass(b"", |_| {}).expect_err("stopped");
        assert!(error.to_string().contains("timed out after 1s"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}
