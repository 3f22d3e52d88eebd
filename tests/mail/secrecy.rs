//! What mail servers may learn and write down: of a secret, nothing but its tail.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::thread::{JoinHandle, spawn};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

use super::dovecot::{Accepted, Refused};
use super::machine::{Machine, on_each_debian};
use crate::secrecy::watch::{paths, wait_for};

/// How long a piece of a secret is too long.
const PIECE: usize = 8;

impl Machine {
    /// Makes sure that no piece of these secrets is in a file in these folders, and that there are
    /// such files.
    #[track_caller]
    pub fn expect_nothing_of(&self, secrets: &[&str], folders: &[&str]) {
        let files = folders.iter().flat_map(|folder| paths(&self.path(folder)));
        let mut looked_at = 0;
        for path in files.filter(|path| path.is_file()) {
            let bytes = fs::read(&path).unwrap();
            for secret in secrets {
                let hidden = hidden(secret);
                let piece = hidden
                    .as_bytes()
                    .windows(PIECE)
                    .skip(prefix(hidden))
                    .find(|piece| bytes.windows(PIECE).any(|window| window == *piece));
                assert!(piece.is_none(), "{}: {piece:?}", path.display());
            }
            looked_at += 1;
        }
        assert!(looked_at > 3, "only {looked_at} files");
    }
}

#[test]
fn no_piece_of_a_secret_is_in_a_log_or_a_file() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        let other = machine.sandbox.generate(["smtp", "other"]);
        let human = "correct horse battery staple";
        let users = format!("rails_prod:{{PLAIN}}{human}");
        machine.sandbox.import("dovecot", users).expect(0);
        assert_eq!(machine.login_by_both("shop_prod", &secret), Accepted);
        for refused in [&other, human] {
            assert_eq!(machine.login_by_both("shop_prod", refused), Refused);
        }
        assert_eq!(machine.login_by_both("rails_prod", human), Accepted);
        machine.sandbox.run(["deactivate", "shop-mail"]).expect(0);
        assert_eq!(machine.login("shop_prod", &secret), Refused);
        let log = machine.dovecot_log();
        assert!(
            log.contains("Debug: ") && log.contains("tail IN ("),
            "{log}"
        );
        let folders = ["/etc/dovecot", "/run", "/var/log", "/var/lib/dovecot"];
        machine.expect_nothing_of(&[&secret, &other, human], &folders);
    });
}

#[test]
fn a_login_is_reported_with_its_tail_to_where_serve_listens() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        let reports = listen(&machine, 2);
        assert_eq!(machine.login("shop_prod", &secret), Accepted);
        assert_eq!(machine.login("shop_prod", "guessed"), Refused);
        let reports = reports.join().unwrap();
        let [accepted, refused] = [&reports[0], &reports[1]];
        assert_eq!(accepted["tail"], secret[secret.len() - 16..]);
        assert_eq!(
            (&accepted["login"], &accepted["success"]),
            (&"shop_prod".into(), &true.into())
        );
        assert_eq!(
            (&accepted["mech"], &accepted["protocol"]),
            (&"PLAIN".into(), &"smtp".into())
        );
        assert_eq!(
            (&refused["login"], &refused["success"]),
            (&"shop_prod".into(), &false.into())
        );
        for report in reports {
            let hash = report.get("pwhash").unwrap_or(&Value::Null);
            assert!(hash.is_null() || hash == "", "{report}");
        }
    });
}

#[test]
fn serve_takes_the_reports_of_dovecot_and_of_nobody_else() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        let start = "(setsid postkey serve 2>serve.log &) && \
                 until grep -q 'listening on' serve.log; do sleep 0.05; done";
        machine.shell(start).expect(0);
        assert_eq!(machine.login("shop_prod", &secret), Accepted);
        assert_eq!(machine.login("shop_prod", "guessed"), Refused);
        let metrics = || {
            machine
                .shell("curl -s 127.0.0.1:7625/metrics")
                .expect(0)
                .stdout
        };
        let logins = |verdict: &str, count: u32| {
            let line = format!("postkey_mail_logins_total{{verdict=\"{verdict}\"}} {count}\n");
            metrics().contains(&line)
        };
        wait_for("two reports", || {
            logins("accepted", 1) && logins("mismatch", 1)
        });
        // Any local user could say that.
        let forged = "curl -s -o /dev/null -w '%{http_code}' 127.0.0.1:7625/dovecot?command=report \
                  --json '{\"login\":\"shop_prod\",\"success\":true,\"remote\":\"192.0.2.1\"}'";
        assert_eq!(machine.shell(forged).expect(0).stdout, "401");
        assert!(logins("accepted", 1) && logins("mismatch", 1));
        // What it reads to prove itself is in no configuration that others can see.
        let token = fs::read_to_string(machine.sandbox.token()).unwrap();
        let token = token.rsplit_once(' ').unwrap().1;
        let run = machine
            .shell("cat /etc/dovecot/dovecot.conf; doveconf -n")
            .expect(0);
        assert!(run.stdout.contains("dovecot-token") && !run.stdout.contains(token));
        assert!(!machine.dovecot_log().contains(token));
        assert!(!machine.dovecot_log().contains("Policy server HTTP error"));
        machine.expect_no_errors();
    });
}

/// A secret without its tail, which is public; a password that a person made up has none.
fn hidden(secret: &str) -> &str {
    match secret.starts_with("xsmtppost-") {
        true => &secret[..secret.len() - 16],
        false => secret,
    }
}

/// How many characters of a secret everybody knows: `xsmtppost-`, all pieces within it.
fn prefix(secret: &str) -> usize {
    if secret.starts_with("xsmtppost-") {
        3
    } else {
        0
    }
}

/// Listens on the machine where `serve` would, until it was told so many logins.
fn listen(machine: &Machine, count: usize) -> JoinHandle<Vec<Value>> {
    let network = fs::File::open(machine.network()).unwrap();
    let listener = spawn(move || {
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        TcpListener::bind("127.0.0.1:7625").unwrap()
    });
    let listener = listener.join().unwrap();
    spawn(move || (0..count).map(|_| report(&listener)).collect())
}

/// Takes one report, as JSON.
fn report(listener: &TcpListener) -> Value {
    let mut stream = BufReader::new(listener.accept().unwrap().0);
    let mut length = 0;
    let mut line = String::new();
    while stream.read_line(&mut line).unwrap() > 2 {
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    stream.get_mut().write_all(answer.as_bytes()).unwrap();
    serde_json::from_slice(&body).unwrap()
}
