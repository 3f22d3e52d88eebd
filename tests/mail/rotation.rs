//! A rotation with Dovecot: two valid passwords for a while, then one.

use std::thread::sleep;
use std::time::Duration;

use super::dovecot::{Accepted, Mechanism, Refused};
use super::machine::{Machine, on_each_debian};

#[test]
fn both_secrets_log_in_until_the_rotation_ends_however_it_ends() {
    on_each_debian(|debian| {
        let (machine, first) = Machine::with_dovecot(debian);
        let postkey = &machine.sandbox;
        let logins = |old: &str, new: &str| {
            machine.answers(&[old, new].map(|secret| (Mechanism::Plain, "shop_prod", secret)))
        };
        let rotate = |flags: &[&str]| {
            let args = ["rotate", "shop-mail"].iter().chain(flags);
            let output = postkey.command(args.copied()).output().unwrap();
            crate::sandbox::Run::of(output).expect(0)
        };
        let second = rotate(&["--grace", "3s"]).secret();
        assert_eq!(logins(&first, &second), [Accepted, Accepted]);
        sleep(Duration::from_millis(3100));
        assert_eq!(logins(&first, &second), [Refused, Accepted]);

        let third = rotate(&[]).secret();
        assert_eq!(logins(&second, &third), [Accepted, Accepted]);
        rotate(&["--finish", "--yes"]);
        assert_eq!(logins(&second, &third), [Refused, Accepted]);

        let fourth = rotate(&[]).secret();
        assert_eq!(logins(&third, &fourth), [Accepted, Accepted]);
        rotate(&["--abort", "--yes"]);
        assert_eq!(logins(&third, &fourth), [Accepted, Refused]);

        let fifth = rotate(&[]).secret();
        postkey.run(["deactivate", "shop-mail"]).expect(0);
        assert_eq!(logins(&third, &fifth), [Refused, Refused]);
        postkey.run(["activate", "shop-mail"]).expect(0);
        assert_eq!(logins(&third, &fifth), [Accepted, Accepted]);
        postkey.run(["delete", "--yes", "shop-mail"]).expect(0);
        assert_eq!(logins(&third, &fifth), [Refused, Refused]);
        machine.expect_no_errors();
        machine.expect_vault_alone();
    });
}

#[test]
fn a_shared_login_may_have_a_key_that_is_being_rotated() {
    on_each_debian(|debian| {
        let (machine, _) = Machine::with_dovecot(debian);
        let postkey = &machine.sandbox;
        let [web, cron] = ["web", "cron"]
            .map(|name| postkey.generate(["smtp", name, "--username", "ops@example.com"]));
        let new = postkey.run(["rotate", "web"]).expect(0).secret();
        let login = "ops@example.com";
        machine.expect_logins(&[
            (login, &web, Accepted),
            (login, &new, Accepted),
            (login, &cron, Accepted),
        ]);
        postkey
            .run(["rotate", "--finish", "--yes", "web"])
            .expect(0);
        machine.expect_logins(&[
            (login, &web, Refused),
            (login, &new, Accepted),
            (login, &cron, Accepted),
        ]);
        machine.expect_no_errors();
    });
}
