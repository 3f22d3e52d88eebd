//! An upgraded connection must not bypass the check.

use super::{Kind, Setup};
use crate::parallel::on_each;
use crate::serve::http::{Connection, Header, request};

/// Protocols besides WebSocket that a client may request.
const OTHERS: [&[Header]; 7] = [
    &[("Upgrade", "h2c")],
    &[("Upgrade", "H2C")],
    &[("Upgrade", "h2c"), ("Upgrade", "websocket")],
    &[("Upgrade", "websocket"), ("Upgrade", "h2c")],
    &[("Upgrade", "websocket, h2c")],
    &[("Upgrade", "h2c, websocket")],
    &[("Upgrade", "TLS/1.2")],
];

#[test]
fn only_websocket_upgrades_reach_the_backend() {
    on_each(Kind::all(), |kind| {
        let setup = Setup::start(kind);
        let secret = setup
            .sandbox
            .generate(["api", "reader", "--permission", "read-only"]);
        for connection in ["Upgrade", "Upgrade, HTTP2-Settings"] {
            for others in OTHERS {
                let own = [
                    ("api-key", &*secret),
                    ("Connection", connection),
                    ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
                ];
                let mut client = Connection::open(&setup.address);
                let head = request("GET", "/", &[&own[..], others].concat());
                client.send(head.as_bytes()).unwrap();
                let answered = client.answer().map(|answer| answer.status);
                let smuggled = request("POST", "/smuggled", &[("X-Postkey-Name", "root")]);
                // The gateway may have closed the connection.
                let _ = client.send(smuggled.as_bytes());
                let _ = client.line();
                let received = format!("{:?}", setup.backend.received());
                for word in [
                    "smuggled",
                    "root",
                    "h2c",
                    "H2C",
                    "TLS/1.2",
                    "AAMAAABkAAQAAP__",
                ] {
                    assert!(
                        !received.contains(word),
                        "{kind:?}: {others:?} ({answered:?}): {received}"
                    );
                }
            }
        }
    });
}

#[test]
fn a_websocket_is_opened_with_a_valid_key_only() {
    on_each(Kind::all(), |kind| {
        let setup = Setup::start(kind);
        let secret = setup.sandbox.generate(["api", "ci"]);
        let open = |key: &str, upgrade: &str| {
            let headers = [
                ("api-key", key),
                ("Connection", "Upgrade"),
                ("Upgrade", upgrade),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ];
            let mut client = Connection::open(&setup.address);
            let head = request("GET", "/live", &headers);
            client.send(head.as_bytes()).unwrap();
            let status = client.head().unwrap().status;
            (client, status)
        };
        assert_eq!(open("nonsense", "websocket").1, 401);
        setup.expect_nothing_got_through();
        for upgrade in ["websocket", "WebSocket"] {
            let (mut client, status) = open(&secret, upgrade);
            assert_eq!(status, 101, "{kind:?}");
            let received = setup.only();
            assert_eq!(received.header("x-postkey-name"), ["ci"]);
            assert!(received.header("api-key").is_empty());
            client.send(b"hello\n").unwrap();
            assert_eq!(client.line().unwrap(), "hello\n", "{kind:?}");
        }
    });
}
