//! Decoys: they are refused like unknown secrets, and their use is recorded.

use rusqlite::Connection;

use super::http::{Answer, post};
use super::logins::{login, proof};
use super::lookalikes::Lookalikes;
use super::recording::recorded;
use super::server::Server;
use super::socket::start;
use crate::backup::edit;
use crate::ledger::{expire, rehash};
use crate::mail::reports::digest;
use crate::sandbox::Sandbox;
use crate::secrecy::watch::wait_for;

/// A secret of no vault.
fn unknown(kind: &str) -> String {
    Sandbox::new().generate([kind, "elsewhere"])
}

/// A decoy with its secret, and a server.
fn planted(kind: &str) -> (Sandbox, Server, String) {
    let sandbox = Sandbox::new();
    let secret = match kind {
        "smtp" => sandbox.generate(["smtp", "k", "--decoy", "--username", "own_name"]),
        _ => sandbox.generate([kind, "k", "--decoy"]),
    };
    let server = start(&sandbox);
    (sandbox, server, secret)
}

/// A way to present a secret to a server.
type Way = fn(&Server, &str) -> Answer;

const REQUESTS: [(&str, Way); 4] = [
    ("/verify", |server, secret| server.verify(secret)),
    ("/verify, for a request", |server, secret| {
        let target = "/verify?method=GET&path=/v3/x";
        server.ask("GET", target, &[("api-key", secret)])
    }),
    ("/nginx", |server, secret| {
        let headers = [
            ("api-key", secret),
            ("X-Original-Method", "POST"),
            ("X-Original-URI", "/v3/x"),
            ("X-Original-Address", "203.0.113.66"),
        ];
        server.ask("GET", "/nginx", &headers)
    }),
    ("/forward", |server, secret| {
        let headers = [
            ("api-key", secret),
            ("X-Forwarded-Method", "POST"),
            ("X-Forwarded-Uri", "/v3/x"),
            ("X-Forwarded-For", "203.0.113.66"),
        ];
        server.ask("GET", "/forward", &headers)
    }),
];

/// Those of a mail server, which asks with a login.
const LOGINS: [(&str, Way); 2] = [
    ("/login", |server, secret| server.login("own_name", secret)),
    ("/login, as another", |server, secret| {
        server.login("other", secret)
    }),
];

/// The visible part of a response, except for its timing.
fn seen(answer: Answer) -> (u16, Vec<String>, String) {
    let lines = answer.head.lines().map(str::to_ascii_lowercase);
    let lines = lines.filter(|line| !line.starts_with("date:")).collect();
    (answer.status, lines, answer.body)
}

/// How often the key got that verdict, with its secret's tail, from that address.
fn refused(sandbox: &Sandbox, verdict: &str, secret: &str, address: &str) -> i64 {
    let tail = &secret[secret.len() - 16..];
    let query = format!(
        "SELECT sum(count) FROM refusals WHERE key_id = 1 AND verdict = '{verdict}'
         AND tail = '{tail}' AND address = '{address}'"
    );
    recorded(sandbox, &query).unwrap_or_default()
}

#[test]
fn a_decoy_is_refused_like_an_unknown_secret_and_counted() {
    for kind in ["api", "smtp"] {
        let (sandbox, server, secret) = planted(kind);
        let stranger = unknown(kind);
        let logins: &[_] = if kind == "smtp" { &LOGINS } else { &[] };
        let ways = REQUESTS.iter().chain(logins);
        let mut presented = 0;
        for (name, way) in ways {
            // Not even the second time, when another secret would be cached.
            for _ in 0..2 {
                let decoy = seen(way(&server, &secret));
                assert_eq!(decoy.0, 401, "{kind} {name}");
                assert_eq!(decoy, seen(way(&server, &stranger)), "{kind} {name}");
                presented += 1;
            }
        }
        wait_for("the record", || {
            refused(&sandbox, "decoy", &secret, "203.0.113.66")
                + refused(&sandbox, "decoy", &secret, "")
                == presented
        });
        assert_eq!(refused(&sandbox, "decoy", &secret, "203.0.113.66"), 4);
        let metric = "postkey_requests_total{path=\"/nginx\",verdict=\"decoy\"}";
        assert_eq!(server.metric(metric), 2);
        assert_eq!(server.metric("postkey_cached_secrets"), 0);
        let logins = server.metric("postkey_mail_logins_total{verdict=\"decoy\"}");
        assert_eq!(logins, if kind == "smtp" { 4 } else { 0 });
    }
}

