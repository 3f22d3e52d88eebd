//! The life of a key, through each gateway.

use jiff::Timestamp;

use super::{GET, Kind, Setup};
use crate::clock::Clock;
use crate::parallel::on_each;
use crate::serve::limits::{early_in_the_minute, expect_left};

fn with_each(test: impl Fn(Kind, Setup) + Sync) {
    on_each(Kind::all(), |kind| test(kind, Setup::start(kind)));
}

#[test]
fn nothing_passes_without_a_valid_key() {
    with_each(|_, setup| {
        let secret = setup.sandbox.generate(["api", "ci"]);
        let mail = setup.sandbox.generate(["smtp", "mail"]);
        let stopped = setup.sandbox.generate(["api", "stopped", "--inactive"]);
        setup.ask(GET, &[]).expect_refusal(401);
        setup.ask(GET, &[("api-key", "")]).expect_refusal(401);
        setup
            .ask(GET, &[("Authorization", &secret)])
            .expect_refusal(401);
        let mut wrong = secret.clone();
        wrong.replace_range(20..21, if &secret[20..21] == "0" { "1" } else { "0" });
        let truncated = &secret[..secret.len() - 1];
        let unknown = crate::sandbox::Sandbox::new().generate(["api", "elsewhere"]);
        for secret in [&wrong, truncated, &unknown, "nonsense", &mail, &stopped] {
            setup.refused(secret, 401);
        }
        setup.expect_nothing_got_through();
    });
}

#[test]
fn the_backend_receives_the_keys_name_and_not_the_key() {
    with_each(|kind, setup| {
        let secret = setup.sandbox.generate(["api", "ci"]);
        let (answer, received) = setup.accepted(&secret);
        assert_eq!(received.line, "GET /v3/contacts?limit=1 HTTP/1.1");
        assert_eq!(received.header("x-postkey-name"), ["ci"]);
        assert_eq!(answer.header("x-ratelimit-limit"), None);
        let bearer = format!("bEARER {secret}");
        setup.ask(GET, &[("Authorization", &bearer)]).expect(200);
        let with_bearer = setup.only();
        let basic = [("api-key", &*secret), ("Authorization", "Basic YTpi")];
        setup.ask(GET, &basic).expect(200);
        let with_basic = setup.only();
        let passed = with_basic.header("authorization") == ["Basic YTpi"];
        assert_eq!(passed, kind.passes_other_credentials(), "{kind:?}");
        for received in [&received, &with_bearer, &with_basic] {
            assert_eq!(received.header("x-postkey-name"), ["ci"]);
            assert!(received.header("api-key").is_empty());
            let all = format!("{received:?}");
            assert!(!all.contains(&secret[8..]), "{kind:?}: {all}");
        }
        assert!(with_bearer.header("authorization").concat().is_empty());
    });
}

#[test]
fn a_request_with_a_body_arrives_whole() {
    with_each(|_, setup| {
        let secret = setup
            .sandbox
            .generate(["api", "ci", "--permission", "send-only"]);
        let body = "0123456789".repeat(30_000);
        let send = |key: &str| {
            let key = [("api-key", key)];
            crate::serve::http::post(&setup.address, "/v3/smtp/email", &key, &body)
        };
        assert_eq!(send(&secret).expect(200).body, "backend\n");
        let received = setup.only();
        assert_eq!(received.line, "POST /v3/smtp/email HTTP/1.1");
        assert!(received.body == body.as_bytes());
        send("nonsense").expect_refusal(401);
        setup.expect_nothing_got_through();
    });
}

#[test]
fn responses_of_the_backend_are_not_taken_for_refusals() {
    with_each(|_, setup| {
        let secret = setup.sandbox.generate(["api", "ci"]);
        for status in [200, 400, 401, 403, 404, 429, 500, 503] {
            let target = format!("/answer/{status}");
            let answer = setup.ask(("GET", &target), &[("api-key", &secret)]);
            assert_eq!((answer.status, &*answer.body), (status, "backend\n"));
        }
    });
}

