//! Dovecot with the configuration that postkey prints, and a client of its that asks as
//! Postfix and Exim do (doc.dovecot.org, authentication protocol).

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::thread;

use super::machine::{Debian, Machine};
use crate::secrecy::watch::wait_for;

const SOCKET: &str = "/var/spool/postfix/private/auth";
const LOG: &str = "/var/log/dovecot.log";

/// Writes both files to where they belong and lets Dovecot say all that it can.
const CONFIGURE: &str = "
postkey connect dovecot --file sql >/etc/dovecot/postkey-sql.conf.ext &&
postkey connect dovecot --file main >/etc/dovecot/dovecot.conf";

/// Appended to the configuration: failures at once, and every log in one file.
const FOR_TESTS: &str = "
{
  echo auth_failure_delay = 0
  echo auth_verbose = yes
  echo log_path = /var/log/dovecot.log
  case $(dovecot --version) in
    2.3.*) echo auth_debug = yes ;;
    *) echo log_debug = category=auth ;;
  esac
} >>/etc/dovecot/dovecot.conf";

/// How many logins are made at once. Dovecot 2.4 has 30 workers, and does not know it before the
/// first of them has begun: asked for more just after its start, it drops what is too much.
const MOST_AT_ONCE: usize = 30;

/// A mechanism of SASL.
#[derive(Clone, Copy, Debug)]
pub enum Mechanism {
    Plain,
    Login,
}

/// What Dovecot says to a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Accepted,
    Refused,
    /// It could not find out; a mail server takes that for a refusal.
    Unable,
}

pub use Answer::{Accepted, Refused, Unable};

impl Machine {
    /// A machine on which Dovecot guards the sandbox's vault, in which there is one key.
    pub fn with_dovecot(debian: Debian) -> (Self, String) {
        let machine = Self::boot(debian);
        let secret = machine
            .sandbox
            .generate(["smtp", "shop-mail", "--username", "shop_prod"]);
        machine.start_dovecot(CONFIGURE);
        (machine, secret)
    }

    /// Starts Dovecot after a script that writes its configuration.
    pub fn start_dovecot(&self, configure: &str) {
        self.shell(configure).expect(0);
        self.shell(FOR_TESTS).expect(0);
        let run = self.shell("dovecot </dev/null");
        assert_eq!(run.status, 0, "{run:?}");
        wait_for("a socket of Dovecot's", || {
            UnixStream::connect(self.path(SOCKET)).is_ok()
        });
    }

    /// One login over a connection of its own.
    #[track_caller]
    pub fn login(&self, username: &str, secret: &str) -> Answer {
        Client::new(self).login(Mechanism::Plain, username, secret)
    }

    /// The answer to a login by each mechanism, which must be the same.
    #[track_caller]
    pub fn login_by_both(&self, username: &str, secret: &str) -> Answer {
        let both = [Mechanism::Plain, Mechanism::Login];
        let answers = self.answers(&both.map(|mechanism| (mechanism, username, secret)));
        assert_eq!(answers[0], answers[1], "{username:?} {secret:?}");
        answers[0]
    }

    /// Makes sure of the answers to many logins.
    #[track_caller]
    pub fn expect_logins(&self, logins: &[(&str, &String, Answer)]) {
        let plain = logins
            .iter()
            .map(|&(username, secret, _)| (Mechanism::Plain, username, secret.as_str()));
        let answers = self.answers(&plain.collect::<Vec<_>>());
        for (answer, (username, secret, expected)) in answers.iter().zip(logins) {
            assert_eq!(answer, expected, "{username:?} {secret:?}");
        }
    }

