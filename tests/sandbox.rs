//! A temporary folder, a clean environment, and the real binary.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub const POSTKEY: &str = env!("CARGO_BIN_EXE_postkey");

/// The pattern of a secret.
pub const SECRET: &str = "x(?:key|smtp)[a-z0-9]{2,12}-[0-9a-f]{64}-[0-9A-Za-z]{16}";

/// Copies the binary under test, to run it as another user.
///
/// By `cp`: a process that another test starts meanwhile would inherit a file that is open here for
/// writing, and the system runs no such file (ETXTBSY).
pub fn copy_binary(to: &Path) {
    let copied = Command::new("cp").arg(POSTKEY).arg(to).status();
    assert!(copied.expect("cp").success());
}

/// A home that is empty at the start and removed at the end.
pub struct Sandbox {
    folder: TempDir,
}

/// The result of a run.
#[derive(Debug)]
pub struct Run {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Sandbox {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// In this folder, whatever the environment says.
    pub fn below(folder: &str) -> Self {
        Self {
            folder: tempfile::tempdir_in(folder).unwrap(),
        }
    }

    /// A vault with the keys prod-web, prod-mail and dev.
    pub fn with_three_keys() -> Self {
        let sandbox = Self::new();
        sandbox.generate(["api", "prod-web"]);
        sandbox.generate(["smtp", "prod-mail"]);
        sandbox.generate(["api", "dev"]);
        sandbox
    }

    /// The home folder.
    pub fn home(&self) -> &Path {
        self.folder.path()
    }

    /// The default path of the vault.
    pub fn vault(&self) -> PathBuf {
        self.home().join(".local/share/postkey/vault.db")
    }

    /// The path of the usage record.
    pub fn usage(&self) -> PathBuf {
        self.vault().with_file_name("usage.db")
    }

    /// The token for Dovecot's login reports.
    pub fn token(&self) -> PathBuf {
        self.vault().with_file_name("dovecot-token")
    }

    /// Writes the settings file.
    pub fn settings(&self, text: &str) {
        let folder = self.home().join(".config/postkey");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("config.toml"), text).unwrap();
    }

    /// The binary with a clean environment, standard input empty.
    pub fn command<A: Into<OsString>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(POSTKEY);
        command
            .args(args.into_iter().map(Into::into))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home())
            .env("TZ", "UTC")
            .current_dir(self.home())
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary.
    pub fn run<const N: usize>(&self, args: [&str; N]) -> Run {
        Run::of(self.command(args).output().unwrap())
    }

    /// Runs the binary with standard input.
    pub fn run_with_input<const N: usize>(&self, args: [&str; N], input: &[u8]) -> Run {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // The child may end without reading all of it.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Run::of(output)
    }

    /// Creates a key; returns its secret.
    pub fn generate<const N: usize>(&self, args: [&str; N]) -> String {
        let run = Run::of(
            self.command(["generate"].into_iter().chain(args))
                .output()
                .unwrap(),
        );
        run.expect(0).secret()
    }

    /// The verdict on a text, with the exit status.
    pub fn verify(&self, presented: &str) -> (String, i32) {
        let run = self.run_with_input(["verify", "--format", "json"], presented.as_bytes());
        (
            run.json()["verdict"].as_str().unwrap().to_owned(),
            run.status,
        )
    }

    /// A key, as `show` prints it.
    pub fn show(&self, name: &str) -> Value {
        self.run(["show", name, "--format", "json"])
            .expect(0)
            .json()
    }
}

impl Run {
    pub fn of(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Checks the exit status.
    #[track_caller]
    pub fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The secret, alone on standard output.
    #[track_caller]
    pub fn secret(&self) -> String {
        let line = self
            .stdout
            .strip_suffix('\n')
            .unwrap_or_else(|| panic!("{self:?}"));
        assert!(
            Regex::new(&format!("^{SECRET}$")).unwrap().is_match(line),
            "{self:?}"
        );
        line.to_owned()
    }
}
