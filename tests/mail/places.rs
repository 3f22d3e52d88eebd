//! Vaults with another owner, in oddly named folders, or missing.

use std::fs;

use super::dovecot::{Accepted, Refused};
use super::machine::{Machine, on_each_debian};
use crate::secrecy::watch::wait_for;

/// A user who owns the vault and is named in the configuration.
const OWNED: &str = r#"
useradd --system --create-home --home-dir /var/lib/keeper keeper && chmod 700 /var/lib/keeper &&
install "$(command -v postkey)" /var/lib/keeper/ &&
as_keeper() { setpriv --reuid keeper --regid keeper --clear-groups env HOME=/var/lib/keeper /var/lib/keeper/postkey "$@"; } &&
as_keeper -q generate smtp shop-mail --username shop_prod >/var/secret &&
as_keeper connect dovecot --file sql >/etc/dovecot/postkey-sql.conf.ext &&
as_keeper connect dovecot --file main >/etc/dovecot/dovecot.conf"#;

#[test]
fn an_unprivileged_users_vault_is_private() {
    on_each_debian(|debian| {
        let machine = Machine::boot(debian);
        machine.start_dovecot(OWNED);
        let conf = machine.read("/etc/dovecot/dovecot.conf");
        assert!(conf.contains("user = keeper\n"), "{conf}");
        let secret = machine.read("/var/secret");
        assert_eq!(machine.login("shop_prod", secret.trim()), Accepted);
        assert_eq!(machine.login("shop_prod", "guessed"), Refused);
        let modes = "cd /var/lib/keeper/.local/share/postkey && stat -c '%a %U %n' . *";
        let run = machine.shell(modes).expect(0);
        assert_eq!(
            run.stdout,
            "700 keeper .\n600 keeper dovecot-token\n600 keeper vault.db\n"
        );
        machine.expect_no_errors();
    });
}

#[test]
fn a_vault_can_be_in_a_folder_with_any_name() {
    on_each_debian(|debian| {
        // The first cannot have its token in the configuration, so nothing is reported.
        for (folder, is_reported) in [
            ("50% 'of' #1?mode=ro & {owner}\\\"ü\n$x;", false),
            ("50% 'of' $HOME $ENV:HOME &%{user}{owner}\\\"ü<;", true),
        ] {
            follow_the_vault_in(folder, is_reported, &Machine::boot(debian));
        }
    });
}

fn follow_the_vault_in(folder: &str, is_reported: bool, machine: &Machine) {
    let vault = machine.sandbox.home().join(folder).join("a b.db");
    let (flag, path) = ("--vault", vault.to_str().unwrap());
    let key = ["smtp", "mail", "--username", "shop_prod", flag, path];
    let secret = machine.sandbox.generate(key);
    fs::write(machine.sandbox.home().join("path"), path).unwrap();
    machine.start_dovecot(
        r#"
        export POSTKEY_VAULT="$(cat path)" &&
        postkey connect dovecot --file sql >/etc/dovecot/postkey-sql.conf.ext &&
        postkey connect dovecot --file main >/etc/dovecot/dovecot.conf &&
        (setsid postkey serve 2>serve.log &) &&
        until grep -q 'listening on' serve.log; do sleep 0.05; done"#,
    );
    assert_eq!(machine.login("shop_prod", &secret), Accepted);
    if is_reported {
        let count = "curl -s 127.0.0.1:7625/metrics";
        let accepted = "postkey_mail_logins_total{verdict=\"accepted\"} 1\n";
        wait_for("a report", || {
            machine.shell(count).expect(0).stdout.contains(accepted)
        });
    }
    machine
        .sandbox
        .run(["deactivate", "mail", flag, path])
        .expect(0);
    assert_eq!(machine.login("shop_prod", &secret), Refused);
    machine.expect_no_errors();
}

#[test]
fn an_owner_without_a_usable_name_is_refused() {
    on_each_debian(|debian| {
        let machine = Machine::boot(debian);
        machine.sandbox.generate(["smtp", "mail"]);
        for entry in ["an owner:x:0:0::/:/bin/sh\n", "a{b}:x:0:0::/:/bin/sh\n"] {
            fs::write(machine.path("/etc/passwd"), entry).unwrap();
            let run = machine.shell("postkey connect dovecot");
            assert_eq!(run.status, 5, "{run:?}");
            let message = "error: the name of the vault's owner cannot be written";
            assert!(run.stdout.starts_with(message), "{run:?}");
            assert!(run.stdout.contains("\nhint: "), "{run:?}");
            assert_eq!(machine.shell("postkey connect postfix").status, 0);
        }
    });
}

#[test]
fn dovecot_does_not_create_a_missing_vault() {
    on_each_debian(|debian| {
        let (machine, secret) = Machine::with_dovecot(debian);
        let vault = machine.sandbox.vault();
        let hidden = vault.with_file_name("elsewhere");
        fs::rename(&vault, &hidden).unwrap();
        assert_ne!(machine.login("shop_prod", &secret), Accepted);
        assert!(!vault.exists());
        fs::rename(&hidden, &vault).unwrap();
        assert_eq!(machine.login("shop_prod", &secret), Accepted);
        machine.expect_vault_alone();
    });
}

/// The advice in the comments for a Dovecot with other tasks, on Debian.
const BESIDE: &str = r#"
postkey connect dovecot --file sql >/etc/dovecot/postkey-sql.conf.ext &&
postkey connect dovecot --file main | sed '1,/^ssl = no$/d' >/etc/dovecot/conf.d/99-postkey.conf &&
sed -i 's/^!include auth-system/#&/' /etc/dovecot/conf.d/10-auth.conf"#;

#[test]
fn the_printed_part_completes_debians_own_configuration() {
    on_each_debian(|debian| {
        let machine = Machine::boot(debian);
        let key = ["smtp", "shop-mail", "--username", "shop_prod"];
        let secret = machine.sandbox.generate(key);
        machine.start_dovecot(BESIDE);
        assert_eq!(machine.login_by_both("shop_prod", &secret), Accepted);
        machine.sandbox.run(["deactivate", "shop-mail"]).expect(0);
        assert_eq!(machine.login_by_both("shop_prod", &secret), Refused);
        machine.expect_no_errors();
        machine.expect_vault_alone();
    });
}
