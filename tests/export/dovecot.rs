//! Dovecot with an export, as `connect dovecot --export` configures it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::thread::sleep;
use std::time::Duration;

use crate::mail::dovecot::{Accepted, Client, Refused};
use crate::mail::networks::CASES;
use crate::mail::reports::{Reports, expect_named};
use crate::mail::{Debian, Machine, on_each_debian};
use crate::sandbox::Sandbox;
use crate::secrecy::watch::wait_for;
use crate::serve::recording::recorded;

/// The guide's commands, with the export where both sides can see it.
const CONFIGURE: &str = "
install -m 640 -g dovecot /dev/null exported &&
postkey export &&
postkey connect dovecot --export \"$HOME/exported\" >/etc/dovecot/dovecot.conf";

/// Dovecot checks its file once a second.
const LOOKED: Duration = Duration::from_millis(1100);

fn machine(debian: Debian) -> (Machine, String) {
    let machine = Machine::boot(debian);
    let sandbox = &machine.sandbox;
    // Dovecot's user needs access to the export, not to the vault.
    fs::set_permissions(sandbox.home(), Permissions::from_mode(0o711)).unwrap();
    let secret = sandbox.generate(["smtp", "shop-mail", "--username", "Shop_prod"]);
    sandbox.export_to("dovecot");
    machine.start_dovecot(CONFIGURE);
    (machine, secret)
}

#[test]
fn logins_follow_changes_of_the_key_through_the_export() {
    on_each_debian(|debian| {
        let (machine, secret) = machine(debian);
        let postkey: &Sandbox = &machine.sandbox;
        let login = |secret: &str| {
            sleep(LOOKED);
            machine.login("shop_prod", secret)
        };
        assert_eq!(login(&secret), Accepted);
        postkey.run(["deactivate", "shop-mail"]).expect(0);
        assert_eq!(login(&secret), Refused);
        postkey.run(["activate", "shop-mail"]).expect(0);
        assert_eq!(login(&secret), Accepted);
        let new = postkey.run(["rotate", "shop-mail"]).expect(0).secret();
        assert_eq!((login(&secret), login(&new)), (Accepted, Accepted));
        postkey
            .run(["rotate", "--finish", "--yes", "shop-mail"])
            .expect(0);
        assert_eq!((login(&secret), login(&new)), (Refused, Accepted));
        postkey.run(["delete", "--yes", "shop-mail"]).expect(0);
        assert_eq!(login(&new), Refused);
        machine.expect_no_errors();
    });
}

#[test]
fn a_key_is_only_accepted_from_its_networks() {
    on_each_debian(|debian| {
        let (machine, secret) = machine(debian);
        let users = "imported:{PLAIN}an old password";
        machine.sandbox.import("dovecot", users).expect(0);
        machine.serve();
        let mut counts = [0, 0];
        let imported = |address: &str| {
            let mut client = Client::new(&machine);
            let reply = client.reply_from(address, "imported", "an old password");
            reply.starts_with("OK\t")
        };
        for (networks, from, not_from) in CASES {
            for key in ["shop-mail", "imported"] {
                machine
                    .sandbox
                    .run(["set", key, "--network", networks])
                    .expect(0);
            }
            sleep(LOOKED);
            machine.expect_networks(networks, &secret, from, not_from);
            for (count, addresses) in counts.iter_mut().zip([from, not_from]) {
                *count += i64::try_from(addresses.len()).unwrap();
            }
            for address in from {
                assert!(imported(address), "{networks}: {address}");
            }
            for address in not_from {
                assert!(!imported(address), "{networks}: {address}");
            }
        }
        for (verdict, count) in ["accepted", "network"].into_iter().zip(counts) {
            let counted =
                format!("SELECT sum(count) FROM days WHERE key_id = 1 AND verdict = '{verdict}'");
            wait_for(verdict, || {
                recorded(&machine.sandbox, &counted) == Some(count)
            });
        }
        machine.expect_no_errors();
    });
}

#[test]
fn a_refused_secret_is_reported_by_tail_and_digest() {
    on_each_debian(|debian| {
        let (machine, secret) = machine(debian);
        machine.sandbox.run(["deactivate", "shop-mail"]).expect(0);
        let reports = Reports::of(&machine);
        sleep(LOOKED);
        assert_eq!(machine.login("shop_prod", &secret), Refused);
        expect_named(&reports.next(), &secret);
        machine.expect_no_errors();
    });
}

