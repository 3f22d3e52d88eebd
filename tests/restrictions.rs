//! Networks, senders and limits of keys: given, shown, changed, logged, and never lost.

mod changes;
mod older;
mod travels;

use serde_json::{Value, json};

use crate::sandbox::{Run, Sandbox};

/// Runs a command line whose words have no blanks.
fn run(sandbox: &Sandbox, line: &str) -> Run {
    Run::of(sandbox.command(line.split(' ')).output().unwrap())
}

/// The restrictions of a key, as `show` prints them.
fn shown(sandbox: &Sandbox, name: &str) -> [Value; 3] {
    let key = sandbox.show(name);
    ["senders", "networks", "limit"].map(|field| key[field].clone())
}

#[test]
fn a_key_has_the_given_restrictions() {
    let sandbox = Sandbox::new();
    for (line, expected) in [
        ("smtp plain", [Value::Null, Value::Null, Value::Null]),
        (
            "smtp shop --sender Example.com,.example.com,null --network 10.0.0.0/8 --limit 5/day",
            [
                json!("example.com,.example.com,null"),
                json!("10.0.0.0/8"),
                json!("5/day"),
            ],
        ),
        (
            "smtp planned --plan free --sender any --network any",
            [Value::Null, Value::Null, json!("300/day")],
        ),
        (
            "api web --network 2001:DB8::/32,192.0.2.1,::ffff:198.51.100.0/120",
            [
                Value::Null,
                json!("2001:db8::/32,192.0.2.1/32,198.51.100.0/24"),
                Value::Null,
            ],
        ),
    ] {
        run(&sandbox, &format!("generate {line}")).expect(0);
        let name = line.split(' ').nth(1).unwrap();
        assert_eq!(shown(&sandbox, name), expected, "{line}");
    }
    let text = sandbox.run(["show", "shop"]).expect(0).stdout;
    for row in [
        "5/day (recipients)",
        "example.com,.example.com,null",
        "10.0.0.0/8",
    ] {
        assert!(text.contains(row), "{text}");
    }
    let csv = sandbox.run(["list", "--format", "csv"]).expect(0).stdout;
    assert!(
        csv.lines()
            .next()
            .unwrap()
            .contains(",senders,networks,mails_today,recipients_today"),
        "{csv}"
    );
    assert!(
        csv.contains(",\"example.com,.example.com,null\",10.0.0.0/8"),
        "{csv}"
    );
    sandbox.run(["doctor"]).expect(0);
}

/// Values that are no restrictions, and what the error says: the rule and a right example.
const INVALID: [(&str, &str, &str, &str); 10] = [
    (
        "--network",
        "203.0.113.7/24",
        "not the first of its network",
        "203.0.113.0/24",
    ),
    (
        "--network",
        "203.0.113/24",
        "an IP address",
        "203.0.113.0/24",
    ),
    (
        "--network",
        "10.0.0.0/33",
        "an IP address",
        "203.0.113.0/24",
    ),
    (
        "--network",
        "example.com",
        "an IP address",
        "203.0.113.0/24",
    ),
    (
        "--network",
        "10.0.0.0/8,",
        "an IP address",
        "203.0.113.0/24",
    ),
    (
        "--sender",
        "*.example.com",
        "an email address, a domain",
        ".example.com",
    ),
    (
        "--sender",
        "@example.com",
        "an email address, a domain",
        "example.com",
    ),
    (
        "--sender",
        "<a@example.com>",
        "an email address, a domain",
        "robot@example.com",
    ),
    (
        "--sender",
        "example.com,,null",
        "an email address, a domain",
        "null",
    ),
    ("--limit", "many", "is not a limit", "300/day"),
];

