//! What a valid secret opens: kinds, logins, and permissions as rules.

use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::run_with_input;

const SETTINGS: &str =
    "[permissions]\nreports = [\"GET,HEAD /v3/reports/*\", \"POST /v3/*/stats\"]\n";

#[test]
fn the_built_in_permissions_allow_their_requests_and_no_others() {
    let sandbox = Sandbox::new();
    for (permission, requests) in [
        (
            "full",
            [
                ("DELETE", "/", 0),
                ("X-ANY", "/v3/a%2Fb?q", 0),
                ("GET", "/v3/../x", 1),
                ("GET", "v3", 1),
            ],
        ),
        (
            "read-only",
            [
                ("GET", "/v3/x?a=b", 0),
                ("HEAD", "/", 0),
                ("POST", "/v3/x", 1),
                ("get", "/v3/x", 1),
            ],
        ),
        (
            "send-only",
            [
                ("POST", "/v3/smtp/email", 0),
                ("POST", "/v3/smtp", 1),
                ("GET", "/v3/smtp/email", 1),
                ("POST", "/v3/smtpx/a", 1),
            ],
        ),
        (
            "contacts",
            [
                ("PUT", "/v3/contacts", 0),
                ("GET", "/v3/contacts/1/x", 0),
                ("GET", "/v3/Contacts", 1),
                ("GET", "/v3/contactsx", 1),
            ],
        ),
    ] {
        let secret = sandbox.generate(["api", permission, "--permission", permission]);
        for (method, path, status) in requests {
            let run = ask(&sandbox, &secret, &["--method", method, "--path", path]).expect(status);
            let verdict = if status == 0 {
                "accepted"
            } else {
                "permission-missing"
            };
            assert!(
                run.stdout.starts_with(verdict),
                "{permission} {method} {path}: {run:?}"
            );
        }
    }
}

#[test]
fn a_disguised_path_is_refused() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci", "--permission", "contacts"]);
    for path in [
        "/v3/contacts/../smtp/email",
        "/v3/contacts/%2e%2e/smtp/email",
        "/v3/contacts/%252e%252e/smtp",
        "/v3/contacts/..%2fsmtp",
        "/v3/contacts/..;/smtp",
        "/v3/contacts\\..\\smtp",
        "/v3/contacts/%5c..%5csmtp",
        "/v3/contacts%2F1",
        "//v3/contacts",
        "/v3//contacts",
        "/v3/contacts/%00",
        "/v3/contacts/%0d%0aX",
        "/v3/contacts/%zz",
        "http://host/v3/contacts",
        "/v3/./contacts",
        "/v3/x/../contacts",
        "",
    ] {
        ask(&sandbox, &secret, &["--method", "GET", "--path", path]).expect(1);
    }
}

#[test]
fn a_permission_of_the_settings_allows_what_its_rules_say() {
    let sandbox = Sandbox::new();
    sandbox.settings(SETTINGS);
    let secret = sandbox.generate(["api", "ci", "--permission", "reports"]);
    for (method, path, status) in [
        ("GET", "/v3/reports/daily", 0),
        ("HEAD", "/v3/reports/2026/11", 0),
        ("GET", "/v3/reports", 1),
        ("POST", "/v3/reports/daily", 1),
        ("POST", "/v3/7/stats", 0),
        ("POST", "/v3/7/8/stats", 1),
    ] {
        let run = ask(&sandbox, &secret, &["--method", method, "--path", path]);
        assert_eq!(run.status, status, "{method} {path}: {run:?}");
    }
    ask(&sandbox, &secret, &["--permission", "reports"]).expect(0);
    ask(&sandbox, &secret, &["--permission", "read-only"]).expect(1);
    let full = sandbox.generate(["api", "full"]);
    ask(&sandbox, &full, &["--permission", "reports"]).expect(0);
}

