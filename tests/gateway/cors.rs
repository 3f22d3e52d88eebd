//! Web pages from other origins: preflights without a key, and readable refusals.

use super::{GET, Kind, Setup};
use crate::mail::Debian;
use crate::parallel::on_each;
use crate::serve::http::{Answer, Header};

const PAGE: &str = "https://app.example.com";
const ALLOWED: &str = "cors_origins = [\"https://app.example.com\"]\n";
const OPTIONS: (&str, &str) = ("OPTIONS", "/v3/contacts");

/// A browser's preflight for a `DELETE` with a key.
fn preflight(origin: &str) -> [Header<'_>; 3] {
    [
        ("Origin", origin),
        ("Access-Control-Request-Method", "DELETE"),
        ("Access-Control-Request-Headers", "api-key"),
    ]
}

/// The page that a browser allows to read this.
fn readable_by(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[test]
fn a_preflight_of_an_allowed_page_reaches_the_backend_without_a_name() {
    on_each(Kind::all(), |kind| {
        let setup = Setup::start_set(kind, ALLOWED);
        setup.ask(OPTIONS, &preflight(PAGE)).expect(200);
        let received = setup.only();
        assert_eq!(received.line, "OPTIONS /v3/contacts HTTP/1.1", "{kind:?}");
        assert_eq!(received.header("origin"), [PAGE], "{kind:?}");
        assert_eq!(received.header("x-postkey-name").concat(), "", "{kind:?}");
        let spoofed = [&preflight(PAGE)[..], &[("X-Postkey-Name", "root")]].concat();
        setup.ask(OPTIONS, &spoofed).expect(200);
        assert_eq!(
            setup.only().header("x-postkey-name").concat(),
            "",
            "{kind:?}"
        );
    });
}

#[test]
fn requests_that_only_resemble_preflights_are_refused() {
    on_each(Kind::all(), |kind| {
        let setup = Setup::start_set(kind, ALLOWED);
        let stopped = setup.sandbox.generate(["api", "stopped", "--inactive"]);
        let bearer = format!("Bearer {stopped}");
        let page = preflight(PAGE);
        let with = |more: &[Header<'_>]| setup.ask(OPTIONS, &[&page[..], more].concat()).status;
        setup.ask(GET, &page).expect_refusal(401);
        setup
            .ask(("DELETE", "/v3/contacts"), &page)
            .expect_refusal(401);
        setup.ask(OPTIONS, &page[..1]).expect_refusal(401);
        setup.ask(OPTIONS, &page[1..]).expect_refusal(401);
        setup
            .ask(OPTIONS, &preflight("https://evil.example"))
            .expect_refusal(401);
        setup.ask(OPTIONS, &preflight("null")).expect_refusal(401);
        for more in [
            &[("api-key", &*stopped)][..],
            &[("api-key", "")],
            &[("Authorization", &*bearer)],
            &[("Authorization", "Basic YTpi")],
            &[("X-Original-Method", "OPTIONS"), ("api-key", "x")],
            &[("Upgrade", "websocket"), ("Connection", "upgrade")],
            &[("Origin", "https://evil.example")],
        ] {
            let status = with(more);
            // HAProxy and a newer nginx refuse some duplicate headers themselves.
            assert!([400, 401].contains(&status), "{kind:?}: {more:?}: {status}");
        }
        setup.expect_nothing_got_through();
        let status = with(&[("Upgrade", "h2c"), ("Connection", "upgrade")]);
        if kind == Kind::Haproxy(Debian::Trixie) {
            // HAProxy 3 removes that itself, which leaves a preflight.
            assert_eq!(status, 200);
            assert!(setup.only().header("upgrade").is_empty());
        } else {
            assert_eq!(status, 401, "{kind:?}");
            setup.expect_nothing_got_through();
        }
    });
}

#[test]
fn a_page_reads_a_refusal_if_it_is_allowed_to() {
    on_each(Kind::all(), |kind| {
        let setup = Setup::start_set(kind, ALLOWED);
        let limited = [
            "api",
            "few",
            "--limit",
            "1/minute",
            "--permission",
            "read-only",
        ];
        let secret = setup.sandbox.generate(limited);
        let ask = |method, origin, key| {
            setup.ask((method, "/v3"), &[("Origin", origin), ("api-key", key)])
        };
        for (method, key, status) in [("GET", "nonsense", 401), ("POST", &*secret, 403)] {
            let answer = ask(method, PAGE, key).expect_refusal(status);
            assert_eq!(readable_by(&answer), Some(PAGE), "{kind:?}: {answer:?}");
            assert!(
                answer
                    .header("vary")
                    .is_some_and(|vary| vary.contains("Origin")),
                "{kind:?}"
            );
            let answer = ask(method, "https://evil.example", key).expect_refusal(status);
            assert_eq!(readable_by(&answer), None, "{kind:?}: {answer:?}");
        }
        // The backend decides how pages may read its responses.
        let accepted = ask("GET", PAGE, &secret).expect(200);
        assert!(
            !accepted.has("access-control-allow-origin"),
            "{kind:?}: {accepted:?}"
        );
        let refused = ask("GET", PAGE, &secret);
        // A new minute may have begun.
        if refused.status == 429 {
            assert_eq!(readable_by(&refused), Some(PAGE), "{kind:?}: {refused:?}");
            let exposed = refused.header("access-control-expose-headers").unwrap();
            assert!(exposed.contains("Retry-After"), "{kind:?}: {exposed}");
        }
        setup.backend.received();
    });
}

#[test]
fn cors_is_disabled_by_default() {
    on_each(Kind::all(), |kind| {
        let setup = Setup::start(kind);
        let answer = setup.ask(OPTIONS, &preflight(PAGE)).expect_refusal(401);
        assert!(
            !answer.has("access-control-allow-origin"),
            "{kind:?}: {answer:?}"
        );
        setup.expect_nothing_got_through();
    });
}
