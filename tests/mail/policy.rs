//! Postfix's policy requests: what a key may do in a session that is open.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{scope, spawn};

use base64ct::{Base64, Encoding};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::machine::{Debian, Machine, on_each_debian};
use crate::secrecy::watch::wait_for;
use crate::serve::recording::recorded;

/// A session with Postfix on port 587, without TLS.
struct Session(BufReader<TcpStream>);

impl Session {
    fn open(machine: &Machine) -> Self {
        let network = fs::File::open(machine.network()).unwrap();
        let stream = spawn(move || {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            TcpStream::connect("127.0.0.1:587").unwrap()
        });
        let mut session = Self(BufReader::new(stream.join().unwrap()));
        session.answer();
        session.expect("EHLO client.example", "250");
        session
    }

    /// A session that is logged in.
    fn logged_in(machine: &Machine, username: &str, secret: &str) -> Self {
        let mut session = Self::open(machine);
        let answer = session.login(username, secret);
        assert!(answer.starts_with("235"), "{answer}");
        session
    }

    fn login(&mut self, username: &str, secret: &str) -> String {
        let login = Base64::encode_string(format!("\0{username}\0{secret}").as_bytes());
        self.ask(&format!("AUTH PLAIN {login}"))
    }

    fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.answer()
    }

    fn send(&mut self, line: &str) {
        // What is closed already is told by the answer that does not come.
        let _ = self.0.get_mut().write_all(format!("{line}\r\n").as_bytes());
    }

    /// The last line of the next answer; empty if the session is over.
    fn answer(&mut self) -> String {
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line);
            if read.unwrap_or_default() == 0 || line.as_bytes().get(3) == Some(&b' ') {
                return line.trim().to_owned();
            }
        }
    }

    #[track_caller]
    fn expect(&mut self, line: &str, answer: &str) {
        let found = self.ask(line);
        assert!(found.starts_with(answer), "{line}: {found}");
    }

    /// Begins a mail to root.
    #[track_caller]
    fn expect_recipient(&mut self, sender: &str, answer: &str) {
        self.expect("RSET", "250");
        self.expect(&format!("MAIL FROM:<{sender}>"), "250");
        self.expect("RCPT TO:<root@localhost>", answer);
    }

    /// Sends a whole mail to root; the answer at its end.
    fn mail(&mut self, sender: &str) -> String {
        self.expect_recipient(sender, "250");
        self.expect("DATA", "354");
        self.ask("Subject: x\r\n\r\nx\r\n.")
    }

    #[track_caller]
    fn expect_over(&mut self) {
        assert_eq!(self.ask("NOOP"), "");
    }
}

impl Machine {
    /// A machine on which Postfix asks `serve`, and the secret of its SMTP key `shop-mail`.
    fn with_policy(debian: Debian) -> (Self, String) {
        let (machine, secret) = Self::with_dovecot(debian);
        let configure = "mkdir -p .config/postkey && \
            printf '[serve]\\npolicy = \"127.0.0.1:7626\"\\n' >.config/postkey/config.toml && \
            postkey connect postfix | sed 's/=encrypt$/=none/; s/tls_auth_only=yes/tls_auth_only=no/' \
              >>/etc/postfix/master.cf && service postfix start </dev/null";
        machine.shell(configure).expect(0);
        machine.serve();
        (machine, secret)
    }

    fn postkey<const N: usize>(&self, args: [&str; N]) {
        self.sandbox.run(args).expect(0);
    }
}

#[test]
fn a_key_that_is_no_longer_valid_is_refused_in_the_open_session() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_policy(debian);
        let begin = || Session::logged_in(&machine, "shop_prod", &secret);
        let mut session = begin();
        let mut in_data = begin();
        let mut answer = session.mail("shop@example.com");
        assert!(answer.starts_with("250 2.0.0"), "{answer}");
        in_data.expect_recipient("shop@example.com", "250");
        in_data.expect("DATA", "354");
        machine.postkey(["deactivate", "shop-mail"]);
        session.expect_recipient("shop@example.com", "421 4.7.0");
        session.expect_over();
        answer = in_data.ask("Subject: x\r\n\r\nx\r\n.");
        assert!(
            answer.starts_with("421 4.7.0")
                && answer.ends_with("SMTP key shop-mail is no longer valid (inactive)"),
            "{answer}"
        );
        machine.postkey(["activate", "shop-mail"]);
        let mut session = begin();
        // The old secret of a rotation may go on until its end.
        machine.postkey(["rotate", "shop-mail", "--save", "new"]);
        assert!(session.mail("shop@example.com").starts_with("250"));
        machine.postkey(["rotate", "--yes", "--finish", "shop-mail"]);
        session.expect_recipient("shop@example.com", "421 4.7.0");
        let new = fs::read_to_string(machine.sandbox.home().join("new")).unwrap();
        let mut session = Session::logged_in(&machine, "shop_prod", new.trim());
        machine.postkey(["delete", "--yes", "shop-mail"]);
        session.expect_recipient("shop@example.com", "421 4.7.0");
        machine.expect_no_errors();
        let refused = "SELECT count(DISTINCT verdict) FROM days
            WHERE verdict IN ('deleted', 'inactive', 'retired')";
        wait_for("the refusals", || {
            recorded(&machine.sandbox, refused) == Some(3)
        });
    });
}