#[test]
fn an_undefined_permission_allows_nothing_and_is_listed() {
    let sandbox = Sandbox::new();
    sandbox.settings(SETTINGS);
    let secret = sandbox.generate(["api", "ci", "--permission", "reports"]);
    sandbox.settings("");
    let request = ["--method", "GET", "--path", "/v3/reports/daily"];
    let run = ask(&sandbox, &secret, &request).expect(1);
    assert!(
        run.stdout.contains("the permission reports of `ci`"),
        "{run:?}"
    );
    ask(&sandbox, &secret, &[]).expect(0);
    assert_eq!(sandbox.show("ci")["permission"], "reports");
    let list = sandbox.run(["list", "--permission", "reports"]).expect(0);
    assert!(list.stdout.contains("reports"), "{list:?}");
    sandbox.settings(SETTINGS);
    ask(&sandbox, &secret, &request).expect(0);
}

#[test]
fn an_unknown_permission_gets_the_nearest_right_word() {
    let sandbox = Sandbox::new();
    sandbox.settings(SETTINGS);
    let secret = sandbox.generate(["api", "ci"]);
    for (given, meant) in [
        ("readonly", "read-only"),
        ("report", "reports"),
        ("contact", "contacts"),
    ] {
        let hint = format!("did you mean `{meant}`?");
        for args in [
            &["generate", "api", "new", "--permission", given][..],
            &["set", "ci", "--permission", given],
            &["verify", "--permission", given],
        ] {
            let run = run_with_input(&sandbox, args, &secret).expect(2);
            assert!(run.stderr.contains(&hint), "{args:?}: {run:?}");
        }
    }
    sandbox.run(["show", "new"]).expect(3);
}

#[test]
fn a_secret_opens_only_the_kind_and_login_that_it_is_for() {
    let sandbox = Sandbox::new();
    let api = sandbox.generate(["api", "ci"]);
    let smtp = sandbox.generate(["smtp", "mail", "--username", "Rails_prod"]);
    for (secret, args, status) in [
        (&api, &["--kind", "api"][..], 0),
        (&api, &["--kind", "smtp"], 1),
        (&api, &["--username", "rails_prod"], 1),
        (&smtp, &["--kind", "smtp", "--username", "rails_PROD"], 0),
        (&smtp, &["--username", "Rails_prod"], 0),
        (&smtp, &["--username", "rails_prod2"], 1),
        (&smtp, &["--kind", "api"], 1),
    ] {
        let run = ask(&sandbox, secret, args).expect(status);
        let verdict = if status == 0 { "accepted" } else { "mismatch" };
        assert!(run.stdout.starts_with(verdict), "{args:?}: {run:?}");
        let is_explained = run.stdout.contains("not what was asked for");
        assert_eq!(is_explained, status != 0, "{args:?}: {run:?}");
    }
    let run = ask(&sandbox, &smtp, &["--permission", "full"]).expect(1);
    assert!(run.stdout.starts_with("permission-missing"), "{run:?}");
}

#[test]
fn half_a_request_or_a_wrong_address_is_a_usage_error() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    for args in [
        &["--method", "GET"][..],
        &["--path", "/v3"],
        &["--permission", "full", "--method", "GET", "--path", "/"],
        &["--ip", "localhost"],
        &["--ip", "203.0.113.9:x"],
        &["--permission", "Full"],
    ] {
        ask(&sandbox, &secret, args).expect(2);
    }
    for address in [
        "203.0.113.9",
        "203.0.113.9:80",
        "::ffff:203.0.113.9",
        "2001:db8::1",
    ] {
        ask(&sandbox, &secret, &["--ip", address]).expect(0);
    }
    let addresses = &sandbox.show("ci")["usage"]["addresses"];
    assert_eq!(addresses.as_array().unwrap().len(), 2);
}

fn ask(sandbox: &Sandbox, secret: &str, args: &[&str]) -> Run {
    run_with_input(sandbox, &[&["verify"], args].concat(), secret)
}
