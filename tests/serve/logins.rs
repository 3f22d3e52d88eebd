//! Logins that Dovecot reports.

use super::http::post;
use super::recording::recorded;
use super::server::Server;
use crate::sandbox::Sandbox;
use crate::secrecy::watch::wait_for;

/// A report as Dovecot writes it.
pub fn login(username: &str, success: bool, tail: &str) -> String {
    format!(
        r#"{{"device_id":"","login":"{username}","protocol":"smtp","pwhash":"00","remote":"192.0.2.9","tls":true,"success":{success},"policy_reject":false,"tail":"{tail}"}}"#
    )
}

#[test]
fn a_login_is_counted_for_its_key_with_its_address() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["smtp", "mail", "--username", "mail_prod"]);
    sandbox.generate(["smtp", "stopped", "--username", "stopped", "--inactive"]);
    let tail = &secret[secret.len() - 16..];
    let server = Server::start(&sandbox);
    for report in [
        login("mail_prod", true, tail),
        login("MAIL_PROD", true, tail),
        login("mail_prod", false, ""),
        login("stopped", false, ""),
        login("nobody_here", false, ""),
    ] {
        let answer = post(&server.address, "/dovecot?command=report", &[], &report).expect(200);
        assert_eq!(answer.body, r#"{"status":0,"msg":""}"#);
    }
    let count = |verdict| {
        server.metric(&format!(
            "postkey_mail_logins_total{{verdict=\"{verdict}\"}}"
        ))
    };
    assert_eq!(
        ["accepted", "mismatch", "inactive", "unknown"].map(count),
        [2, 1, 1, 1]
    );
    let query = "SELECT count FROM addresses WHERE address = '192.0.2.9' AND key_id = 1";
    wait_for("the address of the logins", || {
        recorded(&sandbox, query) == Some(2)
    });
}

#[test]
fn what_is_no_report_is_refused() {
    let sandbox = Sandbox::with_three_keys();
    let server = Server::start(&sandbox);
    let large = format!(r#"{{"login":"{}"}}"#, "a".repeat(1 << 20));
    // What Dovecot asks before it judges a login has no `success`.
    let before = r#"{"login":"a","remote":"192.0.2.9","tls":true}"#;
    for body in [
        "",
        "{",
        "{}",
        "[]",
        "login=a",
        r#"{"login":7}"#,
        &large,
        before,
    ] {
        let status = post(&server.address, "/dovecot", &[], body).status;
        assert!([400, 413].contains(&status), "{status}");
    }
    server.ask("GET", "/dovecot", &[]).expect(405);
    // Where Dovecot asks before it judges, it is told to go on, and nothing is counted.
    let answer = post(&server.address, "/dovecot?command=allow", &[], before).expect(200);
    assert_eq!(answer.body, r#"{"status":0,"msg":""}"#);
    // A text that is no username is nobody's.
    let odd = login("'; DROP TABLE keys; --", false, "');--");
    post(&server.address, "/dovecot", &[], &odd).expect(200);
    let logins = "postkey_mail_logins_total{verdict=\"unknown\"}";
    assert_eq!(server.metric(logins), 1);
    server.ask("GET", "/healthz", &[]).expect(200);
}
