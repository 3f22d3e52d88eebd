//! Mails and their recipients, about which Postfix asks `serve`, are shown beside logins.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::{DAY, now, number, verify};
use crate::sandbox::Sandbox;
use crate::secrecy::watch::{on_terminal, wait_for};
use crate::serve::recording::recorded;
use crate::serve::server::{Server, loopback};

/// A connection of Postfix to `serve`.
struct Policy(BufReader<TcpStream>);

impl Policy {
    fn connect(address: &str) -> Self {
        Self(BufReader::new(TcpStream::connect(address).unwrap()))
    }

    /// The action for a request about the mail with this instance.
    fn ask(&mut self, state: &str, username: &str, instance: &str, recipients: u32) -> String {
        let request = format!(
            "request=smtpd_access_policy\nprotocol_state={state}\nsasl_username={username}\n\
             sender=shop@example.com\nclient_address=203.0.113.9\ninstance={instance}\n\
             recipient_count={recipients}\n\n"
        );
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut lines = [String::new(), String::new()];
        for line in &mut lines {
            self.0.read_line(line).unwrap();
        }
        lines.concat().trim_end().to_owned()
    }

    /// A mail to this many recipients, of which the server itself refuses the last ones.
    fn send(&mut self, username: &str, instance: &str, recipients: u32, refused: u32) {
        for _ in 0..recipients + refused {
            let action = self.ask("RCPT", username, instance, 0);
            assert_eq!(action, "action=DUNNO");
        }
        let action = self.ask("END-OF-MESSAGE", username, instance, recipients);
        assert_eq!(action, "action=DUNNO");
    }
}

/// A `serve` and the address for Postfix.
fn serve(sandbox: &Sandbox) -> (Server, String) {
    let [listen, policy] = [17625, 17626].map(|port| format!("{}:{port}", loopback()));
    let args = ["serve", "--listen", &listen, "--listen-policy", &policy];
    let server = Server::of(sandbox, sandbox.command(args), &listen);
    (server, policy)
}

/// The username that Dovecot gives Postfix for the key `shop`.
fn username(secret: &str) -> String {
    format!("shop/{}", &secret[secret.len() - 16..])
}

#[test]
fn mails_that_postfix_asks_about_are_shown_with_their_recipients() {
    let sandbox = Sandbox::new();
    let generate = ["smtp", "shop", "--username", "shop", "--limit", "50/day"];
    let secret = sandbox.generate(generate);
    sandbox.generate(["api", "ci"]);
    let (server, policy) = serve(&sandbox);
    let username = username(&secret);
    let mut postfix = Policy::connect(&policy);
    postfix.send(&username, "1", 3, 1);
    postfix.send(&username, "2", 2, 0);
    // The client closed the connection before its mail was complete.
    assert_eq!(postfix.ask("RCPT", &username, "3", 0), "action=DUNNO");
    wait_for("the mails", || {
        recorded(&sandbox, "SELECT sum(mails) FROM mail") == Some(2)
    });
    server.stop();
    let usage = sandbox.run(["usage", "--format", "json"]).expect(0).json();
    let usage = &usage[0];
    assert_eq!(usage["name"], "shop");
    for span in ["today", "7d", "30d"] {
        assert_eq!(usage[format!("mails_{span}")], 2, "{usage}");
        assert_eq!(usage[format!("recipients_{span}")], 5, "{usage}");
        assert_eq!(usage[format!("requests_{span}")], 0, "{usage}");
    }
    assert_eq!(usage["mail"][0]["recipients"], 5, "{usage}");
    assert!(usage["last_used_at"].is_string(), "{usage}");
    let shown = sandbox.show("shop");
    assert_eq!(
        (&shown["mails_today"], &shown["recipients_today"]),
        (&json!(2), &json!(5))
    );
    assert_eq!(shown["limit_used"], 6, "{shown}");
    let text = sandbox.run(["show", "shop"]).expect(0).stdout;
    for part in [
        "mail        2 mails to 5 recipients today, 2 to 5 in the last 30 days\n",
        "limit used  6 of 50 recipients, resets 20",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let table = sandbox.run(["usage"]).expect(0).stdout;
    assert!(
        table.contains("MAIL TODAY") && table.contains("2 to 5 recipients"),
        "{table}"
    );
}

#[test]
fn mail_in_an_open_session_counts_as_use_of_the_secret_that_logged_in() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["smtp", "shop", "--username", "shop"]);
    let new = sandbox.run(["rotate", "shop"]).expect(0).secret();
    let (server, policy) = serve(&sandbox);
    let mut postfix = Policy::connect(&policy);
    postfix.send(&username(&new), "1", 1, 0);
    // Times are recorded in seconds.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    postfix.send(&username(&new), "2", 1, 0);
    postfix.send(&username(&old), "3", 1, 0);
    wait_for("the mails", || {
        recorded(&sandbox, "SELECT sum(mails) FROM mail") == Some(3)
    });
    server.stop();
    let found = sandbox.run(["check", "--format", "json"]).expect(1).json();
    assert_eq!(found[0]["finding"], "old-secret-used", "{found}");
}