    /// The answers to many logins, to as many at once as may be: Dovecot takes its time for a
    /// refusal.
    pub fn answers(&self, logins: &[(Mechanism, &str, &str)]) -> Vec<Answer> {
        let at_once = |logins: &[(Mechanism, &str, &str)]| -> Vec<Answer> {
            thread::scope(|scope| {
                let threads = logins.iter().map(|&(mechanism, username, secret)| {
                    scope.spawn(move || Client::new(self).login(mechanism, username, secret))
                });
                let threads: Vec<_> = threads.collect();
                let answers = threads.into_iter().map(|thread| thread.join().unwrap());
                answers.collect()
            })
        };
        logins.chunks(MOST_AT_ONCE).flat_map(at_once).collect()
    }

    /// Whether its Dovecot has the syntax of 2.4.
    pub fn has_dovecot_2_4(&self) -> bool {
        !self.shell("dovecot --version").stdout.starts_with("2.3.")
    }

    /// What Dovecot has logged.
    pub fn dovecot_log(&self) -> String {
        self.read(LOG)
    }

    /// Makes sure that Dovecot met no error.
    #[track_caller]
    pub fn expect_no_errors(&self) {
        let errors = self.errors();
        assert!(errors.is_empty(), "{errors:#?}");
    }

    /// The errors that Dovecot met, but that nobody takes its reports.
    pub fn errors(&self) -> Vec<String> {
        let is_error = |line: &&str| {
            let mut words = ["Error:", "Fatal:", "Panic:"].iter();
            words.any(|word| line.contains(word))
        };
        let log = self.dovecot_log();
        let errors = log.lines().filter(is_error);
        let errors = errors
            .filter(|line| !line.contains("Debug: ") && !line.contains("Policy server HTTP error"));
        errors.map(str::to_owned).collect()
    }
}

/// A connection to Dovecot's authentication service.
pub struct Client {
    stream: BufReader<UnixStream>,
    logins: u32,
}

impl Client {
    pub fn new(machine: &Machine) -> Self {
        let stream = UnixStream::connect(machine.path(SOCKET)).unwrap();
        let mut client = Self {
            stream: BufReader::new(stream),
            logins: 0,
        };
        // Dovecot wants another number from each of its clients.
        static CLIENTS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
        let number = CLIENTS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        client.send(&format!("VERSION\t1\t2\nCPID\t{number}"));
        while client.receive() != "DONE" {}
        client
    }

    pub fn login(&mut self, mechanism: Mechanism, username: &str, secret: &str) -> Answer {
        self.logins += 1;
        let number = self.logins;
        // Without `no-penalty` each failure makes the next answer later.
        let start = format!("AUTH\t{number}\t");
        let about = "service=smtp\tsecured\tno-penalty";
        match mechanism {
            Mechanism::Plain => {
                let response = base64(&format!("\0{username}\0{secret}"));
                self.send(&format!("{start}PLAIN\t{about}\tresp={response}"));
            }
            Mechanism::Login => {
                self.send(&format!("{start}LOGIN\t{about}"));
                for response in [username, secret] {
                    assert!(self.receive().starts_with("CONT\t"));
                    self.send(&format!("CONT\t{number}\t{}", base64(response)));
                }
            }
        }
        let answer = self.receive();
        match answer.split('\t').next().unwrap() {
            "OK" => Answer::Accepted,
            "FAIL" if answer.contains("temp") => Answer::Unable,
            "FAIL" => Answer::Refused,
            _ => panic!("{answer}"),
        }
    }

    fn send(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.stream.get_mut().write_all(line.as_bytes()).unwrap();
    }

    fn receive(&mut self) -> String {
        let mut line = String::new();
        assert!(
            self.stream.read_line(&mut line).unwrap() > 0,
            "Dovecot hung up"
        );
        line.trim_end().to_owned()
    }
}

/// RFC 4648.
fn base64(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0, |bits, at| {
            bits << 8 | usize::from(*three.get(at).unwrap_or(&0))
        });
        for place in 0..4 {
            let digit = DIGITS[bits >> (18 - 6 * place) & 63];
            encoded.push(if place <= three.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    encoded
}
