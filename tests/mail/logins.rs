//! Who can log in to Dovecot with what.

use std::thread::sleep;
use std::time::Duration;

use jiff::Timestamp;

use super::dovecot::{Accepted, Refused};
use super::machine::{Machine, on_each_debian};
use crate::clock::at;

#[test]
fn logins_follow_changes_of_the_key() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        let postkey = &machine.sandbox;
        let login = |secret: &str| machine.login_by_both("shop_prod", secret);
        assert_eq!(login(&secret), Accepted);
        assert_eq!(login(&wrong(&secret)), Refused);
        postkey.run(["deactivate", "shop-mail"]).expect(0);
        assert_eq!(login(&secret), Refused);
        postkey.run(["activate", "shop-mail"]).expect(0);
        assert_eq!(login(&secret), Accepted);
        let new = postkey.run(["regenerate", "--yes", "shop-mail"]).secret();
        assert_eq!((login(&secret), login(&new)), (Refused, Accepted));
        postkey
            .run(["set", "shop-mail", "--expires", &soon()])
            .expect(0);
        assert_eq!(login(&new), Accepted);
        sleep(Duration::from_millis(2100));
        assert_eq!(login(&new), Refused);
        postkey
            .run(["set", "shop-mail", "--expires", "never"])
            .expect(0);
        assert_eq!(login(&new), Accepted);
        let newest = postkey.run(["revoke", "--replace", "--yes", "shop-mail"]);
        let newest = newest.expect(0).secret();
        assert_eq!((login(&new), login(&newest)), (Refused, Accepted));
        postkey.run(["delete", "--yes", "shop-mail"]).expect(0);
        assert_eq!((login(&secret), login(&newest)), (Refused, Refused));
        machine.expect_no_errors();
        machine.expect_vault_alone();
    });
}

#[test]
fn logins_ignore_case_and_secrets_do_not() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        let postkey = &machine.sandbox;
        let api = postkey.generate(["api", "shop-api"]);
        let idle = postkey.generate(["smtp", "idle", "--inactive", "--username", "idle_prod"]);
        let shared = ["web", "cron"]
            .map(|name| postkey.generate(["smtp", name, "--username", "Ops@Example.com"]));
        let mut expected = Vec::new();
        for username in ["SHOP_prod", "shop_prod"] {
            expected.push((username, &secret, Accepted));
            expected.extend([&api, &shared[0]].map(|secret| (username, secret, Refused)));
        }
        for username in ["shop-api", "idle_prod", "nobody", "ops@example.com"] {
            expected.extend([&api, &idle, &secret].map(|secret| (username, secret, Refused)));
        }
        for username in ["ops@example.com", "OPS@example.COM"] {
            expected.extend([0, 1].map(|at| (username, &shared[at], Accepted)));
        }
        machine.expect_logins(&expected);
        postkey.run(["deactivate", "web"]).expect(0);
        machine.expect_logins(&[
            ("ops@example.com", &shared[0], Refused),
            ("ops@example.com", &shared[1], Accepted),
        ]);
        machine.expect_no_errors();
    });
}

#[test]
fn expired_keys_stay_expired_when_the_clock_goes_back() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        let postkey = &machine.sandbox;
        postkey
            .run(["set", "shop-mail", "--expires", "1h"])
            .expect(0);
        assert_eq!(machine.login("shop_prod", &secret), Accepted);
        // That was seen; then the clock went back.
        at(postkey, "+2h", &["check"]);
        assert_eq!(machine.login("shop_prod", &secret), Refused);
        assert_eq!(postkey.verify(&secret).0, "expired");
        machine.expect_no_errors();
    });
}

#[test]
fn no_password_can_break_the_query() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        let injected = [
            "'".to_owned(),
            "aaaaaaaa'bbbbbbbbbbbbbbb".to_owned(),
            "' OR 1 LIMIT 1--".to_owned(),
            "%w%u;%{pass};~;*}".to_owned(),
            "xsmtppost-0-'".to_owned(),
            format!("xsmtppost-0-{}' OR 1 LIMIT 1--", "0".repeat(30)),
            format!("{secret}'"),
            format!("'{secret}"),
            format!("{secret} "),
            format!("{secret}\n"),
            format!("x\n{secret}"),
            secret[secret.len() - 16..].to_owned(),
            String::from("ü"),
            "x".repeat(500),
        ];
        let usernames = ["'", "x' OR '1", "shop_prod'--", "%w", "shop prod"];
        let passwords = injected
            .iter()
            .map(|password| ("shop_prod", password, Refused));
        let usernames = usernames.map(|username| (username, &secret, Refused));
        machine.expect_logins(&passwords.chain(usernames).collect::<Vec<_>>());
        machine.expect_no_errors();
        let log = machine.dovecot_log();
        assert!(
            !log.contains("OR 1 LIMIT") && !log.contains("bbbbbbbb"),
            "{log}"
        );
    });
}

/// Two seconds from now, in whole seconds.
fn soon() -> String {
    let soon = Timestamp::now().as_second() + 2;
    Timestamp::from_second(soon).unwrap().to_string()
}

/// A wrong secret with the same tail.
pub fn wrong(secret: &str) -> String {
    let at = secret.find('-').unwrap();
    let digit = match secret[at..].starts_with("-0") {
        true => "-1",
        false => "-0",
    };
    format!("{}{digit}{}", &secret[..at], &secret[at + 2..])
}
