//! Limits: exact windows, per key, and kept over a restart.

use std::thread::{scope, sleep};
use std::time::Duration;

use jiff::Timestamp;

use super::http::Answer;
use super::server::Server;
use crate::sandbox::Sandbox;

/// Waits until enough of the clock's minute is left for the test.
pub fn early_in_the_minute() {
    let left = 60 - Timestamp::now().as_second() % 60;
    if left < 8 {
        sleep(Duration::from_secs(u64::try_from(left).unwrap()));
    }
}

/// Checks what the response says about a limit of this many per window.
#[track_caller]
pub fn expect_left(answer: &Answer, limit: i64, left: i64, window: i64) {
    let numbers =
        ["limit", "remaining", "reset"].map(|what| answer.number(&format!("x-ratelimit-{what}")));
    let now = Timestamp::now().as_second();
    assert_eq!(numbers, [limit, left, now - now % window + window]);
}

#[test]
fn the_remaining_requests_count_down_within_a_window() {
    let sandbox = Sandbox::new();
    let few = sandbox.generate(["api", "few", "--limit", "3/minute"]);
    let many = sandbox.generate(["api", "many", "--limit", "5/day"]);
    let server = Server::start(&sandbox);
    early_in_the_minute();
    for left in [2, 1, 0] {
        expect_left(&server.verify(&few).expect(200), 3, left, 60);
        expect_left(&server.verify(&many).expect(200), 5, left + 2, 86_400);
    }
    let refused = server.verify(&few).expect_refusal(429);
    expect_left(&refused, 3, 0, 60);
    let wait = refused.number("retry-after");
    let reset = refused.number("x-ratelimit-reset") - Timestamp::now().as_second();
    assert!((reset..=reset + 1).contains(&wait), "{wait} and {reset}");
    expect_left(&server.verify(&many).expect(200), 5, 1, 86_400);
    // A refusal does not count, and limits are not disclosed without a valid key.
    server.verify(&few).expect_refusal(429);
    let mut wrong = many.clone();
    wrong.replace_range(20..21, if &many[20..21] == "0" { "1" } else { "0" });
    assert_eq!(
        server
            .verify(&wrong)
            .expect(401)
            .header("x-ratelimit-limit"),
        None
    );
    sandbox.run(["deactivate", "few"]).expect(0);
    let refused = server.verify(&few).expect_refusal(401);
    assert_eq!(refused.header("x-ratelimit-limit"), None);
}

#[test]
fn restarts_and_verify_share_a_keys_limit() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--limit", "6/day"]);
    let server = Server::start(&sandbox);
    expect_left(&server.verify(&secret).expect(200), 6, 5, 86_400);
    expect_left(&server.verify(&secret).expect(200), 6, 4, 86_400);
    server.stop();
    assert_eq!(sandbox.verify(&secret).1, 0);
    let server = Server::start(&sandbox);
    expect_left(&server.verify(&secret).expect(200), 6, 2, 86_400);
    expect_left(&server.verify(&secret).expect(200), 6, 1, 86_400);
    server.verify(&secret).expect(200);
    server.verify(&secret).expect_refusal(429);
    server.stop();
    assert_eq!(sandbox.verify(&secret).0, "over-limit");
    let server = Server::start(&sandbox);
    server.verify(&secret).expect_refusal(429);
}

#[test]
fn clients_are_never_told_to_wait_longer_than_a_minute() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--limit", "1/day"]);
    let server = Server::start(&sandbox);
    server.verify(&secret).expect(200);
    let refused = server.verify(&secret).expect_refusal(429);
    expect_left(&refused, 1, 0, 86_400);
    let reset = refused.number("x-ratelimit-reset");
    let left = reset - Timestamp::now().as_second();
    assert!(
        left <= 60 || refused.header("retry-after").is_none(),
        "{refused:?}"
    );
}

#[test]
fn concurrent_requests_cannot_exceed_the_limit() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--limit", "40/day"]);
    let server = Server::start(&sandbox);
    let accepted = scope(|scope| {
        let asking: Vec<_> = (0..100)
            .map(|_| scope.spawn(|| server.verify(&secret).status))
            .collect();
        let statuses = asking.into_iter().map(|asking| asking.join().unwrap());
        statuses
            .inspect(|status| assert!([200, 429].contains(status), "{status}"))
            .filter(|&status| status == 200)
            .count()
    });
    assert_eq!(accepted, 40);
}

#[test]
fn a_limit_that_is_changed_counts_from_the_next_request_on() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--limit", "1/day"]);
    let server = Server::start(&sandbox);
    server.verify(&secret).expect(200);
    server.verify(&secret).expect_refusal(429);
    sandbox.run(["set", "ci", "--limit", "3/day"]).expect(0);
    expect_left(&server.verify(&secret).expect(200), 3, 1, 86_400);
    sandbox.run(["set", "ci", "--limit", "none"]).expect(0);
    let accepted = server.verify(&secret).expect(200);
    assert_eq!(accepted.header("x-ratelimit-limit"), None);
}
