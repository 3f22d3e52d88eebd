//! Requests with unusual headers, which must not change the decision.

use super::{GET, Kind, Setup};
use crate::parallel::on_each;
use crate::serve::http::{Connection, request};

#[test]
fn two_keys_are_none() {
    on_each(Kind::all(), |kind| {
        let setup = Setup::start(kind);
        let secret = setup.sandbox.generate(["api", "ci"]);
        let bearer = format!("Bearer {secret}");
        let (own, also) = (("api-key", &*secret), ("Authorization", &*bearer));
        for keys in [[own, also], [also, own], [own, own], [also, also]] {
            let status = setup.ask(GET, &keys).status;
            // A newer nginx itself refuses duplicate headers.
            assert!([400, 401].contains(&status), "{kind:?}: {status}");
        }
        setup.expect_nothing_got_through();
    });
}

#[test]
fn forged_headers_are_ignored_and_removed() {
    const SPOOFED: [(&str, &str); 14] = [
        (
            "Connection",
            "X-Postkey-Name, X-Original-Uri, X-Original-Method, X-Original-Address, \
             X-Forwarded-Uri, X-Forwarded-Method, X-Forwarded-For",
        ),
        ("X-RateLimit-Limit", "666"),
        ("X-Original-URI", "/v3/smtp/email"),
        ("X-Original-Method", "POST"),
        ("X-Original-Address", "192.0.2.66"),
        ("X-Forwarded-Uri", "/v3/smtp/email"),
        ("X-Forwarded-Method", "POST"),
        ("X-Forwarded-For", "192.0.2.66"),
        ("X-Forwarded-Host", "evil.example.com"),
        ("X-Postkey-Name", "root"),
        ("X-Postkey-Status", "200"),
        ("x-postkey-name", "root"),
        ("X_Postkey_Name", "root"),
        ("x-postkey_name", "root"),
    ];
    on_each(Kind::all(), |kind| {
        let setup = Setup::start(kind);
        let sender = setup
            .sandbox
            .generate(["api", "sender", "--permission", "send-only"]);
        let spoofed = |secret| [&[("api-key", secret)], &SPOOFED[..]].concat();
        setup.ask(GET, &spoofed("nonsense")).expect_refusal(401);
        setup.ask(GET, &SPOOFED).expect_refusal(401);
        setup.ask(GET, &spoofed(&sender)).expect_refusal(403);
        setup.expect_nothing_got_through();
        let post = ("POST", "/v3/smtp/email");
        let answer = setup.ask(post, &spoofed(&sender)).expect(200);
        assert_eq!(answer.header("x-ratelimit-limit"), None);
        let received = setup.only();
        assert_eq!(received.header("x-postkey-name"), ["sender"]);
        let told = format!("{received:?}");
        for word in [
            "root",
            "evil",
            "192.0.2.66",
            "X-Original",
            "X-Postkey-Status",
        ] {
            assert!(!told.contains(word), "{kind:?}: {word} in {told}");
        }
        // The recorded address is the one that the gateway saw.
        let query = "SELECT count(*) FROM addresses WHERE address = '127.0.0.1'";
        crate::secrecy::watch::wait_for("the true address", || {
            crate::serve::recording::recorded(&setup.sandbox, query) == Some(1)
        });
    });
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    on_each(Kind::all(), |kind| {
        let setup = Setup::start(kind);
        let secret = setup.sandbox.generate(["api", "ci"]);
        let large = "a".repeat(1 << 20);
        let medium = "a".repeat(40_000);
        let mut heads = vec![vec![("api-key", &*large)], vec![("api-key", &*medium)]];
        // Traefik does not forward other headers of a client.
        if kind != Kind::Traefik {
            heads.push(vec![("api-key", &*secret), ("x", &large)]);
        }
        for headers in heads {
            let mut connection = Connection::open(&setup.address);
            // The response may come before the request was read completely.
            let _ = connection.send(request("GET", "/", &headers).as_bytes());
            if let Ok(answer) = connection.answer() {
                // The checker closes the connection, while the gateway may still be sending.
                let hung_up = kind.status_without_a_checker();
                assert!(
                    [400, 401, 414, 431, 502, hung_up].contains(&answer.status),
                    "{kind:?}: {answer:?}"
                );
            }
        }
        setup.expect_nothing_got_through();
        setup.accepted(&secret);
    });
}

#[test]
fn the_checker_cannot_be_asked_through_the_gateway() {
    on_each(Kind::all(), |kind| {
        let setup = Setup::start(kind);
        let secret = setup.sandbox.generate(["api", "ci"]);
        for target in ["/_postkey", "/nginx", "/forward", "/metrics", "/dovecot"] {
            setup
                .ask(("GET", target), &[])
                .expect_status_of_a_stranger();
        }
        setup.expect_nothing_got_through();
        setup.accepted(&secret);
    });
}

impl crate::serve::http::Answer {
    #[track_caller]
    fn expect_status_of_a_stranger(self) {
        assert!([401, 404].contains(&self.status), "{self:?}");
    }
}
