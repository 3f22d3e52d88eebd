//! Unusual requests.

use super::{Kind, Setup};
use crate::parallel::on_each;
use crate::serve::http::{Connection, request};

/// The status of the response, if there is one: some gateways close the connection.
fn ask(setup: &Setup, (method, target): (&str, &str), secret: &str) -> Option<u16> {
    let mut connection = Connection::open(&setup.address);
    let request = request(method, target, &[("api-key", secret)]);
    connection.send(request.as_bytes()).unwrap();
    connection.answer().ok().map(|answer| answer.status)
}

#[test]
fn no_key_permits_connect_or_trace() {
    on_each(Kind::all(), |kind| {
        let setup = Setup::start(kind);
        let secret = setup.sandbox.generate(["api", "ci"]);
        for odd in [
            ("CONNECT", "api.example.com:443"),
            ("CONNECT", "/"),
            ("CONNECT", "/v3/contacts"),
            ("TRACE", "/v3/contacts"),
            ("TRACE", "http://api.example.com/v3/contacts"),
        ] {
            let status = ask(&setup, odd, &secret).unwrap();
            let is_refusal = [400, 403, 405, 501].contains(&status);
            assert!(is_refusal, "{kind:?}: {odd:?}: {status}");
        }
        setup.expect_nothing_got_through();
        setup.accepted(&secret);
    });
}

#[test]
fn a_target_with_a_host_in_it_is_judged_by_its_path() {
    on_each(Kind::all(), |kind| {
        let setup = Setup::start(kind);
        let permission = ["api", "contacts", "--permission", "contacts"];
        let secret = setup.sandbox.generate(permission);
        for (target, expected) in [
            ("http://api.example.com/v3/contacts", 200),
            ("http://api.example.com/v3/smtp", 403),
            ("http://api.example.com/v3/contacts/../smtp", 403),
            ("http://api.example.com/v3/smtp?/v3/contacts", 403),
            ("http://api.example.com", 403),
            ("/http://api.example.com/v3/contacts", 403),
        ] {
            let status = ask(&setup, ("GET", target), &secret).unwrap();
            let received = setup.backend.received();
            let lines: Vec<_> = received.iter().map(|received| &*received.line).collect();
            if expected == 200 {
                assert_eq!(status, 200, "{kind:?}: {target}");
                assert_eq!(lines, ["GET /v3/contacts HTTP/1.1"], "{kind:?}");
            } else {
                assert!([400, 403].contains(&status), "{kind:?}: {target}: {status}");
                assert!(lines.is_empty(), "{kind:?}: {target}: {lines:?}");
            }
        }
    });
}