#[test]
fn invalid_restrictions_are_refused_with_the_rule_and_a_right_example() {
    let sandbox = Sandbox::new();
    sandbox.generate(["smtp", "shop", "--sender", "example.com"]);
    let before = std::fs::read(sandbox.vault()).unwrap();
    for (flag, value, rule, example) in INVALID {
        for line in ["generate smtp new", "set shop"] {
            let refused = run(&sandbox, &format!("{line} {flag} {value}")).expect(2);
            assert_eq!(refused.stdout, "");
            assert!(refused.stderr.contains(rule), "{value}: {refused:?}");
            let (_, hint) = refused.stderr.split_once("\nhint: ").unwrap();
            assert!(hint.contains(example), "{value}: {refused:?}");
        }
        let field = flag.trim_start_matches("--");
        let manifest = format!(
            "[[key]]\nname = \"shop\"\nkind = \"smtp\"\nsave = {{ file = \".env\", username = \"U\", \
             secret = \"S\" }}\n{field} = \"{value}\"\n"
        );
        sandbox.manifest(&manifest);
        let refused = sandbox.apply(&[]).expect(2);
        assert!(
            refused.stderr.starts_with("error: keys.toml:5: ") && refused.stderr.contains(rule),
            "{refused:?}"
        );
        assert!(refused.stderr.contains(example), "{refused:?}");
    }
    assert_eq!(std::fs::read(sandbox.vault()).unwrap(), before);
}

#[test]
fn flags_of_the_other_kind_and_of_decoys_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "web"]);
    sandbox.generate(["smtp", "mail"]);
    sandbox.generate(["smtp", "bait", "--decoy"]);
    let before = std::fs::read(sandbox.vault()).unwrap();
    for (line, told) in [
        (
            "generate api x --sender example.com",
            "an API key has no --sender",
        ),
        ("set web --sender any", "an API key has no --sender"),
        (
            "generate smtp x --permission full",
            "an SMTP key has no --permission",
        ),
        (
            "set mail --permission full",
            "an SMTP key has no --permission",
        ),
        ("generate smtp x --decoy --sender example.com", "--sender"),
        ("generate smtp x --decoy --limit 1/day", "--limit"),
        ("generate api x --decoy --network 10.0.0.0/8", "--network"),
        ("set bait --sender example.com", "`bait` is a decoy"),
        ("set bait --network 10.0.0.0/8", "`bait` is a decoy"),
        ("set bait --limit 1/day", "`bait` is a decoy"),
    ] {
        let refused = run(&sandbox, line);
        assert!(matches!(refused.status, 1 | 2), "{line}: {refused:?}");
        assert!(refused.stderr.contains(told), "{line}: {refused:?}");
        assert!(refused.stderr.contains("\nhint: "), "{line}: {refused:?}");
    }
    assert_eq!(std::fs::read(sandbox.vault()).unwrap(), before);
}

#[test]
fn verify_takes_the_clients_address_into_account_if_it_is_given() {
    let sandbox = Sandbox::new();
    let networks = "203.0.113.0/24,2001:db8::/32";
    let secret = sandbox.generate(["api", "web", "--network", networks, "--limit", "9/day"]);
    let mail = sandbox.generate(["smtp", "mail", "--network", networks]);
    for (address, verdict) in [
        ("203.0.113.7", "accepted"),
        ("::ffff:203.0.113.7", "accepted"),
        ("2001:db8::1", "accepted"),
        ("203.0.112.7", "network"),
        ("::ffff:203.0.112.7", "network"),
        ("2001:db9::1", "network"),
    ] {
        for (secret, code) in [(&secret, "permission_denied"), (&mail, "permission_denied")] {
            let args = ["verify", "--ip", address, "--format", "json", "--no-record"];
            let verified = sandbox.run_with_input(args, secret.as_bytes());
            let row = verified.json();
            assert_eq!(row["verdict"], verdict, "{address}");
            let is_refused = verdict != "accepted";
            assert_eq!(verified.status, i32::from(is_refused));
            let expected = match is_refused {
                true => (json!(403), json!(code)),
                false => (json!(200), Value::Null),
            };
            assert_eq!((row["http_status"].clone(), row["code"].clone()), expected);
        }
    }
    // The operator who asks about a secret is nobody's client.
    assert_eq!(sandbox.verify(&secret).0, "accepted");
    let refused = sandbox.run_with_input(["verify", "--ip", "192.0.2.1"], secret.as_bytes());
    let told = format!("network: `web` can only be used from {networks}\n");
    assert_eq!(refused.expect(1).stdout, told);
    // That use is recorded, and counts nothing against the limit.
    let usage = sandbox.run(["usage", "web", "--format", "json"]).expect(0);
    assert!(usage.stdout.contains("\"network\""), "{usage:?}");
    let args = ["verify", "--format", "json", "--no-record"];
    let left = sandbox.run_with_input(args, secret.as_bytes()).json();
    assert_eq!(left["remaining"], 8);
}
