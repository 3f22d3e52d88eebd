//! Login reports from Dovecot.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread::sleep;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;

use super::http::post;
use super::recording::recorded;
use super::server::Server;
use crate::mail::reports::digest;
use crate::sandbox::Sandbox;
use crate::secrecy::watch::wait_for;

/// A report in Dovecot's format.
pub fn login(username: &str, success: bool, tail: &str) -> String {
    format!(
        r#"{{"device_id":"","login":"{username}","protocol":"smtp","pwhash":"00","remote":"192.0.2.9","tls":true,"success":{success},"policy_reject":false,"tail":"{tail}"}}"#
    )
}

/// The credentials of Dovecot's reports, with the printed configuration.
pub fn proof(sandbox: &Sandbox) -> String {
    sandbox.run(["connect", "dovecot"]).expect(0);
    let token = fs::read_to_string(sandbox.token()).unwrap();
    token.strip_prefix("Authorization: ").unwrap().to_owned()
}

#[test]
fn a_login_is_counted_for_its_key_with_its_address() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["smtp", "mail", "--username", "mail_prod"]);
    sandbox.generate(["smtp", "stopped", "--username", "stopped", "--inactive"]);
    let tail = &secret[secret.len() - 16..];
    let server = Server::start(&sandbox);
    // It may be created or replaced while the server runs.
    let proof = proof(&sandbox);
    let proof = [("Authorization", &*proof)];
    for report in [
        login("mail_prod", true, tail),
        login("MAIL_PROD", true, tail),
        login("mail_prod", false, ""),
        login("stopped", false, ""),
        login("nobody_here", false, ""),
    ] {
        let answer = post(&server.address, "/dovecot?command=report", &proof, &report).expect(200);
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
fn a_refusal_is_attributed_by_tail_and_digest() {
    let sandbox = Sandbox::new();
    let mail = sandbox.generate(["smtp", "mail", "--username", "mail_prod"]);
    let shared = "ops@example.com";
    let [idle, old, brief, older, cron] = ["idle", "old", "brief", "older", "cron"]
        .map(|name| sandbox.generate(["smtp", name, "--username", shared]));
    sandbox.run(["rotate", "old", "--grace", "1s"]).expect(0);
    let soon = Timestamp::from_second(Timestamp::now().as_second() + 2).unwrap();
    sandbox
        .run(["set", "brief", "--expires", &soon.to_string()])
        .expect(0);
    sandbox.run(["deactivate", "idle"]).expect(0);
    sandbox.run(["deactivate", "older"]).expect(0);
    // Like one created before digests.
    let vault = Connection::open(sandbox.vault()).unwrap();
    let forget = "UPDATE secrets SET digest = NULL WHERE key_id = 5";
    assert_eq!(vault.execute(forget, []).unwrap(), 1);
    let server = Server::start(&sandbox);
    let proof = proof(&sandbox);
    let gone = sandbox.generate(["smtp", "gone"]);
    sandbox.run(["delete", "--yes", "gone"]).expect(0);
    sleep(Duration::from_millis(2100));
    let is = |secret: &str| digest(secret);
    let not = |secret: &str| digest(&secret[1..]);
    let cases = [
        (shared, &idle, is(&idle), 2, "inactive"),
        (shared, &old, is(&old), 3, "retired"),
        (shared, &brief, is(&brief), 4, "expired"),
        (shared, &older, is(&older), 5, "inactive"),
        // Valid, but for another login, or refused anyway.
        (shared, &mail, is(&mail), 1, "mismatch"),
        (shared, &cron, is(&cron), 6, "mismatch"),
        // Knowing only the tail is distinguished from knowing the secret.
        ("mail_prod", &idle, not(&idle), 2, "mismatch"),
        (shared, &old, String::new(), 3, "mismatch"),
        (shared, &brief, is(&brief).to_uppercase(), 4, "mismatch"),
        (shared, &older, "x".to_owned(), 5, "mismatch"),
        // Dead, whatever the login.
        (shared, &gone, is(&gone), 7, "deleted"),
        ("mail_prod", &gone, is(&gone), 7, "deleted"),
        (shared, &gone, not(&gone), 0, "unknown"),
        // An unknown secret, but an existing login.
        ("mail_prod", &gone, not(&gone), 1, "mismatch"),
    ];
    let mut expected = BTreeMap::new();
    for (username, secret, digest, key, verdict) in cases {
        let fields = format!(
            r#""presented_tail":"{}","presented_digest":"{digest}""#,
            &secret[secret.len() - 16..]
        );
        let report = login(username, false, "").replace(r#""tail":"""#, &fields);
        let headers = [("Authorization", &*proof)];
        post(
            &server.address,
            "/dovecot?command=report",
            &headers,
            &report,
        )
        .expect(200);
        *expected.entry((key, verdict)).or_default() += 1;
    }
    let query = |key: i64, verdict: &str| {
        format!("SELECT sum(count) FROM days WHERE key_id = {key} AND verdict = '{verdict}'")
    };
    for ((key, verdict), count) in expected {
        wait_for(&format!("{count} times {verdict} of key {key}"), || {
            recorded(&sandbox, &query(key, verdict)) == Some(count)
        });
    }
}

#[test]
fn invalid_reports_are_refused() {
    let sandbox = Sandbox::with_three_keys();
    let server = Server::start(&sandbox);
    let proof = proof(&sandbox);
    let proof = [("Authorization", &*proof)];
    let large = format!(r#"{{"login":"{}"}}"#, "a".repeat(1 << 20));
    // Dovecot's question before a login has no `success`.
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
        let status = post(&server.address, "/dovecot", &proof, body).status;
        assert!([400, 413].contains(&status), "{status}");
    }
    server.ask("GET", "/dovecot", &[]).expect(405);
    // Dovecot's question before a login is answered with continue, and not counted.
    let answer = post(&server.address, "/dovecot?command=allow", &[], before).expect(200);
    assert_eq!(answer.body, r#"{"status":0,"msg":""}"#);
    // An invalid username belongs to nobody.
    let odd = login("'; DROP TABLE keys; --", false, "');--");
    post(&server.address, "/dovecot", &proof, &odd).expect(200);
    let logins = "postkey_mail_logins_total{verdict=\"unknown\"}";
    assert_eq!(server.metric(logins), 1);
    server.ask("GET", "/healthz", &[]).expect(200);
}

#[test]
fn a_report_without_the_vaults_token_is_refused_and_counted_nowhere() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["smtp", "mail", "--username", "mail_prod"]);
    let server = Server::start(&sandbox);
    let report = login("mail_prod", true, &secret[secret.len() - 16..]);
    let tell = |headers: &[(&str, &str)]| {
        post(&server.address, "/dovecot?command=report", headers, &report)
    };
    let guessed = format!("Bearer {}", "0".repeat(64));
    // Without a token, nothing is accepted.
    for headers in [&[][..], &[("Authorization", &*guessed)]] {
        assert_eq!(
            tell(headers).expect(401).header("www-authenticate"),
            Some("Bearer")
        );
    }
    let proof = proof(&sandbox);
    let (short, long) = (&proof[..proof.len() - 1], format!("{proof}0"));
    let other = proof.replace(&proof[7..8], if &proof[7..8] == "0" { "1" } else { "0" });
    for wrong in [
        "",
        "Bearer ",
        &guessed,
        short,
        &long,
        &other,
        &proof[7..],
        &proof.to_uppercase(),
    ] {
        tell(&[("Authorization", wrong)]).expect(401);
        tell(&[("X-API-Key", wrong)]).expect(401);
    }
    let twice = [("Authorization", &*proof), ("Authorization", &*proof)];
    tell(&twice).expect(401);
    tell(&twice[..1]).expect(200);
    // A new token is effective at once.
    fs::remove_file(sandbox.token()).unwrap();
    tell(&twice[..1]).expect(401);
    let new = self::proof(&sandbox);
    assert_ne!(new, proof);
    tell(&[("Authorization", &new)]).expect(200);
    fs::write(sandbox.token(), "something else").unwrap();
    tell(&[("Authorization", &new)]).expect(503);
    let run = sandbox.run(["connect", "dovecot"]).expect(5);
    assert!(
        run.stderr
            .contains("does not contain a token\nhint: remove it"),
        "{run:?}"
    );
    fs::remove_file(sandbox.token()).unwrap();
    let accepted = "postkey_mail_logins_total{verdict=\"accepted\"}";
    assert_eq!(server.metric(accepted), 2);
    let log = server.stop();
    assert_eq!(
        log.matches("a login was reported without this vault's token")
            .count(),
        1
    );
    assert!(
        !log.contains(&proof[7..]) && !log.contains(&new[7..]),
        "{log}"
    );
}

#[test]
fn the_token_is_private_the_same_each_time_and_never_printed() {
    let sandbox = Sandbox::new();
    sandbox.generate(["smtp", "mail"]);
    let proof = proof(&sandbox);
    let mode = fs::metadata(sandbox.token()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let run = sandbox.run(["connect", "dovecot"]).expect(0);
    assert!(!run.stdout.contains(&proof[7..]), "{run:?}");
    let line = format!(
        "\nauth_policy_server_api_header = <{}\n",
        sandbox.token().display()
    );
    assert!(run.stdout.contains(&line), "{run:?}");
    assert_eq!(self::proof(&sandbox), proof);
    let other = sandbox.vault().with_file_name("other.db");
    let vault = other.to_str().unwrap();
    sandbox.generate(["smtp", "mail", "--vault", vault]);
    sandbox
        .run(["connect", "dovecot", "--vault", vault])
        .expect(0);
    let token = fs::read_to_string(other.with_file_name("other.dovecot-token")).unwrap();
    assert!(!token.contains(&proof[7..]));
    // A token that others can read proves nothing.
    fs::set_permissions(sandbox.token(), fs::Permissions::from_mode(0o644)).unwrap();
    let run = sandbox.run(["connect", "dovecot"]).expect(5);
    assert!(
        run.stderr.contains("is accessible to other users\nhint: "),
        "{run:?}"
    );
}
