//! Postfix in front of Dovecot, with the printed configuration.

use super::dovecot::Mechanism;
use super::machine::{Machine, on_each_debian};
use crate::sandbox::Run;

/// swaks' exit statuses if the login failed, the sender was refused, or the recipient was.
const REFUSED: i32 = 28;
const NOT_TAKEN: i32 = 23;
const NOT_TAKEN_FOR: i32 = 24;

#[test]
fn postfix_only_accepts_mail_after_a_login() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        let configure =
            "postkey connect postfix >>/etc/postfix/master.cf && service postfix start </dev/null";
        machine.shell(configure).expect(0);
        let mut client = Swaks {
            machine: &machine,
            from: 1,
        };
        for mechanism in [Mechanism::Plain, Mechanism::Login] {
            let run = client.mail(mechanism, &secret).expect(0);
            assert!(run.stdout.contains("250 2.0.0 Ok: queued"), "{run:?}");
        }
        machine.sandbox.run(["deactivate", "shop-mail"]).expect(0);
        for mechanism in [Mechanism::Plain, Mechanism::Login] {
            let run = client.mail(mechanism, &secret).expect(REFUSED);
            assert!(run.stdout.contains("535 5.7.8"), "{run:?}");
        }
        machine.sandbox.run(["activate", "shop-mail"]).expect(0);
        client.mail(Mechanism::Plain, &secret).expect(0);
        let run = client.run(&["--auth", "PLAIN"], &secret).expect(REFUSED);
        assert!(!run.stdout.contains("250-AUTH"), "{run:?}");
        let run = client.run(&[], "").expect(NOT_TAKEN);
        assert!(
            run.stdout.contains("530 5.7.0 Must issue a STARTTLS"),
            "{run:?}"
        );
        let run = client.run(&["--tls"], "").expect(NOT_TAKEN_FOR);
        assert!(run.stdout.contains("554 5.7.1"), "{run:?}");
        machine.expect_no_errors();
    });
}

struct Swaks<'a> {
    machine: &'a Machine,
    /// Failures delay later replies to the same address, so each login uses another.
    from: u8,
}

impl Swaks<'_> {
    /// A whole mail after a login over TLS.
    fn mail(&mut self, mechanism: Mechanism, secret: &str) -> Run {
        let word = format!("{mechanism:?}").to_uppercase();
        self.run(&["--tls", "--auth", &word], secret)
    }

    fn run(&mut self, args: &[&str], secret: &str) -> Run {
        self.from += 1;
        let from = format!("127.0.0.{}", self.from);
        let mut command = self.machine.command("swaks");
        command
            .args(["--server", "127.0.0.1:587", "--local-interface", &from])
            .args(["--from", "shop@example.com", "--to", "root@localhost"])
            .args(args);
        if !secret.is_empty() {
            command
                .env("SWAKS_OPT_auth_user", "shop_prod")
                .env("SWAKS_OPT_auth_password", secret);
        }
        Run::of(command.output().unwrap())
    }
}
