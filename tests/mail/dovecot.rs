//! Dovecot with the printed configuration, and a client like Postfix and Exim (doc.dovecot.org,
//! authentication protocol).

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::thread;

use super::machine::{Debian, Machine};
use crate::secrecy::watch::wait_for;

const SOCKET: &str = "/var/spool/postfix/private/auth";
const LOG: &str = "/var/log/dovecot.log";

/// Installs both files and enables all of Dovecot's logging.
const CONFIGURE: &str = "
postkey connect dovecot --file sql >/etc/dovecot/postkey-sql.conf.ext &&
postkey connect dovecot --file main >/etc/dovecot/dovecot.conf";

/// Appended to the configuration: no delay after failures, and one log file.
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

/// How many logins are made at once. Dovecot 2.4 has 30 workers, but drops requests beyond its
/// queue until the first has started.
const MOST_AT_ONCE: usize = 30;

/// A mechanism of SASL.
#[derive(Clone, Copy, Debug)]
pub enum Mechanism {
    Plain,
    Login,
}

/// Dovecot's reply to a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Accepted,
    Refused,
    /// A temporary failure, which a mail server treats as a refusal.
    Unable,
}

pub use Answer::{Accepted, Refused, Unable};

impl Machine {
    /// A machine with Dovecot on the sandbox's vault, which has one key.
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

    /// One login on a new connection.
    #[track_caller]
    pub fn login(&self, username: &str, secret: &str) -> Answer {
        Client::new(self).login(Mechanism::Plain, username, secret)
    }

    /// The reply to a login with each mechanism, which must be the same.
    #[track_caller]
    pub fn login_by_both(&self, username: &str, secret: &str) -> Answer {
        let both = [Mechanism::Plain, Mechanism::Login];
        let answers = self.answers(&both.map(|mechanism| (mechanism, username, secret)));
        assert_eq!(answers[0], answers[1], "{username:?} {secret:?}");
        answers[0]
    }

    /// Checks the replies to many logins.
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

    /// The replies to many logins, as many at once as possible, since Dovecot delays refusals.
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

    /// Whether its Dovecot uses the 2.4 syntax.
    pub fn has_dovecot_2_4(&self) -> bool {
        !self.shell("dovecot --version").stdout.starts_with("2.3.")
    }

    /// Dovecot's log.
    pub fn dovecot_log(&self) -> String {
        self.read(LOG)
    }

    /// Makes sure that Dovecot logged no error.
    #[track_caller]
    pub fn expect_no_errors(&self) {
        let errors = self.errors();
        assert!(errors.is_empty(), "{errors:#?}");
    }

    /// Dovecot's errors, except for reports that nobody receives.
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
        // Dovecot requires a different number from each client.
        static CLIENTS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
        let number = CLIENTS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        client.send(&format!("VERSION\t1\t2\nCPID\t{number}"));
        while client.receive() != "DONE" {}
        client
    }

    pub fn login(&mut self, mechanism: Mechanism, username: &str, secret: &str) -> Answer {
        self.logins += 1;
        let number = self.logins;
        // Without `no-penalty`, each failure delays the next reply.
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

    /// The whole reply to a login from an address.
    pub fn reply_from(&mut self, address: &str, username: &str, secret: &str) -> String {
        self.logins += 1;
        let number = self.logins;
        let response = base64(&format!("\0{username}\0{secret}"));
        let about = format!("service=smtp\tsecured\tno-penalty\trip={address}");
        self.send(&format!("AUTH\t{number}\tPLAIN\t{about}\tresp={response}"));
        self.receive()
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
