//! Users of passwd-files: each becomes a key with the same password.

use std::fs;

use super::{NEVER_A_PASSWORD, PASSWORD, QUICK, SCHEMES, doveadm};
use crate::sandbox::{Run, Sandbox};

#[test]
fn imported_passwords_of_every_scheme_keep_working() {
    let sandbox = Sandbox::new();
    let users: String = (0..)
        .zip(SCHEMES)
        .map(|(at, scheme)| {
            format!(
                "user_{at}:{}:1000:1000::/home/x::\n",
                doveadm(scheme, PASSWORD)
            )
        })
        .collect();
    fs::write(sandbox.home().join("users"), users).unwrap();
    let run = sandbox.run(["import", "dovecot", "users"]).expect(0);
    assert!(run.stderr.contains("imported 18 keys"), "{run:?}");
    for (at, scheme) in SCHEMES.into_iter().enumerate() {
        let login = format!("user_{at}");
        let verdicts = [PASSWORD, "correct hors", "correct horse ", "Correct horse"]
            .map(|password| sandbox.verify_login(&login, password));
        let expected = ["accepted", "mismatch", "mismatch", "mismatch"];
        assert_eq!(verdicts, expected, "{scheme}");
    }
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn schemes_of_dovecot_2_4_are_recognized_by_their_hashes() {
    let sandbox = Sandbox::new();
    let of_2_4 = |scheme| doveadm(scheme, PASSWORD).replace(scheme, "ARGON2");
    let users = format!(
        "one_user:{}\ntwo_user:{}\n",
        of_2_4("ARGON2ID"),
        of_2_4("ARGON2I")
    );
    assert!(users.contains("one_user:{ARGON2}$argon2id$"), "{users}");
    let run = sandbox.import("dovecot", users).expect(0);
    let is_in = |user, scheme| {
        let mut lines = run.stdout.lines();
        lines.any(|line| line.contains(user) && line.contains(scheme))
    };
    assert!(
        is_in("one_user", " ARGON2ID ") && is_in("two_user", " ARGON2I "),
        "{run:?}"
    );
    for user in ["one_user", "two_user"] {
        assert_eq!(sandbox.verify_login(user, PASSWORD), "accepted");
        assert_eq!(sandbox.verify_login(user, "correct hors"), "mismatch");
    }
}

#[test]
fn a_password_of_every_length_is_hashed_as_dovecot_hashes_it() {
    let sandbox = Sandbox::new();
    let lengths = [1, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 71, 72, 73, 130];
    let passwords: Vec<String> = lengths
        .into_iter()
        .map(|length| "aZ9:ü€ ~$".chars().cycle().take(length).collect())
        .collect();
    let schemes = [
        "BLF-CRYPT",
        "SHA512-CRYPT",
        "SHA256-CRYPT",
        "MD5-CRYPT",
        "PBKDF2",
        "SSHA512",
    ];
    let users = schemes.iter().enumerate().flat_map(|(kind, scheme)| {
        let passwords = passwords.iter().enumerate();
        passwords
            .map(move |(at, password)| format!("user_{kind}_{at}:{}\n", doveadm(scheme, password)))
    });
    sandbox
        .import("dovecot", users.collect::<String>())
        .expect(0);
    for (kind, scheme) in schemes.iter().enumerate() {
        for (at, password) in passwords.iter().enumerate() {
            let login = format!("user_{kind}_{at}");
            assert_eq!(
                sandbox.verify_login(&login, password),
                "accepted",
                "{scheme} {password}"
            );
            let other = format!("b{}", &password[1..]);
            assert_eq!(
                sandbox.verify_login(&login, &other),
                "mismatch",
                "{scheme} {other}"
            );
        }
    }
}

#[test]
fn passwords_that_dovecot_refuses_are_refused() {
    let sandbox = Sandbox::new();
    let passwords = NEVER_A_PASSWORD.iter().zip(0..);
    let users =
        passwords.map(|(password, at)| format!("user_{at}:{}\n", doveadm("SSHA", password)));
    sandbox
        .import("dovecot", users.collect::<String>())
        .expect(0);
    for (password, at) in NEVER_A_PASSWORD.iter().zip(0..) {
        // One line end is removed.
        let presented = format!("{password}\n");
        let verdict = sandbox.verify_login(&format!("user_{at}"), &presented);
        assert_eq!(verdict, "mismatch", "{password:?}");
    }
    let run = sandbox
        .import("dovecot", "clear_user:{PLAIN}a\tb\n")
        .expect(2);
    assert!(run.stderr.contains("tab or line break"), "{run:?}");
}

#[test]
fn htpasswd_hashes_are_imported_except_apr1() {
    let sandbox = Sandbox::new();
    let bare = |scheme| {
        doveadm(scheme, PASSWORD)
            .split_once('}')
            .unwrap()
            .1
            .to_owned()
    };
    let users = format!(
        "bcrypt_user:{}\nsha_user:{}\nsha512_user:{}:a remark\r\n",
        bare("BLF-CRYPT"),
        doveadm("SHA", PASSWORD),
        bare("SHA512-CRYPT"),
    );
    sandbox.import("htpasswd", &users).expect(0);
    for login in ["bcrypt_user", "sha_user", "SHA512_USER"] {
        assert_eq!(sandbox.verify_login(login, PASSWORD), "accepted", "{login}");
    }
    let apr1 = "old_user:$apr1$ab$2AViYtCrOwG81vjtLDlBI0";
    let run = sandbox.import("htpasswd", apr1).expect(2);
    assert!(
        run.stderr.contains("line 1: its hash is Apache's"),
        "{run:?}"
    );
    assert!(run.stderr.contains("htpasswd -B"), "{run:?}");
}

#[test]
fn a_key_is_named_after_its_user_and_has_what_the_flags_say() {
    let sandbox = Sandbox::new();
    let users = format!("# users\n\nOps@Example.com:{QUICK}\nRails_Prod:{QUICK}");
    let args = [
        "import",
        "dovecot",
        "-",
        "--inactive",
        "--description",
        "old server",
    ];
    let args = [&args[..], &["--expires", "90d", "--format", "json"]].concat();
    let args: [&str; 10] = args.try_into().unwrap();
    let rows = sandbox
        .run_with_input(args, users.as_bytes())
        .expect(0)
        .json();
    let fields = ["name", "username", "scheme", "status", "outcome"];
    let row = |at: usize| fields.map(|field| rows[at][field].as_str().unwrap());
    let expected = [
        "ops-example.com",
        "Ops@Example.com",
        "SSHA",
        "inactive",
        "imported",
    ];
    assert_eq!(row(0), expected);
    assert_eq!(rows[0]["tail"], serde_json::Value::Null);
    assert_eq!(row(1)[..2], ["rails_prod", "Rails_Prod"]);
    let keys = sandbox.keys();
    assert_eq!(keys[0]["description"], "old server");
    assert!(keys[1]["expires_at"].is_string());
    assert_eq!(sandbox.verify_login("rails_prod", PASSWORD), "inactive");
}

#[test]
fn plaintext_passwords_only_come_from_standard_input() {
    let sandbox = Sandbox::new();
    let users = "clear_user:{PLAIN}correct horse\nother:{cleartext}x{y}";
    fs::write(sandbox.home().join("users"), users).unwrap();
    let run = sandbox.run(["import", "dovecot", "users"]).expect(2);
    assert!(
        run.stderr.contains("only read from standard input"),
        "{run:?}"
    );
    assert!(!sandbox.vault().exists());
    let run = sandbox.import("dovecot", users).expect(0);
    assert!(run.stdout.contains("ARGON2ID"), "{run:?}");
    assert_eq!(sandbox.verify_login("clear_user", PASSWORD), "accepted");
    assert_eq!(sandbox.verify_login("other", "x{y}"), "accepted");
    let vault = fs::read(sandbox.vault()).unwrap();
    let holds = |text: &str| {
        vault
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(!holds("correct") && holds("{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$"));
}

#[test]
fn a_dry_run_reports_what_would_be_imported() {
    let sandbox = Sandbox::new();
    let users = format!("some_user:{QUICK}\n");
    let trial = ["import", "dovecot", "-", "--dry-run"];
    let run = sandbox.run_with_input(trial, users.as_bytes()).expect(1);
    assert!(run.stdout.contains("would be imported"), "{run:?}");
    assert!(
        run.stderr
            .contains("1 key would be imported; nothing was done"),
        "{run:?}"
    );
    assert!(!sandbox.vault().exists());
    sandbox.import("dovecot", &users).expect(0);
    sandbox.run_with_input(trial, users.as_bytes()).expect(4);
    let skipping = ["import", "dovecot", "-", "--dry-run", "--skip-existing"];
    let run = sandbox.run_with_input(skipping, users.as_bytes()).expect(0);
    assert!(run.stdout.contains("skipped"), "{run:?}");
    let run = sandbox.run_with_input(trial, b"# nobody\n").expect(2);
    assert!(run.stderr.contains("nothing to import"), "{run:?}");
}

#[test]
fn cheap_hashes_are_imported_with_a_warning_and_reported_by_doctor() {
    let sandbox = Sandbox::new();
    let dear = doveadm("SHA512-CRYPT", PASSWORD);
    let users = format!("cheap_user:{QUICK}\ndear_user:{dear}\n");
    let run = sandbox.import("dovecot", users).expect(0);
    assert!(
        run.stderr.contains("hashes: `cheap_user`; `postkey rotate"),
        "{run:?}"
    );
    let run = sandbox.run(["doctor"]).expect(1);
    assert!(
        run.stdout
            .contains("`cheap_user` has a weaker hash than new ones"),
        "{run:?}"
    );
    sandbox.run(["regenerate", "--yes", "cheap_user"]).expect(0);
    sandbox.run(["doctor"]).expect(0);
}

#[test]
fn import_doctor_and_connect_warn_of_hashes_that_dovecot_2_4_refuses() {
    let sandbox = Sandbox::new();
    let weak = doveadm("MD5-CRYPT", PASSWORD);
    let weak = weak.trim_start_matches("{MD5-CRYPT}");
    let dear = doveadm("SHA512-CRYPT", PASSWORD);
    let users = format!("weak_user:{{MD5}}{weak}\nweaker_user:{weak}\ndear_user:{dear}\n");
    let told = "Dovecot 2.4 refuses the MD5-CRYPT passwords of `weak_user`, `weaker_user`";
    let warning =
        format!("warning: {told}; `postkey rotate NAME` creates a secret that it accepts");
    let dry = ["import", "dovecot", "--dry-run", "-"];
    for run in [
        sandbox.run_with_input(dry, users.as_bytes()),
        sandbox.import("dovecot", &users),
    ] {
        assert_eq!(run.stderr.matches(&warning).count(), 1, "{run:?}");
    }
    let found = |sandbox: &Sandbox| sandbox.run(["doctor", "--format", "csv"]).stdout;
    let findings = found(&sandbox);
    // Besides the finding about cheap hashes.
    assert!(findings.contains("`weaker_user` have a weaker hash than new ones"));
    assert!(
        findings.contains(&format!("hashes,false,\"{told}\"")),
        "{findings}"
    );
    for (args, is_told) in [
        (&["--dovecot", "2.4"][..], true),
        (&["--dovecot", "2.4", "--file", "main"], true),
        (
            &["--dovecot", "2.4", "--export", "/etc/dovecot/users"],
            true,
        ),
        // Whoever can print one file can print the other, too.
        (&["--dovecot", "2.4", "--file", "sql"], false),
        (&["--dovecot", "2.3"], false),
    ] {
        let args = ["connect", "dovecot"].iter().chain(args).copied();
        let run = Run::of(sandbox.command(args).output().unwrap()).expect(0);
        assert_eq!(run.stderr.contains(&warning), is_told, "{run:?}");
    }
    for user in ["weak_user", "weaker_user"] {
        sandbox.run(["regenerate", "--yes", user]).expect(0);
    }
    assert!(!found(&sandbox).contains("Dovecot 2.4"));
    let run = sandbox.run(["connect", "dovecot", "--dovecot", "2.4"]);
    assert_eq!(run.expect(0).stderr, "");
}