#[test]
fn a_server_that_starts_does_not_cache_decoys_beside_other_keys() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "real"]);
    let secret = sandbox.generate(["api", "k", "--decoy"]);
    let server = Server::start(&sandbox);
    wait_for("the cache", || server.metric("postkey_cached_secrets") == 1);
    server.verify(&secret).expect_refusal(401);
    assert_eq!(server.metric("postkey_cached_secrets"), 1);
}

#[test]
fn the_verdict_decoy_takes_precedence() {
    for (what, sql) in [
        ("stopped", "UPDATE keys SET status = 'inactive'"),
        ("limited", "UPDATE keys SET request_limit = '1/day'"),
        ("narrow", "UPDATE keys SET permission = 'read-only'"),
    ] {
        let (sandbox, server, secret) = planted("api");
        edit(&sandbox.vault(), sql);
        rehash(&Connection::open(sandbox.vault()).unwrap());
        let post = "/verify?method=POST&path=/v3/x";
        let answer = server.ask("GET", post, &[("api-key", &secret)]);
        assert!(!answer.has("x-ratelimit-limit"), "{what}");
        answer.expect_refusal(401);
        assert_eq!(sandbox.verify(&secret).0, "decoy", "{what}");
    }
    let (sandbox, _server, secret) = planted("smtp");
    expire(&sandbox, "k", 1_000_000_000);
    for login in ["own_name", "other"] {
        let verify = ["verify", "--username", login];
        let run = sandbox.run_with_input(verify, secret.as_bytes()).expect(1);
        assert!(run.stdout.starts_with("decoy: `k` is a decoy"), "{run:?}");
    }
}

#[test]
fn a_secret_with_only_a_decoys_tail_is_a_mismatch() {
    let (sandbox, server, secret) = planted("api");
    let lookalike = Lookalikes::of(&secret).next().unwrap();
    server.verify(&lookalike).expect_refusal(401);
    assert_eq!(sandbox.verify(&lookalike).0, "mismatch");
    let metric = "postkey_requests_total{path=\"/verify\",verdict=\"mismatch\"}";
    assert_eq!(server.metric(metric), 1);
    assert_eq!(refused(&sandbox, "decoy", &secret, ""), 0);
}

#[test]
fn dovecots_reports_identify_decoys_by_digest() {
    let (sandbox, server, secret) = planted("smtp");
    let tail = &secret[secret.len() - 16..];
    let proof = proof(&sandbox);
    let proof = [("Authorization", &*proof)];
    let report = |tail: &str, digest: &str| {
        let presented =
            format!("\"presented_tail\":\"{tail}\",\"presented_digest\":\"{digest}\",\"tail\":");
        let report = login("own_name", false, "").replace("\"tail\":", &presented);
        let report = post(&server.address, "/dovecot?command=report", &proof, &report);
        assert_eq!(report.expect(200).body, r#"{"status":0,"msg":""}"#);
    };
    report(tail, &digest(&secret));
    report(tail, &digest("another"));
    report("", "");
    wait_for("the report", || {
        refused(&sandbox, "decoy", &secret, "192.0.2.9") == 1
    });
    let logins = |verdict: &str| {
        server.metric(&format!(
            "postkey_mail_logins_total{{verdict=\"{verdict}\"}}"
        ))
    };
    assert_eq!(["decoy", "mismatch"].map(logins), [1, 2]);
}
