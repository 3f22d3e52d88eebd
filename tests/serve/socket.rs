//! Logins from a mail server, which are only possible on a unix socket.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use base64ct::{Base64, Encoding};

use super::http::{self, Answer, Connection, Header, request};
use super::recording::recorded;
use super::server::Server;
use crate::import::{PASSWORD, QUICK, doveadm};
use crate::sandbox::Sandbox;
use crate::secrecy::watch::wait_for;

/// The number of connections that flood one login.
const FLOODING: usize = 8;

/// A `serve` on a socket in the sandbox's home.
pub fn start(sandbox: &Sandbox) -> Server {
    let socket = sandbox.home().join("postkey.sock");
    Server::start_at(sandbox, &format!("unix:{}", socket.display()))
}

/// The `Authorization` header of a login.
pub fn basic(username: &str, password: impl AsRef<[u8]>) -> String {
    let both = [username.as_bytes(), b":", password.as_ref()].concat();
    format!("Basic {}", Base64::encode_string(&both))
}

impl Server {
    #[track_caller]
    pub fn login(&self, username: &str, password: impl AsRef<[u8]>) -> Answer {
        let login = basic(username, password);
        self.ask("GET", "/login", &[("Authorization", &login)])
    }
}

/// Checks that it is the uniform refusal, which does not say why.
#[track_caller]
pub fn expect_refused(answer: Answer) {
    let answer = answer.expect(401);
    let body = r#"{"code":"unauthorized","message":"Invalid username or password"}"#;
    assert_eq!(answer.body, body);
    let challenge = Some(r#"Basic realm="postkey", charset="UTF-8""#);
    assert_eq!(answer.header("www-authenticate"), challenge);
    assert!(!answer.has("x-postkey-name") && !answer.has("x-ratelimit-limit"));
}

pub fn logins(server: &Server, verdict: &str) -> i64 {
    server.metric(&format!(
        "postkey_mail_logins_total{{verdict=\"{verdict}\"}}"
    ))
}

#[test]
fn only_the_right_password_is_accepted_and_refusals_are_uniform() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["smtp", "mail", "--username", "mail_prod"]);
    let other = sandbox.generate(["smtp", "other", "--username", "other_prod"]);
    let api = sandbox.generate(["api", "web"]);
    let stopped = ["smtp", "stopped", "--username", "stopped", "--inactive"];
    let stopped = sandbox.generate(stopped);
    let expired = sandbox.generate(["smtp", "old", "--username", "old_prod"]);
    let vault = rusqlite::Connection::open(sandbox.vault()).unwrap();
    let expire = "UPDATE keys SET expires_at = created_at WHERE name = 'old'";
    assert_eq!(vault.execute(expire, []).unwrap(), 1);
    drop(vault);
    let server = start(&sandbox);
    for username in ["mail_prod", "MAIL_PROD", "Mail_prod"] {
        let answer = server.login(username, &secret).expect(200);
        assert_eq!(answer.body, "");
    }
    assert_eq!(logins(&server, "accepted"), 3);
    let mut wrong = secret.clone();
    wrong.replace_range(20..21, if &secret[20..21] == "0" { "1" } else { "0" });
    for (username, password, verdict) in [
        ("mail_prod", &*wrong, "mismatch"),
        ("mail_prod", &secret[1..], "mismatch"),
        ("mail_prod", "guessed", "mismatch"),
        ("mail_prod", "", "mismatch"),
        ("mail_prod", &other, "mismatch"),
        ("mail_prod", &api, "mismatch"),
        ("other_prod", &secret, "mismatch"),
        ("web", &api, "mismatch"),
        ("stopped", &stopped, "inactive"),
        ("old_prod", &expired, "expired"),
        ("nobody_here", "guessed", "malformed"),
        ("nobody_here", &secret, "mismatch"),
        ("", &secret, "mismatch"),
        ("mail_prod ", &secret, "mismatch"),
        ("mail_prod\0", &secret, "mismatch"),
        ("mail", &secret, "mismatch"),
        ("'; DROP TABLE keys; --", "'; --", "malformed"),
    ] {
        let before = logins(&server, verdict);
        expect_refused(server.login(username, password));
        let counted = logins(&server, verdict) - before;
        assert_eq!(counted, 1, "{username:?}: {verdict}");
    }
    server.login("mail_prod", &secret).expect(200);
    let log = server.stop();
    assert_eq!(log.lines().count(), 2, "{log}");
}

