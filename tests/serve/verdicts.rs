//! Responses: the verdicts, each caller's own headers, and invalid input.

use super::http::{Connection, request};
use super::server::Server;
use crate::sandbox::Sandbox;

/// A permission in the settings for part of an API.
const SETTINGS: &str = "[permissions]\ncontacts-read = [\"GET /v3/contacts/*\"]\n";

#[test]
fn each_verdict_has_its_status_its_code_and_its_headers() {
    let sandbox = Sandbox::new();
    let full = sandbox.generate(["api", "full"]);
    let reader = sandbox.generate(["api", "reader", "--permission", "read-only"]);
    let mail = sandbox.generate(["smtp", "mail"]);
    let stopped = sandbox.generate(["api", "stopped", "--inactive"]);
    let server = Server::start(&sandbox);
    let accepted = server.verify(&full).expect(200);
    assert_eq!(accepted.header("x-postkey-name"), Some("full"));
    assert_eq!(accepted.header("x-postkey-status"), Some("200"));
    assert_eq!(accepted.header("x-ratelimit-limit"), None);
    assert_eq!(accepted.body, "");
    let mut wrong = full.clone();
    wrong.replace_range(20..21, if &full[20..21] == "0" { "1" } else { "0" });
    for secret in ["", "xkeypost-", &wrong, &full[1..], &mail, &stopped] {
        let refused = server.verify(secret).expect_refusal(401);
        assert_eq!(refused.header("x-postkey-status"), Some("401"));
    }
    let write = "/verify?method=POST&path=/v3/contacts";
    let refused = server.ask("GET", write, &[("api-key", &reader)]);
    refused.expect_refusal(403);
    let read = "/verify?method=GET&path=/v3/contacts";
    server.ask("GET", read, &[("api-key", &reader)]).expect(200);
    // Only nginx gets 403 instead of 429, and 401 and 403 unchanged.
    let denied = [
        ("api-key", &*reader),
        ("X-Original-Method", "POST"),
        ("X-Original-URI", "/v3/contacts"),
    ];
    let denied = server.ask("GET", "/nginx", &denied).expect_refusal(403);
    assert_eq!(denied.header("x-postkey-status"), Some("403"));
}

#[test]
fn two_keys_in_a_request_count_as_none() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    let bearer = format!("Bearer {secret}");
    let own = ("api-key", &*secret);
    let also = ("Authorization", &*bearer);
    let verify = |headers: &[_]| server.ask("GET", "/verify", headers).status;
    assert_eq!(verify(&[own]), 200);
    assert_eq!(verify(&[also]), 200);
    assert_eq!(verify(&[own, ("Authorization", "Basic YTpi")]), 200);
    assert_eq!(verify(&[]), 401);
    assert_eq!(verify(&[own, also]), 401);
    assert_eq!(verify(&[own, own]), 401);
    assert_eq!(verify(&[also, also]), 401);
    assert_eq!(verify(&[("Authorization", &secret)]), 401);
}

#[test]
fn headers_of_other_callers_are_ignored() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "reader", "--permission", "read-only"]);
    let server = Server::start(&sandbox);
    let status = |path: &str, true_family: &str, others: &str| {
        let name = |family, what| format!("X-{family}-{what}");
        let (method, target) = (name(true_family, "Method"), name(true_family, "Uri"));
        let (spoofed, there) = (name(others, "Method"), name(others, "Uri"));
        let headers = [
            ("api-key", &*secret),
            (&*method, "DELETE"),
            (&*target, "/v3/contacts"),
            (&*spoofed, "GET"),
            (&*there, "/"),
            ("X-Postkey-Status", "200"),
            ("X-Postkey-Name", "root"),
        ];
        server.ask("GET", path, &headers).status
    };
    assert_eq!(status("/nginx", "Original", "Forwarded"), 403);
    assert_eq!(status("/forward", "Forwarded", "Original"), 403);
    // Without its own headers, a gateway's question is about nothing that is allowed.
    for path in ["/nginx", "/forward"] {
        let other = if path == "/nginx" {
            "Forwarded"
        } else {
            "Original"
        };
        let (method, target) = (format!("X-{other}-Method"), format!("X-{other}-Uri"));
        let headers = [("api-key", &*secret), (&*method, "GET"), (&*target, "/")];
        server.ask("GET", path, &headers).expect_refusal(403);
    }
}

