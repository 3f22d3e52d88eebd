//! A terminal with a program: typed input, displayed output, and the state afterwards.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};

use crate::sandbox::Sandbox;

/// How long a loaded machine may take for milliseconds of work.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Written after the program's output, to detect its end.
const MARK: &str = "\0end\0";

/// A pseudo-terminal and its controlling program.
pub struct Terminal {
    child: Child,
    keyboard: File,
    screen: File,
    before: Termios,
    output: Receiver<Vec<u8>>,
    shown: Vec<u8>,
    expected: usize,
}

impl Sandbox {
    /// Runs the binary on a terminal of 80 columns.
    pub fn on_terminal<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Terminal {
        Terminal::start(&self.command(args))
    }
}

impl Terminal {
    /// Starts a program on a terminal of 80 columns.
    pub fn start(command: &Command) -> Self {
        Self::start_with(command, 80, "")
    }

    /// Starts a program on a terminal of this width, after redirections in `sh` syntax.
    pub fn start_with(command: &Command, columns: u16, redirections: &str) -> Self {
        let OpenptyResult { master, slave } = openpty(&size(columns), None).unwrap();
        let keyboard = File::from(master);
        Self {
            before: tcgetattr(&slave).unwrap(),
            child: attached(command, redirections, &slave).spawn().unwrap(),
            output: received(keyboard.try_clone().unwrap()),
            keyboard,
            screen: File::from(slave),
            shown: Vec::new(),
            expected: 0,
        }
    }

    /// Waits until the text is displayed, after what was expected before. A blank in it matches a
    /// line end.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> &mut Self {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(end) = end_of(text, &self.shown[self.expected..]) {
                self.expected += end;
                return self;
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.shown.extend(bytes),
                Err(_) => panic!("{text:?} was never shown: {:?}", self.shown()),
            }
        }
    }

    /// Waits until the text is displayed and the echo is off.
    #[track_caller]
    pub fn expect_unechoed(&mut self, text: &str) -> &mut Self {
        self.expect(text);
        let is_off = until(PATIENCE, || !self.has_echo());
        assert!(is_off, "echo stayed on after {text:?}");
        self
    }

    /// Types keys.
    pub fn press(&mut self, keys: &str) -> &mut Self {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self
    }

    /// Types keys and waits until the terminal has taken them, of which there is no sign.
    pub fn take_in(&mut self, keys: &str) -> &mut Self {
        self.press(keys);
        thread::sleep(Duration::from_millis(200));
        self
    }

    /// Reads a line from the terminal, like the shell after the program.
    pub fn next_line(&mut self) -> String {
        let mut line = [0; 256];
        let length = self.screen.read(&mut line).unwrap();
        String::from_utf8_lossy(&line[..length]).into_owned()
    }

    /// Sends a signal to the program, by its name without SIG.
    pub fn signal(&mut self, name: &str) -> &mut Self {
        let kill = format!("kill -s {name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "{kill}");
        self
    }

    /// Waits for the program's end; returns its status as in a shell.
    #[track_caller]
    pub fn end(&mut self) -> i32 {
        self.end_within(PATIENCE)
    }

    /// The same, if it takes no longer than this.
    #[track_caller]
    pub fn end_within(&mut self, time: Duration) -> i32 {
        let mut status = None;
        until(time, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        self.screen.write_all(MARK.as_bytes()).unwrap();
        self.expect(MARK);
        self.shown.truncate(self.expected - MARK.len());
        let status = status.unwrap_or_else(|| panic!("still running: {:?}", self.shown()));
        status
            .code()
            .or(status.signal().map(|signal| 128 + signal))
            .unwrap()
    }

    /// All output so far.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown).into_owned()
    }

    /// Whether the echo is on.
    pub fn has_echo(&self) -> bool {
        let state = tcgetattr(&self.screen).unwrap();
        state.local_flags.contains(LocalFlags::ECHO)
    }

    /// Checks that the terminal is restored, with its cursor visible.
    #[track_caller]
    pub fn expect_restored(&self) {
        assert!(self.has_echo(), "echo stayed off: {:?}", self.shown());
        assert_eq!(tcgetattr(&self.screen).unwrap(), self.before);
        let shown = self.shown();
        let cursor = shown.rsplit_once("\x1b[?25").map(|(_, last)| last);
        assert!(
            cursor.is_none_or(|last| last.starts_with('h')),
            "the cursor stayed hidden: {shown:?}"
        );
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a condition; returns whether it came true.
pub fn until(time: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + time;
    while !is_so() {
        if Instant::now() > end {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
    true
}

fn size(columns: u16) -> Winsize {
    Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// The command in a new session with the terminal as its controlling one. The shell and `setsid` do
/// what a test without `unsafe` cannot; both exec the command.
fn attached(command: &Command, redirections: &str, terminal: &OwnedFd) -> Command {
    let script = format!("exec \"$@\" {redirections}");
    let mut attached = Command::new("setsid");
    attached
        .args(["--ctty", "sh", "-c", &script, "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .env("TERM", "xterm")
        .envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))))
        .current_dir(command.get_current_dir().unwrap())
        .stdin(terminal.try_clone().unwrap())
        .stdout(terminal.try_clone().unwrap())
        .stderr(terminal.try_clone().unwrap());
    attached
}

/// The program's output, read by a thread, so that waiting is cheap.
fn received(mut output: File) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length) = output.read(&mut buffer) {
            if length == 0 || sender.send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The end of a text in the output, on one line or several.
fn end_of(text: &str, shown: &[u8]) -> Option<usize> {
    let pattern = regex::escape(text).replace(' ', "(?: |\r\n)");
    let pattern = regex::bytes::Regex::new(&pattern).unwrap();
    pattern.find(shown).map(|found| found.end())
}
