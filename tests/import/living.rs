//! Commands on imported keys.

use serde_json::Value;

use super::{PASSWORD, QUICK};
use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::wait_for;
use crate::serve::http::post;
use crate::serve::logins::{login, proof};
use crate::serve::recording::recorded;
use crate::serve::server::Server;

/// A vault with an imported key, and one with a login that another key shares.
fn with_users() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let users = format!("rails_prod:{QUICK}\nops@example.com:{QUICK}\n");
    sandbox.import("dovecot", users).expect(0);
    let secret = sandbox.generate(["smtp", "other", "--username", "ops@example.com"]);
    (sandbox, secret)
}

#[test]
fn changes_of_a_key_apply_to_its_imported_password() {
    let (sandbox, _) = with_users();
    let verdict = || sandbox.verify_login("RAILS_prod", PASSWORD);
    assert_eq!(verdict(), "accepted");
    sandbox.run(["deactivate", "rails_prod"]).expect(0);
    assert_eq!(verdict(), "inactive");
    sandbox.run(["activate", "rails_prod"]).expect(0);
    sandbox.run(["rename", "rails_prod", "rails"]).expect(0);
    assert_eq!(verdict(), "accepted");
    let copy = sandbox.backup("copy.db");
    sandbox.run(["revoke", "rails"]).expect(0);
    assert_eq!(verdict(), "inactive");
    sandbox.restore(&["--confirm", "rails"], &copy).expect(0);
    assert_eq!(verdict(), "accepted");
    sandbox.run(["delete", "--yes", "rails"]).expect(0);
    assert_eq!(verdict(), "malformed");
    sandbox
        .import("dovecot", format!("rails_prod:{QUICK}"))
        .expect(0);
    assert_eq!(verdict(), "accepted");
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn the_log_tells_which_keys_were_imported() {
    let (sandbox, _) = with_users();
    let log = sandbox.run(["log", "--action", "import", "--format", "jsonl"]);
    assert_eq!(log.expect(0).stdout.lines().count(), 2);
}

#[test]
fn an_imported_password_can_be_rotated_and_the_rotation_aborted() {
    let (sandbox, _) = with_users();
    let verdicts = |secret: &str| {
        [PASSWORD, secret].map(|presented| sandbox.verify_login("rails_prod", presented))
    };
    let rotated = sandbox.run(["rotate", "rails_prod"]).expect(0);
    assert!(
        rotated
            .stderr
            .contains("the old one, imported, works until"),
        "{rotated:?}"
    );
    let second = rotated.secret();
    assert_eq!(verdicts(&second), ["accepted", "accepted"]);
    // The password stays: nobody can have another.
    sandbox
        .import("dovecot", format!("rails_prod:{QUICK}"))
        .expect(4);
    let aborted = sandbox
        .run(["rotate", "--abort", "--yes", "rails_prod"])
        .expect(0);
    assert!(
        aborted.stderr.contains("only the imported one works again"),
        "{aborted:?}"
    );
    // A dead secret is not the login's password.
    assert_eq!(verdicts(&second), ["accepted", "replaced"]);
    let third = sandbox.run(["rotate", "rails_prod"]).expect(0).secret();
    sandbox
        .run(["rotate", "--finish", "--yes", "rails_prod"])
        .expect(0);
    assert_eq!(verdicts(&third), ["malformed", "accepted"]);
    assert_eq!(sandbox.verify(&third).0, "accepted");
    let fourth = sandbox
        .run(["regenerate", "--yes", "ops-example.com"])
        .expect(0);
    assert!(
        fourth.stderr.contains("the imported one no longer works"),
        "{fourth:?}"
    );
    assert_eq!(
        sandbox.verify_login("ops@example.com", PASSWORD),
        "malformed"
    );
    assert_eq!(
        sandbox.verify_login("ops@example.com", &fourth.secret()),
        "accepted"
    );
}

#[test]
fn a_shared_login_has_its_secrets_and_one_imported_password() {
    let (sandbox, secret) = with_users();
    let verdict = |presented: &str| sandbox.verify_login("ops@example.com", presented);
    assert_eq!(
        [PASSWORD, &secret, "x"].map(verdict),
        ["accepted", "accepted", "mismatch"]
    );
    // The other login does not have that secret.
    assert_eq!(sandbox.verify_login("rails_prod", &secret), "mismatch");
    sandbox.run(["deactivate", "other"]).expect(0);
    assert_eq!([PASSWORD, &secret].map(verdict), ["accepted", "inactive"]);
}

#[test]
fn an_imported_password_is_known_for_its_login_only() {
    let (sandbox, _) = with_users();
    let run = sandbox
        .run_with_input(["verify"], PASSWORD.as_bytes())
        .expect(1);
    assert!(
        run.stdout.starts_with("malformed: ") && run.stdout.contains("--username"),
        "{run:?}"
    );
    let wrong = ["verify", "--username", "rails_prod"];
    let run = sandbox.run_with_input(wrong, b"x").expect(1);
    assert_eq!(
        run.stdout,
        "mismatch: it does not match the imported password of rails_prod\n"
    );
    let api = ["verify", "--username", "rails_prod", "--kind", "api"];
    let run = sandbox.run_with_input(api, PASSWORD.as_bytes()).expect(1);
    assert!(
        run.stdout
            .starts_with("mismatch: `rails_prod` is an SMTP key"),
        "{run:?}"
    );
    for presented in ["", "correct\0horse"] {
        let run = sandbox
            .run_with_input(wrong, presented.as_bytes())
            .expect(1);
        assert!(!run.stdout.contains("accepted"), "{run:?}");
    }
    sandbox
        .run_with_input(["identify"], PASSWORD.as_bytes())
        .expect(1);
    let details = sandbox.show("rails_prod");
    let refusals = details["usage"]["refusals"].as_array().unwrap();
    assert!(
        refusals
            .iter()
            .any(|refusal| refusal["verdict"] == "mismatch")
    );
}

#[test]
fn a_stored_hash_that_costs_too_much_is_not_checked_and_doctor_finds_it() {
    let (sandbox, _) = with_users();
    for hash in [
        "{BLF-CRYPT}$2y$31$pWtxTjwPPO1MIxJKVFR16OKa7F9MvLnt4V41AjOB3bmHUrq760dra",
        "{ARGON2I}$argon2i$v=19$m=65536,t=3000,p=1$IgUPtGn5ggLntbRQT9LXmQ$H2p3O+OxgJ9fXz+kV+PsrWz91BwEH+fYOLBTzQPLImg",
        "{PBKDF2}$1$salt$4294967295$20123b708a2b1816f8767d8f2c26429df985f8d6",
        "{ROT13}x",
        "{",
    ] {
        let sql = format!("UPDATE secrets SET hash = '{hash}' WHERE key_id = 1");
        crate::backup::edit(&sandbox.vault(), &sql);
        let verify = ["verify", "--username", "rails_prod"];
        let run = sandbox
            .run_with_input(verify, PASSWORD.as_bytes())
            .expect(5);
        assert!(
            run.stderr.contains("is not of a supported scheme"),
            "{hash}: {run:?}"
        );
        let run = sandbox.run(["doctor"]).expect(1);
        assert!(
            run.stdout.contains("`rails_prod` has an unsupported"),
            "{run:?}"
        );
    }
    crate::ledger::reseal(&rusqlite::Connection::open(sandbox.vault()).unwrap());
    sandbox.run(["regenerate", "--yes", "rails_prod"]).expect(0);
    assert!(!sandbox.run(["doctor"]).stdout.contains("rails_prod"));
}

#[test]
fn two_imports_of_one_login_at_once_leave_one() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    let runs = std::thread::scope(|scope| {
        let import = |at: usize| {
            let user = format!(
                "{{\"name\": \"key-{at}\", \"username\": \"ops@example.com\", \"hash\": \"{QUICK}\"}}"
            );
            sandbox.import("json", user).status
        };
        let threads: Vec<_> = (0..8).map(|at| scope.spawn(move || import(at))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(
        runs.iter().filter(|&&status| status == 0).count(),
        1,
        "{runs:?}"
    );
    assert_eq!(
        runs.iter().filter(|&&status| status == 4).count(),
        7,
        "{runs:?}"
    );
    assert_eq!(sandbox.keys().len(), 2);
}

#[test]
fn a_placeholder_tail_is_never_shown() {
    let (sandbox, _) = with_users();
    assert_eq!(sandbox.verify_login("rails_prod", PASSWORD), "accepted");
    let run = |args: &[&str]| Run::of(sandbox.command(args.iter().copied()).output().unwrap());
    let listed = run(&["list"]).expect(0).stdout;
    assert!(
        listed.contains("imported  active") && !listed.contains("…mported"),
        "{listed}"
    );
    for args in [
        &["show", "rails_prod"][..],
        &["list"],
        &["usage"],
        &["check"],
    ] {
        for format in ["text", "json", "csv"] {
            let shown = run(&[args, &["--format", format]].concat());
            // Only the log can tell them apart.
            let before_log = shown.stdout.split("\"log\":").next().unwrap();
            assert!(!before_log.contains("imported-"), "{args:?}: {shown:?}");
        }
    }
    let details = sandbox.show("rails_prod");
    assert_eq!(
        (&details["tail"], &details["secrets"][0]["tail"]),
        (&Value::Null, &Value::Null)
    );
    assert!(details["secrets"][0]["last_used_at"].is_string());
    let log = run(&["log"]).expect(0).stdout;
    assert!(
        log.contains("tail imported, ") && log.contains("scheme SSHA"),
        "{log}"
    );
    let none = run(&["list", "--tail", "a", "imported"]).expect(0);
    assert_eq!(none.stdout, "");
}

#[test]
fn gateways_refuse_imported_passwords_and_logins_count() {
    let (sandbox, secret) = with_users();
    let server = Server::start(&sandbox);
    for key in [PASSWORD, "imported-abcdefg"] {
        server.ask("GET", "/nginx", &[("api-key", key)]).expect(401);
    }
    let proof = proof(&sandbox);
    let proof = [("Authorization", &*proof)];
    for report in [
        login("rails_prod", true, ""),
        login("OPS@example.com", true, ""),
        login("ops@example.com", true, &secret[secret.len() - 16..]),
    ] {
        post(&server.address, "/dovecot?command=report", &proof, &report).expect(200);
    }
    let query = "SELECT count(*) FROM secrets WHERE key_id IN (1, 2) AND tail LIKE 'imported-%'";
    wait_for("the use of both imported passwords", || {
        recorded(&sandbox, query) == Some(2)
    });
    let query = "SELECT count(*) FROM secrets WHERE key_id = 3";
    assert_eq!(recorded(&sandbox, query), Some(1));
}

#[test]
fn a_read_only_vault_still_verifies_imported_passwords() {
    let (sandbox, _) = with_users();
    crate::place::mounts::expect_mounts();
    let run = |script: &str, args: &[&str]| {
        let script = format!("{script}; {}", crate::place::read_only::READ_ONLY);
        crate::place::mounts::run_mounted(
            &sandbox,
            &script,
            sandbox.vault().parent().unwrap(),
            args,
        )
    };
    std::fs::write(sandbox.home().join("users"), format!("new_user:{QUICK}")).unwrap();
    let refused = run("true", &["import", "dovecot", "users"]).expect(5);
    assert!(refused.stderr.contains("read-only"), "{refused:?}");
    std::fs::write(sandbox.home().join("password"), PASSWORD).unwrap();
    let args = ["verify", "--username", "rails_prod", "--no-record"];
    run("exec <password", &args).expect(0);
}