#[test]
fn changes_of_a_key_apply_to_the_next_login() {
    let sandbox = Sandbox::new();
    let old = sandbox.generate(["smtp", "mail", "--username", "mail_prod"]);
    let shared = ["web", "cron"].map(|name| {
        let key = ["smtp", name, "--username", "ops@example.com"];
        sandbox.generate(key)
    });
    let server = start(&sandbox);
    let login = |password: &str| server.login("mail_prod", password).status;
    for _ in 0..3 {
        assert_eq!(login(&old), 200);
        sandbox.run(["deactivate", "mail"]).expect(0);
        assert_eq!(login(&old), 401);
        sandbox.run(["activate", "mail"]).expect(0);
    }
    let new = sandbox.run(["rotate", "mail"]).expect(0).secret();
    assert_eq!([login(&old), login(&new)], [200, 200]);
    sandbox
        .run(["rotate", "--yes", "mail", "--finish"])
        .expect(0);
    assert_eq!([login(&old), login(&new)], [401, 200]);
    sandbox.run(["delete", "--yes", "mail"]).expect(0);
    assert_eq!(login(&new), 401);
    let login = |at: usize| server.login("Ops@Example.com", &shared[at]).status;
    assert_eq!([login(0), login(1)], [200, 200]);
    sandbox.run(["deactivate", "web"]).expect(0);
    assert_eq!([login(0), login(1)], [401, 200]);
}

#[test]
fn an_imported_password_may_be_any_text() {
    let sandbox = Sandbox::new();
    let odd = "pass:wörd 🗝 \"'\\ %41+:";
    let hash = doveadm("SSHA256", odd);
    let users = format!("rails_prod:{QUICK}\nodd_prod:{hash}\n");
    sandbox.import("dovecot", users).expect(0);
    let secret = sandbox.generate(["smtp", "mail", "--username", "mail_prod"]);
    let server = start(&sandbox);
    server.login("rails_prod", PASSWORD).expect(200);
    server.login("Rails_Prod", PASSWORD).expect(200);
    server.login("odd_prod", odd).expect(200);
    for (username, password) in [
        ("odd_prod", PASSWORD.as_bytes()),
        ("mail_prod", PASSWORD.as_bytes()),
        ("rails_prod", secret.as_bytes()),
        ("rails_prod", b""),
        ("rails_prod", b"correct horse\0"),
        // A text in Latin-1, and its replacement when read as UTF-8.
        ("odd_prod", b"pass:w\xf6rd"),
        ("odd_prod", "\u{fffd}".as_bytes()),
    ] {
        expect_refused(server.login(username, password));
    }
    expect_refused(server.login("rails_prod", "a".repeat(20_000)));
    // A new secret coexists with the password, or replaces it.
    let new = sandbox.run(["rotate", "rails_prod"]).expect(0).secret();
    server.login("rails_prod", PASSWORD).expect(200);
    server.login("rails_prod", &new).expect(200);
    let finish = ["rotate", "--yes", "rails_prod", "--finish"];
    sandbox.run(finish).expect(0);
    expect_refused(server.login("rails_prod", PASSWORD));
    server.login("rails_prod", &new).expect(200);
}