#[test]
fn a_path_is_judged_by_what_it_means() {
    let sandbox = Sandbox::new();
    sandbox.settings(SETTINGS);
    let secret = sandbox.generate(["api", "reader", "--permission", "contacts-read"]);
    let full = sandbox.generate(["api", "full"]);
    let server = Server::start(&sandbox);
    let mut connection = Connection::open(&server.address);
    for (path, status) in [
        ("/v3/contacts/1", 200),
        ("/v3/contacts/1?next=/../../x", 200),
        ("/v3/contacts/%31", 200),
        ("/v3/contacts", 403),
        ("/v3/contacts/../senders", 403),
        ("/v3/contacts/%2e%2e/senders", 403),
        ("/v3/contacts/%2e%2e%2fsenders", 403),
        ("/v3/contacts/..%2fsenders", 403),
        ("/v3/contacts%2f1", 403),
        ("/v3/contacts/%00", 403),
        ("/v3/contacts/%", 403),
        ("/v3/contacts/..\\..\\senders", 403),
        ("//v3/contacts/1/../../../x", 403),
        ("", 403),
    ] {
        let headers = [
            ("api-key", &*secret),
            ("X-Original-Method", "GET"),
            ("X-Original-URI", path),
        ];
        let answer = connection.ask("GET", "/nginx", &headers);
        assert_eq!(answer.status, status, "{path}");
    }
    // Servers disagree on these, so they are always refused.
    for path in ["/a/../b", "/%2E%2e/b", "/a\\b", "/%zz"] {
        let headers = [
            ("api-key", &*full),
            ("X-Original-Method", "GET"),
            ("X-Original-URI", path),
        ];
        let answer = connection.ask("GET", "/nginx", &headers);
        assert_eq!(answer.status, 403, "{path}");
    }
}

#[test]
fn half_a_question_and_an_unknown_path_are_errors_that_accept_nothing() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    let key = [("api-key", &*secret)];
    for (target, status) in [
        ("/verify?method=GET", 400),
        ("/verify?Method=GET&Path=/", 400),
        ("/verify?path=/", 400),
        ("/verify?address=nowhere", 400),
        ("/verify?method=GET&method=PUT&path=/", 400),
        ("/", 404),
        ("/verify/", 404),
        ("/Verify", 404),
        ("//verify", 404),
        ("/nginx/../verify", 404),
        ("/vault.db", 404),
    ] {
        let answer = server.ask("GET", target, &key);
        assert_eq!(answer.status, status, "{target}: {answer:?}");
        assert_eq!(answer.header("x-postkey-name"), None);
    }
}

#[test]
fn presented_secrets_are_not_in_the_log() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    server.verify(&secret).expect(200);
    server.verify(&secret[..80]).expect(401);
    let target = format!("/verify?method={secret}&path=/");
    server.ask("GET", &target, &[("api-key", &secret)]);
    server.ask("GET", &format!("/{secret}"), &[]).expect(404);
    let mut connection = Connection::open(&server.address);
    let broken = request("GET", "/verify", &[("api key", &secret)]);
    connection.send(broken.as_bytes()).unwrap();
    connection.answer().unwrap().expect(400);
    let metrics = server.ask("GET", "/metrics", &[]).body;
    let log = server.stop();
    let mut parts = (0..secret.len() - 8).map(|at| &secret[at..at + 8]);
    // The brand and similar are public.
    let leaked =
        parts.find(|part| !part.starts_with("xkey") && (log.clone() + &metrics).contains(part));
    assert_eq!(leaked, None, "{log}");
}