#[test]
fn of_a_shared_login_only_the_key_that_logged_in_counts() {
    on_each_debian(|debian| {
        let (machine, _) = Machine::with_policy(debian);
        let key = |name| {
            let generate = ["smtp", name, "--username", "ops@example.com"];
            machine.sandbox.generate(generate)
        };
        let (first, second) = (key("first"), key("second"));
        let [mut first, mut second] =
            [first, second].map(|secret| Session::logged_in(&machine, "ops@example.com", &secret));
        machine.postkey(["set", "second", "--sender", "second.example"]);
        machine.postkey(["deactivate", "first"]);
        first.expect_recipient("a@second.example", "421 4.7.0");
        second.expect_recipient("a@first.example", "553 5.7.1");
        assert!(second.mail("a@second.example").starts_with("250"));
    });
}

#[test]
fn senders_networks_and_recipients_are_limited() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_policy(debian);
        let mut session = Session::logged_in(&machine, "shop_prod", &secret);
        machine.postkey([
            "set",
            "shop-mail",
            "--sender",
            "example.com,.example.com,null",
        ]);
        for (sender, answer) in [
            ("shop@example.com", "250"),
            ("shop@eu.example.com", "250"),
            ("", "250"),
            ("ceo@bank.example", "553 5.7.1"),
            ("shop@example.com.bank.example", "553 5.7.1"),
        ] {
            session.expect_recipient(sender, answer);
        }
        machine.postkey(["set", "shop-mail", "--sender", "example.com"]);
        session.expect_recipient("", "553 5.7.1");
        machine.postkey(["set", "shop-mail", "--network", "10.0.0.0/8"]);
        session.expect_recipient("shop@example.com", "554 5.7.1");
        let refused = Session::open(&machine).login("shop_prod", &secret);
        assert!(refused.starts_with("535"), "{refused}");
        machine.postkey([
            "set",
            "shop-mail",
            "--network",
            "10.0.0.0/8,127.0.0.0/8,2001:db8::/32",
        ]);
        drop(session);
        let mut session = Session::logged_in(&machine, "shop_prod", &secret);
        // What was accepted without a limit does not count.
        machine.postkey(["set", "shop-mail", "--limit", "3/day"]);
        session.expect_recipient("shop@example.com", "250");
        // Postfix itself refuses this one, which so does not use up the limit.
        session.expect("RCPT TO:<not-there@localhost>", "550 5.1.1");
        session.expect("DATA", "354");
        session.expect("Subject: x\r\n\r\nx\r\n.", "250");
        session.expect_recipient("shop@example.com", "250");
        session.expect("RCPT TO:<root@localhost>", "250");
        session.expect("RCPT TO:<root@localhost>", "452 4.7.1");
        machine.postkey(["set", "shop-mail", "--limit", "none"]);
        session.expect("RCPT TO:<root@localhost>", "250");
        machine.expect_no_errors();
    });
}

#[test]
fn without_an_answer_postfix_defers() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_policy(debian);
        let mut session = Session::logged_in(&machine, "shop_prod", &secret);
        let vault = machine.sandbox.vault();
        let aside = vault.with_extension("aside");
        fs::rename(&vault, &aside).unwrap();
        session.expect_recipient("shop@example.com", "450 4.3.0");
        fs::rename(&aside, &vault).unwrap();
        session.expect_recipient("shop@example.com", "250");
        machine
            .shell("pkill -x postkey; while pgrep -x postkey; do sleep 0.05; done")
            .expect(0);
        session.expect_recipient("shop@example.com", "451 4.3.5");
        machine.serve();
        session.expect_recipient("shop@example.com", "250");
    });
}

/// How often a key is deactivated while mails are being sent with it.
const ROUNDS: usize = 20;

#[test]
fn no_mail_that_is_complete_after_a_deactivation_is_accepted() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_policy(debian);
        let rounds = std::env::var("POLICY_ROUNDS").ok();
        let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().unwrap());
        let accepted = AtomicUsize::new(0);
        for _ in 0..rounds {
            let is_deactivated = AtomicBool::new(false);
            let mut session = Session::logged_in(&machine, "shop_prod", &secret);
            scope(|scope| {
                scope.spawn(|| {
                    loop {
                        session.expect("RSET", "250");
                        session.expect("MAIL FROM:<shop@example.com>", "250");
                        let answer = session.ask("RCPT TO:<root@localhost>");
                        if !answer.starts_with("250") {
                            return assert!(answer.starts_with("421 4.7.0"), "{answer}");
                        }
                        session.expect("DATA", "354");
                        let was_deactivated = is_deactivated.load(Ordering::SeqCst);
                        let answer = session.ask("Subject: x\r\n\r\nx\r\n.");
                        if !answer.starts_with("250") {
                            return assert!(answer.starts_with("421 4.7.0"), "{answer}");
                        }
                        assert!(!was_deactivated, "{answer}");
                        accepted.fetch_add(1, Ordering::Relaxed);
                    }
                });
                let before = accepted.load(Ordering::Relaxed);
                wait_for("a mail", || accepted.load(Ordering::Relaxed) > before);
                machine.postkey(["deactivate", "shop-mail"]);
                is_deactivated.store(true, Ordering::SeqCst);
            });
            machine.postkey(["activate", "shop-mail"]);
        }
    });
}