#[test]
fn a_login_is_recorded_for_its_key_with_the_address_that_it_came_from() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["smtp", "mail", "--username", "mail_prod"]);
    let server = start(&sandbox);
    let from = |query: &str, password: &str| {
        let login = basic("mail_prod", password);
        let target = format!("/login{query}");
        server
            .ask("GET", &target, &[("Authorization", &login)])
            .status
    };
    for query in [
        "?address=192.0.2.9",
        "?address=%3A%3Affff%3A192.0.2.9",
        "?address=2001:db8::9",
        // PAM may send a name, or nothing.
        "?address=mx.example.com",
        "?address=",
        "?",
        "",
    ] {
        assert_eq!(from(query, &secret), 200, "{query}");
    }
    assert_eq!(from("?address=192.0.2.7", "guessed"), 401);
    let at = |address: &str| {
        let query = "SELECT sum(count) FROM addresses WHERE key_id = 1 AND address =";
        recorded(&sandbox, &format!("{query} '{address}'"))
    };
    wait_for("the addresses of the logins", || {
        (at("192.0.2.9"), at("2001:db8::9")) == (Some(2), Some(1))
    });
    let count = |verdict: &str| {
        let query = "SELECT sum(count) FROM days WHERE key_id = 1 AND verdict =";
        recorded(&sandbox, &format!("{query} '{verdict}'"))
    };
    wait_for("the logins", || {
        (count("accepted"), count("mismatch")) == (Some(7), Some(1))
    });
    assert!(sandbox.show("mail")["last_used_at"].is_string());
}

#[test]
fn over_tcp_there_is_no_such_path() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["smtp", "mail", "--username", "mail_prod"]);
    let server = Server::start(&sandbox);
    let answer = server.login("mail_prod", &secret).expect(404);
    let elsewhere = server.ask("GET", "/elsewhere", &[]).expect(404);
    assert_eq!(answer.body, elsewhere.body);
    assert_eq!(logins(&server, "accepted"), 0);
}

#[test]
fn invalid_login_requests_are_refused() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["smtp", "mail", "--username", "mail_prod"]);
    let server = start(&sandbox);
    let good = basic("mail_prod", &secret);
    let good = ("Authorization", &*good);
    let ask = |target: &str, headers: &[Header]| server.ask("GET", target, headers).status;
    assert_eq!(ask("/login", &[good]), 200);
    let encoded = &good.1["Basic ".len()..];
    let colonless = Base64::encode_string(secret.as_bytes());
    for value in [
        "",
        "Basic",
        "Basic ",
        encoded,
        &format!("Bearer {encoded}"),
        &format!("Basic {}", &encoded[..encoded.len() - 1]),
        &format!("Basic {encoded}="),
        &format!("Basic {encoded} {encoded}"),
        &format!("Basic {encoded},Basic {encoded}"),
        &format!("Basic {colonless}"),
        "Basic bWFpbF9wcm9kOg-_",
        "Basic \u{f6}",
    ] {
        let status = ask("/login", &[("Authorization", value)]);
        assert_eq!(status, 400, "{value:?}");
    }
    assert_eq!(ask("/login", &[]), 400);
    assert_eq!(ask("/login", &[good, good]), 400);
    assert_eq!(ask("/login", &[("X-Authorization", good.1)]), 400);
    assert_eq!(ask("/login", &[("api-key", &secret)]), 400);
    for query in ["address=1&address=2", "adress=192.0.2.1", "user=mail_prod"] {
        assert_eq!(ask(&format!("/login?{query}"), &[good]), 400, "{query}");
    }
    for target in ["/login/", "/Login", "//login", "/x/../login"] {
        assert_eq!(ask(target, &[good]), 404, "{target}");
    }
    assert_eq!(server.ask("POST", "/login", &[good]).status, 405);
    // The scheme ignores case, and blanks may follow it.
    assert_eq!(
        ask(
            "/login",
            &[("authorization", &format!("bAsIc   {encoded}"))]
        ),
        200
    );
    let mut connection = Connection::open(&server.address);
    let large = basic("mail_prod", "a".repeat(100_000));
    // The response may come before all of it was read.
    let _ = connection.send(request("GET", "/login", &[("Authorization", &large)]).as_bytes());
    assert_eq!(connection.answer().unwrap().status, 431);
    assert_eq!(logins(&server, "accepted"), 2);
    // An SMTP key opens nothing else there.
    server.verify(&secret).expect_refusal(401);
}

