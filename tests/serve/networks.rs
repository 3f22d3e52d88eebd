//! Keys that can only be used from some networks.

use super::http::Answer;
use super::recording::{ACCEPTED, recorded};
use super::server::Server;
use super::socket;
use crate::sandbox::Sandbox;
use crate::secrecy::watch::wait_for;

/// What the keys here are bound to.
const NETWORKS: &str = "203.0.113.0/24,2001:db8::/32";

/// Addresses of clients, as gateways write them, and whether they are in these networks. What is
/// not an address is in none.
const ADDRESSES: [(&str, bool); 9] = [
    ("203.0.113.7", true),
    ("::ffff:203.0.113.7", true),
    ("2001:db8::1", true),
    ("[2001:db8::1]:443", true),
    ("203.0.113.7:50000", true),
    ("203.0.112.7", false),
    ("::ffff:198.51.100.1", false),
    ("2001:db9::1", false),
    ("unknown", false),
];

/// Checks that it is a refusal that tells the client why, but not what its networks are.
#[track_caller]
fn expect_refused(answer: Answer, address: &str) {
    assert_eq!(answer.status, 403, "{address}: {answer:?}");
    let body =
        r#"{"code":"permission_denied","message":"API key is not allowed from this address"}"#;
    assert_eq!(answer.body, body);
    assert_eq!(answer.header("x-postkey-status"), Some("403"));
    assert_eq!(answer.header("x-postkey-name"), None);
}

#[test]
fn a_key_is_only_accepted_from_its_networks_and_a_refusal_uses_up_no_limit() {
    let sandbox = Sandbox::new();
    let secret = ["api", "web", "--network", NETWORKS, "--limit", "99/day"];
    let secret = sandbox.generate(secret);
    let free = sandbox.generate(["api", "free"]);
    let server = Server::start(&sandbox);
    let (mut accepted, mut refused) = (0, 0);
    for (address, is_inside) in ADDRESSES {
        // The other gateway's headers say that the client is inside.
        let nginx = [
            ("api-key", &*secret),
            ("X-Original-Method", "GET"),
            ("X-Original-URI", "/"),
            ("X-Original-Address", address),
            ("X-Forwarded-For", "203.0.113.7"),
        ];
        let list = format!("203.0.113.7, {address}");
        let forward = [
            ("api-key", &*secret),
            ("X-Forwarded-Method", "GET"),
            ("X-Forwarded-Uri", "/"),
            ("X-Forwarded-For", &list),
            ("X-Original-Address", "203.0.113.7"),
        ];
        let query = address.replace('[', "%5B").replace(']', "%5D");
        let query = format!("/verify?address={query}");
        let key = [("api-key", &*secret)];
        let mut answers = vec![
            server.ask("GET", "/nginx", &nginx),
            server.ask("GET", "/forward", &forward),
        ];
        if address != "unknown" {
            answers.push(server.ask("GET", &query, &key));
        }
        for answer in answers {
            if is_inside {
                accepted += 1;
                let answer = answer.expect(200);
                assert_eq!(answer.number("x-ratelimit-remaining"), 99 - accepted);
                continue;
            }
            refused += 1;
            expect_refused(answer, address);
        }
    }
    // Without an address the client is nowhere.
    let key = ("api-key", &*secret);
    let request = [key, ("X-Original-Method", "GET"), ("X-Original-URI", "/")];
    expect_refused(server.verify(&secret), "none");
    expect_refused(server.ask("GET", "/nginx", &request), "none");
    refused += 2;
    server.verify(&free).expect(200);
    let verdict = "SELECT sum(count) FROM refusals WHERE key_id = 1 AND verdict = 'network'";
    wait_for("the refusals", || {
        recorded(&sandbox, verdict) == Some(refused)
    });
    assert_eq!(recorded(&sandbox, ACCEPTED), Some(accepted + 1));
    let usage = sandbox.run(["usage", "web", "--format", "json"]).expect(0);
    assert!(usage.stdout.contains("\"network\""), "{usage:?}");
    // A change counts from the next request on.
    sandbox.run(["set", "web", "--network", "any"]).expect(0);
    server.verify(&secret).expect(200);
    sandbox
        .run(["set", "web", "--network", "10.0.0.0/8"])
        .expect(0);
    expect_refused(server.ask("GET", "/nginx", &request), "none");
}

#[test]
fn other_reasons_come_first() {
    let sandbox = Sandbox::new();
    let restricted = [
        "--network",
        NETWORKS,
        "--permission",
        "read-only",
        "--limit",
        "1/day",
    ];
    let secret = ["api", "web"].iter().chain(&restricted).copied();
    let secret = sandbox.generate::<8>(secret.collect::<Vec<_>>().try_into().unwrap());
    let server = Server::start(&sandbox);
    let ask = |address: &str, method: &str| {
        let target = format!("/verify?address={address}&method={method}&path=/");
        let answer = server.ask("GET", &target, &[("api-key", &secret)]);
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
        (
            answer.status,
            body["message"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let denied = "API key is not allowed from this address".to_owned();
    assert_eq!(ask("192.0.2.1", "POST"), (403, denied.clone()));
    assert_eq!(ask("203.0.113.7", "POST").0, 403);
    assert_ne!(ask("203.0.113.7", "POST").1, denied);
    assert_eq!(ask("203.0.113.7", "GET").0, 200);
    assert_eq!(ask("203.0.113.7", "GET").0, 429);
    // What is left of a limit is not told where the key cannot be used.
    assert_eq!(ask("192.0.2.1", "GET"), (403, denied));
    sandbox.run(["deactivate", "web"]).expect(0);
    assert_eq!(ask("192.0.2.1", "GET").0, 401);
}

#[test]
fn a_login_is_only_accepted_from_its_networks() {
    let sandbox = Sandbox::new();
    let mail = [
        "smtp",
        "mail",
        "--username",
        "mail_prod",
        "--network",
        NETWORKS,
    ];
    let secret = sandbox.generate(mail);
    let server = socket::start(&sandbox);
    let login = |query: &str| {
        let login = socket::basic("mail_prod", &secret);
        let target = format!("/login{query}");
        server.ask("GET", &target, &[("Authorization", &login)])
    };
    let mut refused = 0;
    for (address, is_inside) in ADDRESSES {
        let address = address.replace('[', "%5B").replace(']', "%5D");
        let answer = login(&format!("?address={address}"));
        match is_inside {
            true => drop(answer.expect(200)),
            false => {
                refused += 1;
                socket::expect_refused(answer);
            }
        }
    }
    socket::expect_refused(login(""));
    refused += 1;
    let verdict = "SELECT sum(count) FROM refusals WHERE key_id = 1 AND verdict = 'network'";
    wait_for("the refusals", || {
        recorded(&sandbox, verdict) == Some(refused)
    });
    assert_eq!(socket::logins(&server, "network"), refused);
}