#[test]
fn several_changes_within_a_second_are_all_noticed() {
    on_each_debian(|debian| {
        let (machine, mut secret) = machine(debian);
        let postkey = &machine.sandbox;
        let regenerate = || {
            let run = postkey.run(["regenerate", "--yes", "shop-mail"]);
            run.expect(0).secret()
        };
        for round in 0..4 {
            let between = regenerate();
            // Dovecot reads this one in the same second in which the next is written.
            sleep(Duration::from_millis(300 * round));
            machine.login("shop_prod", &between);
            let new = regenerate();
            sleep(LOOKED);
            machine.expect_logins(&[
                ("shop_prod", &secret, Refused),
                ("shop_prod", &between, Refused),
                ("shop_prod", &new, Accepted),
            ]);
            secret = new;
        }
        machine.expect_no_errors();
    });
}

#[test]
fn an_imported_password_works_beside_the_secrets_of_its_login() {
    on_each_debian(|debian| {
        let (machine, secret) = machine(debian);
        let postkey = &machine.sandbox;
        let hashed = machine.shell("doveadm pw -s SSHA512 -p 'an old password'");
        let line = format!("ops@example.com:{}", hashed.expect(0).stdout);
        fs::write(postkey.home().join("users"), line).unwrap();
        postkey.run(["import", "dovecot", "users"]).expect(0);
        let beside = postkey.generate(["smtp", "beside", "--username", "ops@example.com"]);
        sleep(LOOKED);
        let (old, other) = ("an old password".to_owned(), "another password".to_owned());
        machine.expect_logins(&[
            ("ops@example.com", &old, Accepted),
            ("ops@example.com", &beside, Accepted),
            ("ops@example.com", &other, Refused),
            ("ops@example.com", &secret, Refused),
            ("shop_prod", &old, Refused),
        ]);
        let name = "ops-example.com";
        let new = postkey.run(["rotate", name]).expect(0).secret();
        sleep(LOOKED);
        machine.expect_logins(&[
            ("ops@example.com", &old, Accepted),
            ("ops@example.com", &new, Accepted),
        ]);
        postkey.run(["rotate", "--finish", "--yes", name]).expect(0);
        sleep(LOOKED);
        machine.expect_logins(&[
            ("ops@example.com", &old, Refused),
            ("ops@example.com", &new, Accepted),
            ("ops@example.com", &beside, Accepted),
        ]);
        machine.expect_no_errors();
    });
}

#[test]
fn keys_of_one_login_each_have_their_password_and_no_password_gets_into_a_log() {
    on_each_debian(|debian| {
        let (machine, secret) = machine(debian);
        let postkey = &machine.sandbox;
        let shared = ["web", "cron"]
            .map(|name| postkey.generate(["smtp", name, "--username", "Ops@Example.com"]));
        let api = postkey.generate(["api", "shop-api"]);
        sleep(LOOKED);
        let typed = "correct horse battery staple".to_owned();
        let tail = secret[secret.len() - 16..].to_owned();
        let as_name = format!("shop_prod|{tail}");
        machine.expect_logins(&[
            ("ops@example.com", &shared[0], Accepted),
            ("OPS@example.com", &shared[1], Accepted),
            ("ops@example.com", &secret, Refused),
            ("SHOP_prod", &secret, Accepted),
            ("shop_prod", &shared[0], Refused),
            ("shop_prod", &api, Refused),
            ("shop_prod", &typed, Refused),
            ("shop_prod", &tail, Refused),
            (&as_name, &secret, Refused),
            ("shop_prod|", &typed, Refused),
        ]);
        postkey.run(["deactivate", "web"]).expect(0);
        sleep(LOOKED);
        machine.expect_logins(&[
            ("ops@example.com", &shared[0], Refused),
            ("ops@example.com", &shared[1], Accepted),
        ]);
        machine.expect_no_errors();
        let log = machine.dovecot_log();
        assert!(!log.contains("staple"), "{log}");
        for secret in [&secret, &shared[0], &shared[1]] {
            assert!(!log.contains(&secret[..secret.len() - 16]), "{log}");
        }
    });
}