#[test]
fn without_its_vault_logins_fail_temporarily_and_then_recover() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["smtp", "mail", "--username", "mail_prod"]);
    let server = start(&sandbox);
    let away = sandbox.home().join("away.db");
    for _ in 0..2 {
        server.login("mail_prod", &secret).expect(200);
        fs::rename(sandbox.vault(), &away).unwrap();
        // A removal may be noticed a millisecond later.
        sleep(Duration::from_millis(5));
        server.login("mail_prod", &secret).expect_refusal(503);
        server.login("mail_prod", "guessed").expect_refusal(503);
        fs::rename(&away, sandbox.vault()).unwrap();
    }
    server.login("mail_prod", &secret).expect(200);
    assert_eq!(logins(&server, "unavailable"), 4);
    let log = server.stop();
    assert_eq!(log.matches("the vault can be read again").count(), 2);
}

#[test]
fn one_damaged_key_is_unavailable_and_no_other_is() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["smtp", "mail", "--username", "mail_prod"]);
    let other = sandbox.generate(["smtp", "other", "--username", "other_prod"]);
    let vault = rusqlite::Connection::open(sandbox.vault()).unwrap();
    let damage = "UPDATE secrets SET digest = NULL, hash = 'damaged' WHERE key_id = 1";
    assert_eq!(vault.execute(damage, []).unwrap(), 1);
    drop(vault);
    let server = start(&sandbox);
    server.login("mail_prod", &secret).expect_refusal(503);
    server.login("other_prod", &other).expect(200);
    let log = server.stop();
    assert!(log.contains("only this key is refused"), "{log}");
}

#[test]
fn an_http_1_0_client_that_falls_silent_is_answered() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["smtp", "mail", "--username", "mail_prod"]);
    let server = start(&sandbox);
    for (password, expected) in [(&*secret, "HTTP/1.0 200 "), ("x", "HTTP/1.0 401 ")] {
        let path = server.address.strip_prefix("unix:").unwrap();
        let mut stream = UnixStream::connect(path).unwrap();
        let login = basic("mail_prod", password);
        let asked =
            format!("GET /login?address=192.0.2.9 HTTP/1.0\r\nAuthorization: {login}\r\n\r\n");
        stream.write_all(asked.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(expected), "{answer}");
    }
}

#[test]
fn a_flood_on_one_login_does_not_delay_others() {
    let sandbox = Sandbox::new();
    let slow = doveadm("ARGON2ID", PASSWORD);
    sandbox
        .import("dovecot", format!("target:{slow}"))
        .expect(0);
    let secret = sandbox.generate(["smtp", "mail", "--username", "mail_prod"]);
    let server = start(&sandbox);
    let is_over = AtomicBool::new(false);
    scope(|scope| {
        for guess in 0..FLOODING {
            let (address, is_over) = (&server.address, &is_over);
            scope.spawn(move || {
                let login = basic("target", format!("guess {guess}"));
                while !is_over.load(Ordering::SeqCst) {
                    let answer = http::ask(address, "GET", "/login", &[("Authorization", &login)]);
                    assert_eq!(answer.status, 401);
                }
            });
        }
        wait_for("a flood", || logins(&server, "mismatch") > 2);
        let before = logins(&server, "mismatch");
        server.login("mail_prod", &secret).expect(200);
        let hashed = logins(&server, "mismatch") - before;
        is_over.store(true, Ordering::SeqCst);
        assert!(hashed < 5, "it waited for {hashed} others");
    });
    server.login("target", PASSWORD).expect(200);
}

#[test]
fn logins_are_not_in_the_log() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["smtp", "mail", "--username", "mail_prod"]);
    let server = start(&sandbox);
    server.login("mail_prod", &secret).expect(200);
    server.login("mail_prod", &secret[..80]).expect(401);
    let good = basic("mail_prod", &secret);
    let twice = [("Authorization", &*good), ("Authorization", &*good)];
    server.ask("GET", "/login", &twice).expect(400);
    server
        .ask("GET", &format!("/login?address={secret}"), &twice[..1])
        .expect(200);
    let written = server.ask("GET", "/metrics", &[]).body + &server.stop();
    for hidden in [&*secret, &good["Basic ".len()..]] {
        let mut parts = (0..hidden.len() - 8).map(|at| &hidden[at..at + 8]);
        let leaked = parts.find(|part| !part.starts_with("xsmtp") && written.contains(part));
        assert_eq!(leaked, None, "{written}");
    }
}
