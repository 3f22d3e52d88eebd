//! A shell on a machine that is given one command after the other.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::mail::Machine;
use crate::serve::server::Daemon;

/// The line that follows the output of each command.
const MARK: &str = "@@@@\n";

/// How long a command may take.
const SLOWEST: Duration = Duration::from_secs(60);

/// A running shell, which ends with the test.
pub struct Shell {
    _bash: Daemon,
    script: File,
    said: PathBuf,
    /// How much of its output is known.
    read: usize,
}

impl Shell {
    /// Starts one in the sandbox's home. Its commands come from a pipe that they do not inherit.
    pub fn start(machine: &Machine) -> Self {
        let home = machine.sandbox.home();
        let (pipe, said) = (home.join("script"), home.join("said-by-all"));
        // That of an earlier section.
        let _ = fs::remove_file(&pipe);
        mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        let output = File::create(&said).unwrap();
        let mut bash = machine.command("bash");
        bash.arg(&pipe)
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        let bash = Daemon(bash.spawn().unwrap());
        let script = File::options().write(true).open(&pipe).unwrap();
        let mut shell = Self {
            _bash: bash,
            script,
            said,
            read: 0,
        };
        assert_eq!(shell.run("cd"), "");
        shell
    }

    /// The output of a command, once it has ended.
    pub fn run(&mut self, command: &str) -> String {
        let start = Instant::now();
        write!(self.script, "{command}\necho {MARK}").unwrap();
        loop {
            let bytes = fs::read(&self.said).unwrap();
            let said = String::from_utf8_lossy(&bytes[self.read..]);
            if let Some(output) = said.strip_suffix(MARK) {
                self.read = bytes.len();
                return output.to_owned();
            }
            assert!(start.elapsed() < SLOWEST, "{command}: {said}");
            sleep(Duration::from_millis(5));
        }
    }
}
