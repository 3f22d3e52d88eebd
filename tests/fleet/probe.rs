//! Logins and requests on a host, one after the other, by a program that keeps running.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use crate::mail::Machine;
use crate::secrecy::watch::wait_for;
use crate::serve::server::Daemon;

/// A login by SMTP over TLS for each line that is read. Each comes from another address, since a
/// failure delays later replies to the same one.
pub const LOGIN: &str = "
import base64, os, smtplib, ssl, sys
context = ssl._create_unverified_context()
response = base64.b64encode(f'\\0shop_prod\\0{os.environ[\"SECRET\"]}'.encode()).decode()
for number, _ in enumerate(sys.stdin):
    try:
        here = (f'127.0.1.{number % 250 + 1}', 0)
        with smtplib.SMTP('127.0.0.1', 587, 'mx1', 30, here) as server:
            server.starttls(context=context)
            server.ehlo()
            code = server.docmd('AUTH', f'PLAIN {response}')[0]
    except (OSError, smtplib.SMTPException):
        code = 0
    print(code, flush=True)
";

/// A login, and then in this session the recipient of another mail for each line that is read.
pub const SESSION: &str = "
import base64, os, smtplib, ssl, sys
response = base64.b64encode(f'\\0shop_prod\\0{os.environ[\"SECRET\"]}'.encode()).decode()
with smtplib.SMTP('127.0.0.1', 587, 'mx1', 60) as server:
    server.starttls(context=ssl._create_unverified_context())
    server.ehlo()
    assert server.docmd('AUTH', f'PLAIN {response}')[0] == 235
    for _ in sys.stdin:
        server.docmd('RSET')
        server.docmd('MAIL', 'FROM:<shop@example.com>')
        print(server.docmd('RCPT', 'TO:<root@localhost>')[0], flush=True)
";

/// A request to the gateway for each line that is read.
pub const REQUEST: &str = "
import http.client, os, sys
for _ in sys.stdin:
    gateway = http.client.HTTPConnection('127.0.0.1', 8080, timeout=30)
    gateway.request('GET', '/', headers={'api-key': os.environ['SECRET']})
    print(gateway.getresponse().status, flush=True)
";

/// The running program.
pub struct Probe {
    _python: Daemon,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    errors: PathBuf,
}

impl Probe {
    pub fn start(machine: &Machine, program: &str, secret: &str) -> Self {
        let mut python = machine.command("python3");
        python.args(["-c", program]).env("SECRET", secret);
        python.stdin(Stdio::piped()).stdout(Stdio::piped());
        let errors = machine.sandbox.home().join("probe.log");
        python.stderr(File::create(&errors).unwrap());
        let mut python = python.spawn().unwrap();
        Self {
            input: python.stdin.take().unwrap(),
            output: BufReader::new(python.stdout.take().unwrap()),
            _python: Daemon(python),
            errors,
        }
    }

    /// The status of the next one; 0 for a connection that ended before.
    pub fn next(&mut self) -> u16 {
        self.input.write_all(b"\n").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let errors = || fs::read_to_string(&self.errors).unwrap();
        let status = line.trim().parse();
        status.unwrap_or_else(|_| panic!("{}", errors()))
    }
}

/// Deactivates a key again and again, and activates it. Returns how long after each `deactivate`
/// had returned the last try began that was accepted; zero if there was none.
pub fn late(
    rounds: usize,
    change: impl Fn(&str),
    mut is_accepted: impl FnMut() -> bool,
) -> Vec<Duration> {
    let mut late = Vec::new();
    for _ in 0..rounds {
        wait_for("a valid key", &mut is_accepted);
        change("deactivate");
        let returned = Instant::now();
        let mut last = Duration::ZERO;
        loop {
            let begun = returned.elapsed();
            if !is_accepted() {
                break;
            }
            last = begun;
        }
        late.push(last);
        change("activate");
    }
    late
}

/// Prints a measurement, which `--no-capture` shows.
#[expect(clippy::print_stderr, reason = "the guide's figures are from here")]
pub fn note(measured: &str) {
    eprintln!("{measured}");
}