#[test]
fn only_smtp_keys_have_mails() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--limit", "3/day"]);
    verify(&sandbox, &secret, &[]).expect(0);
    let shown = sandbox.show("ci");
    assert_eq!(shown["mails_today"], Value::Null);
    assert_eq!(
        (&shown["limit_used"], &shown["usage"]["mail"]),
        (&json!(1), &json!([]))
    );
    let text = sandbox.run(["show", "ci"]).expect(0).stdout;
    assert!(
        text.contains("limit used  1 of 3 requests, resets 20"),
        "{text}"
    );
    let csv = sandbox.run(["usage", "--format", "csv"]).expect(0).stdout;
    let mut rows = csv.lines();
    assert!(
        rows.next().unwrap().ends_with(
            "last_refused_address,mails_today,mails_7d,mails_30d,recipients_today,recipients_7d,\
             recipients_30d"
        ),
        "{csv}"
    );
    assert!(rows.next().unwrap().ends_with(",,,,,,"), "{csv}");
    let table = sandbox.run(["usage"]).expect(0).stdout;
    assert!(!table.contains("MAIL"), "{table}");
}

#[test]
fn a_key_whose_session_stays_open_counts_as_used() {
    let sandbox = Sandbox::new();
    let login = |name: &str| {
        let secret = sandbox.generate(["smtp", name, "--username", name]);
        verify(&sandbox, &secret, &["--username", name]).expect(0);
    };
    login("relay");
    login("idle");
    let usage = Connection::open(sandbox.usage()).unwrap();
    let long_ago = "UPDATE days SET day = day - 60, last_at = last_at - 60 * 86400";
    usage.execute_batch(long_ago).unwrap();
    let mail = "INSERT INTO mail VALUES (?1, ?2, 12, 40, ?3)";
    let at = now();
    let of_relay = params![number(&sandbox, "relay"), at / DAY, at];
    usage.execute(mail, of_relay).unwrap();
    let unused = sandbox
        .run(["list", "--unused", "45d", "--names"])
        .expect(0);
    assert_eq!(unused.stdout, "idle\n");
    let sorted = sandbox.run(["list", "--sort", "used", "--names"]).expect(0);
    assert_eq!(sorted.stdout, "idle\nrelay\n");
    let check = sandbox.run(["check"]).expect(1).stdout;
    assert!(
        check.contains("idle") && !check.contains("relay"),
        "{check}"
    );
    let since = ["usage", "--since", "7d", "--format", "csv"];
    let since = sandbox.run(since).expect(0).stdout;
    assert!(
        since.contains("\nrelay,") && !since.contains("\nidle,"),
        "{since}"
    );
    let said = on_terminal(&sandbox, "deactivate relay", "n\n");
    assert!(
        said.contains("`relay` is in use: last mail ")
            && said.contains(", 12 mails to 40 recipients today"),
        "{said}"
    );
    let said = on_terminal(&sandbox, "regenerate relay", "\n");
    assert!(said.contains("12 mails to 40 recipients today"), "{said}");
}

#[test]
fn a_day_with_far_more_recipients_is_unusual() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["smtp", "relay", "--username", "relay"]);
    verify(&sandbox, &secret, &["--username", "relay"]).expect(0);
    let usage = Connection::open(sandbox.usage()).unwrap();
    for (days_ago, recipients) in [(4, 10), (3, 40), (2, 25), (0, 201)] {
        let at = now() - days_ago * DAY;
        let mail = "INSERT INTO mail VALUES (?1, ?2, 1, ?3, ?4)";
        let of_relay = params![number(&sandbox, "relay"), at / DAY, recipients, at];
        usage.execute(mail, of_relay).unwrap();
    }
    let found = sandbox.run(["check", "--format", "json"]).expect(1).json();
    assert_eq!(found[0]["finding"], "unusual-use", "{found}");
    let message = found[0]["message"].as_str().unwrap();
    assert!(
        message.starts_with("201 recipients on ") && message.ends_with(", busiest day before: 40"),
        "{message}"
    );
}