#[test]
fn permissions_apply_to_the_request_as_the_gateway_received_it() {
    with_each(|kind, setup| {
        let reader = setup
            .sandbox
            .generate(["api", "reader", "--permission", "read-only"]);
        let sender = setup
            .sandbox
            .generate(["api", "sender", "--permission", "send-only"]);
        let ask = |request, secret: &str| setup.ask(request, &[("api-key", secret)]);
        ask(GET, &reader).expect(200);
        ask(("POST", "/v3/smtp/email"), &sender).expect(200);
        setup.backend.received();
        ask(("DELETE", "/v3/contacts/1"), &reader).expect_refusal(403);
        for target in [
            "/v3/contacts",
            "/v3/smtp/%2e%2e/contacts",
            "/v3/smtp/%2e%2e%2fcontacts",
            "/v3/smtp/..%2fcontacts",
            "/v3/smtp/../contacts",
        ] {
            let status = ask(("POST", target), &sender).status;
            assert_eq!(status, 403, "{kind:?}: {target}");
        }
        setup.expect_nothing_got_through();
    });
}

#[test]
fn a_limit_counts_down_and_refuses_until_the_end_of_its_window() {
    with_each(|kind, setup| {
        let secret = setup
            .sandbox
            .generate(["api", "few", "--limit", "3/minute"]);
        early_in_the_minute();
        for left in [2, 1, 0] {
            let (answer, received) = setup.accepted(&secret);
            if kind.tells_what_is_left() {
                expect_left(&answer, 3, left, 60);
            }
            assert!(received.header("x-ratelimit-limit").is_empty());
        }
        for _ in 0..2 {
            let refused = setup.refused(&secret, 429);
            expect_left(&refused, 3, 0, 60);
            assert!((1..=60).contains(&refused.number("retry-after")));
        }
        // A client that is told to wait for hours would hang.
        let daily = setup.sandbox.generate(["api", "daily", "--limit", "1/day"]);
        setup.accepted(&daily);
        let refused = setup.refused(&daily, 429);
        let left = refused.number("x-ratelimit-reset") - Timestamp::now().as_second();
        assert!(
            left <= 60 || !refused.has("retry-after"),
            "{kind:?}: {refused:?}"
        );
        let denied = setup.sandbox.generate([
            "api",
            "both",
            "--limit",
            "3/day",
            "--permission",
            "send-only",
        ]);
        let refused = setup.refused(&denied, 403);
        expect_left(&refused, 3, 3, 86_400);
        assert!(!refused.has("retry-after"), "{kind:?}: {refused:?}");
    });
}

#[test]
fn changes_apply_from_the_next_request_on() {
    with_each(|_, mut setup| {
        let old = setup.sandbox.generate(["api", "ci"]);
        let run = |args: [&str; 3]| setup.sandbox.run(args).expect(0);
        setup.accepted(&old);
        run(["deactivate", "ci", "--quiet"]);
        setup.refused(&old, 401);
        run(["activate", "ci", "--quiet"]);
        setup.accepted(&old);
        let new = run(["regenerate", "--yes", "ci"]).secret();
        setup.refused(&old, 401);
        let (_, received) = setup.accepted(&new);
        assert_eq!(received.header("x-postkey-name"), ["ci"]);
        run(["rename", "ci", "web"]);
        let (_, received) = setup.accepted(&new);
        assert_eq!(received.header("x-postkey-name"), ["web"]);
        run(["delete", "--yes", "web"]);
        setup.refused(&new, 401);
        let brief = setup.sandbox.generate(["api", "brief", "--expires", "1h"]);
        let mut serve = setup.sandbox.command(["serve"]);
        let clock = Clock::of(&setup.sandbox, &mut serve);
        setup.replace_server(serve);
        setup.accepted(&brief);
        clock.set("+2h");
        setup.refused(&brief, 401);
    });
}
