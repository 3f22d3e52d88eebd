//! Files that secrets are saved to: other contents stay, other secrets are not lost, missing ones
//! are reported.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::{THREE, each};
use crate::sandbox::{POSTKEY, Run, Sandbox};

#[test]
fn a_file_keeps_what_else_is_in_it_and_is_private() {
    let sandbox = Sandbox::with_manifest(THREE);
    sandbox.write(
        ".env",
        "# ours\nSMTP_PASSWORD=changeme\nRAILS_ENV='production'",
    );
    let path = sandbox.home().join(".env");
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let run = sandbox.apply(&[]).expect(0);
    assert!(
        run.stdout.contains("replacing the current value"),
        "{run:?}"
    );
    let secret = sandbox.variable(".env", "SMTP_PASSWORD");
    assert_eq!(
        sandbox.read(".env"),
        format!(
            "# ours\nSMTP_PASSWORD={secret}\nRAILS_ENV='production'\nSMTP_USERNAME=shop_prod\n"
        )
    );
    assert_eq!(sandbox.verify(&secret).1, 0);
    let mode = |name: &str| fs::metadata(sandbox.home().join(name)).unwrap().mode() & 0o7777;
    assert_eq!(mode(".env"), 0o640);
    assert_eq!(mode("reports.secret"), 0o600);
    assert_eq!(mode("deploy.secret"), 0o600, "a command has our umask");
}

#[test]
fn a_generated_username_is_delivered() {
    let sandbox = Sandbox::with_manifest(&THREE.replace("username = \"shop_prod\"", ""));
    sandbox.apply(&[]).expect(0);
    let username = sandbox.variable(".env", "SMTP_USERNAME");
    assert_eq!(sandbox.show("shop-mail")["username"], username.as_str());
    sandbox.apply(&[]).expect(0);
}

#[test]
fn files_are_seen_from_the_manifests_folder() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.home().join("deploy/files")).unwrap();
    sandbox.write(
        "deploy/keys.toml",
        &THREE.replace("\".env\"", "\"files/../files/.env\""),
    );
    let run = sandbox.run(["apply", "deploy/keys.toml"]).expect(0);
    assert!(
        run.stdout.contains("in `deploy/files/../files/.env`"),
        "{run:?}"
    );
    let secret = sandbox.variable("deploy/files/.env", "SMTP_PASSWORD");
    assert_eq!(sandbox.verify(&secret).1, 0);
    let secret = sandbox.read("deploy/deploy.secret");
    assert_eq!(sandbox.verify(&secret).1, 0);
    sandbox.run(["apply", "-n", "deploy/keys.toml"]).expect(0);
}

#[test]
fn an_unwritable_file_is_reported_before_any_key_is_created() {
    for (spoil, message) in [
        (
            (|sandbox: &Sandbox| symlink("elsewhere", sandbox.home().join(".env")).unwrap())
                as fn(&Sandbox),
            "is a symbolic link",
        ),
        (
            |sandbox| fs::create_dir(sandbox.home().join(".env")).unwrap(),
            "is a folder",
        ),
        (
            |sandbox| {
                sandbox.write(".env", "SMTP_PASSWORD=a\nSMTP_PASSWORD=b\n");
                let path = sandbox.home().join(".env");
                fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
            },
            "more than once",
        ),
        (
            |sandbox| {
                sandbox.write(".env", "A=1\n");
                let path = sandbox.home().join(".env");
                fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
            },
            "accessible to every user",
        ),
        (
            |sandbox| {
                sandbox.write("reports.secret", "a diary\n");
                let path = sandbox.home().join("reports.secret");
                fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
            },
            "has other contents",
        ),
    ] {
        let sandbox = Sandbox::with_manifest(THREE);
        spoil(&sandbox);
        let run = sandbox.apply(&[]).expect(5);
        assert!(run.stderr.contains(message), "{message}: {run:?}");
        assert!(run.stderr.starts_with("error: keys.toml:"), "{run:?}");
        assert!(!sandbox.vault().exists(), "{message}");
        assert!(!sandbox.home().join("deploy.secret").exists(), "{message}");
    }
}

#[test]
fn the_vault_is_no_place_for_a_secret() {
    for own in ["vault.db", "vault.db-journal", "usage.db"] {
        let own = format!("\".local/share/postkey/{own}\"");
        let sandbox = Sandbox::with_manifest(&THREE.replace("\".env\"", &own));
        let secret = sandbox.generate(["api", "ci"]);
        let before = fs::read(sandbox.vault()).unwrap();
        let run = sandbox.apply(&["--replace"]).expect(5);
        assert!(run.stderr.contains("the vault's own file"), "{run:?}");
        assert_eq!(fs::read(sandbox.vault()).unwrap(), before);
        assert_eq!(sandbox.verify(&secret).1, 0);
    }
}

#[test]
fn a_missing_secret_is_reported_with_the_command_that_fixes_it() {
    let sandbox = Sandbox::with_manifest(THREE);
    sandbox.apply(&[]).expect(0);
    let good = sandbox.read(".env");
    let other = Sandbox::new().generate(["smtp", "other"]);
    for (text, finding) in [
        (None, "its secret is not in `SMTP_PASSWORD` in `.env`"),
        (Some("A=1\n".to_owned()), "its secret is not in"),
        (Some("SMTP_PASSWORD=\n".to_owned()), "its secret is not in"),
        (
            Some(format!("SMTP_PASSWORD={other}\n")),
            "`SMTP_PASSWORD` in `.env` has another secret",
        ),
        (
            Some(good.replace("shop_prod", "shop_test")),
            "has its secret, but another username",
        ),
    ] {
        match &text {
            Some(text) => sandbox.write(".env", text),
            None => fs::remove_file(sandbox.home().join(".env")).unwrap(),
        }
        let (vault, entries) = (fs::read(sandbox.vault()).unwrap(), sandbox.logged());
        for args in [&[][..], &["-n"]] {
            let run = sandbox.apply(args).expect(1);
            assert!(run.stderr.contains(finding), "{finding}: {run:?}");
            let rows = sandbox.rows(args, 1);
            assert_eq!(each(&rows, "action"), ["keep"; 3]);
            let hint = rows[0]["hint"].as_str().unwrap();
            assert!(hint.contains("`postkey "), "{hint}");
        }
        assert_eq!(sandbox.logged(), entries);
        assert_eq!(fs::read(sandbox.vault()).unwrap(), vault);
        let now = fs::read_to_string(sandbox.home().join(".env")).ok();
        assert_eq!(now, text);
    }
    sandbox.write(".env", &good.replace('=', "=\"").replace('\n', "\"\n"));
    sandbox.apply(&[]).expect(0);
    assert_hint_fixes(&sandbox);
    fs::remove_file(sandbox.home().join("reports.secret")).unwrap();
    let rows = sandbox.rows(&[], 1);
    assert_eq!(rows[1]["finding"], "its secret is not in `reports.secret`");
}

/// Removes a secret from a file, runs the suggested command, and finds nothing left to do.
#[track_caller]
fn assert_hint_fixes(sandbox: &Sandbox) {
    sandbox.write(".env", "OTHER=1\n");
    let path = sandbox.home().join(".env");
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    let rows = sandbox.rows(&[], 1);
    let hint = rows[0]["hint"].as_str().unwrap();
    let words: Vec<_> = hint.split('`').nth(1).unwrap().split(' ').skip(1).collect();
    assert_eq!(words[0], "rotate", "{hint}");
    let status = sandbox.command(words).output().unwrap().status;
    assert!(status.success(), "{hint}");
    sandbox.apply(&[]).expect(0);
    assert!(sandbox.read(".env").starts_with("OTHER=1\nSMTP_"));
}

#[test]
fn a_retiring_secret_in_the_file_is_reported() {
    let sandbox = Sandbox::with_manifest(THREE);
    sandbox.apply(&[]).expect(0);
    let new = sandbox.run(["rotate", "reports"]).expect(0).secret();
    let rows = sandbox.rows(&["-n"], 1);
    let finding = rows[1]["finding"].as_str().unwrap();
    assert!(
        finding.contains("has its old secret, which works until"),
        "{finding}"
    );
    sandbox.write("reports.secret", &format!("{new}\n"));
    sandbox.apply(&["-n"]).expect(0);
}

#[test]
fn a_foreign_secret_is_not_overwritten_without_replace() {
    let elsewhere = Sandbox::with_manifest(THREE);
    elsewhere.apply(&[]).expect(0);
    let files = [".env", "reports.secret"].map(|name| (name, elsewhere.read(name)));
    let sandbox = Sandbox::with_manifest(THREE);
    for (name, text) in &files {
        sandbox.write(name, text);
        let path = sandbox.home().join(name);
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }
    let run = sandbox.apply(&[]).expect(5);
    assert_eq!(
        run.stderr.matches("was not created in this vault").count(),
        2,
        "{run:?}"
    );
    assert!(
        run.stderr.contains("--vault") && run.stderr.contains("--replace"),
        "{run:?}"
    );
    assert!(!sandbox.vault().exists());
    for (name, text) in &files {
        assert_eq!(&sandbox.read(name), text);
    }
    let run = sandbox.apply(&["--replace"]).expect(0);
    assert!(
        run.stdout
            .contains("replacing a secret that was created elsewhere"),
        "{run:?}"
    );
    assert_eq!(
        sandbox.verify(&sandbox.variable(".env", "SMTP_PASSWORD")).1,
        0
    );
}

#[test]
fn secrets_of_deleted_keys_may_be_overwritten() {
    let sandbox = Sandbox::with_manifest(THREE);
    sandbox.apply(&[]).expect(0);
    sandbox
        .run(["delete", "--yes", "shop-mail", "reports"])
        .expect(0);
    let rows = sandbox.rows(&[], 0);
    assert_eq!(each(&rows, "action"), ["make", "make", "keep"]);
    assert_eq!(rows[0]["replaces"], "the current value");
    assert_eq!(
        sandbox.verify(&sandbox.variable(".env", "SMTP_PASSWORD")).1,
        0
    );
    sandbox.manifest(&THREE.replace("\"reports\"", "\"figures\""));
    let run = sandbox.apply(&[]).expect(5);
    let says = "`reports.secret` holds the secret of `reports`, which would be lost";
    assert!(run.stderr.contains(says), "{run:?}");
    assert!(run.stderr.contains("--replace"), "{run:?}");
    let rows = sandbox.rows(&["--replace"], 0);
    assert_eq!(rows[1]["replaces"], "the secret of `reports`");
    assert_eq!(
        sandbox.verify(sandbox.read("reports.secret").trim_end()).1,
        0
    );
}

#[test]
fn an_ambiguous_destination_is_reported_with_its_line() {
    let sandbox = Sandbox::with_manifest(THREE);
    sandbox.apply(&[]).expect(0);
    let before = sandbox.read(".env") + "A = 3\n";
    sandbox.write(".env", &before);
    let run = sandbox.apply(&[]).expect(1);
    let says = "cannot tell whether `SMTP_PASSWORD` in `.env` has its secret: \
                line 3 of `.env`: there is a space before the `=`";
    assert!(run.stdout.contains(says), "{run:?}");
    assert!(run.stderr.contains(says), "{run:?}");
    assert!(run.stderr.contains("; write NAME=value"), "{run:?}");
    // Nor is a key created whose secret would go there.
    sandbox.run(["delete", "--yes", "shop-mail"]).expect(0);
    let run = sandbox.apply(&[]).expect(5);
    assert!(run.stderr.contains("line 3 of `.env`"), "{run:?}");
    assert_eq!(sandbox.read(".env"), before);
}

#[test]
fn the_secret_of_another_key_in_a_variable_is_not_replaced_unasked() {
    let manifest = |name: &str| {
        format!(
            "[[key]]\nname = \"{name}\"\nkind = \"api\"\n\
             save = {{ file = \".env\", secret = \"API_KEY\" }}\n"
        )
    };
    let sandbox = Sandbox::with_manifest(&manifest("one"));
    sandbox.apply(&[]).expect(0);
    let before = sandbox.read(".env");
    sandbox.manifest(&manifest("two"));
    for flags in [&[][..], &["-n"], &["--yes"]] {
        let run = sandbox.apply(flags).expect(5);
        assert!(
            run.stderr.contains("`.env` holds the secret of `one`"),
            "{run:?}"
        );
        assert_eq!(sandbox.read(".env"), before);
    }
    // A key that is deleted in the same run no longer needs its secret.
    sandbox.apply(&["--yes", "--prune"]).expect(0);
    assert_eq!(sandbox.verify(&sandbox.variable(".env", "API_KEY")).1, 0);
}

#[test]
fn concurrent_changes_of_a_file_are_not_lost() {
    for (flags, status) in [(&[][..], 6), (&["--replace"], 0)] {
        let sandbox = Sandbox::with_manifest(
            "[[key]]\nname = \"a\"\nkind = \"api\"\n\
             save = { command = [\"sh\", \"-c\", \"cat >a; cp -p other.env b.env\"] }\n\
             [[key]]\nname = \"b\"\nkind = \"api\"\n\
             save = { file = \"b.env\", secret = \"API_KEY\" }\n",
        );
        let other = ["generate", "api", "other", "--env-name", "API_KEY"];
        let other = [&other[..], &["--save", "other.env"]].concat();
        Run::of(sandbox.command(other).output().unwrap()).expect(0);
        let before = sandbox.read("other.env");
        let run = sandbox.apply(flags).expect(status);
        let has_b = sandbox.run(["show", "b"]).status == 0;
        assert_eq!(has_b, status == 0, "{run:?}");
        let says = "`b.env` holds the secret of `other`, which would be lost";
        assert_eq!(run.stderr.contains(says), status == 6, "{run:?}");
        assert_eq!(sandbox.read("b.env") == before, status == 6, "{run:?}");
    }
}

#[test]
fn one_file_is_recognized_under_every_path() {
    for (first, second) in [
        ("env", "deploy/../env"),
        ("real/env", "link/env"),
        ("env", "HOME/env"),
        ("link/../env", "./env"),
    ] {
        let sandbox = Sandbox::new();
        let home = sandbox.home();
        for folder in ["deploy", "real"] {
            fs::create_dir(home.join(folder)).unwrap();
        }
        symlink(home.join("real"), home.join("link")).unwrap();
        let key = |name: &str, file: &str| {
            let file = file.replace("HOME", home.to_str().unwrap());
            let save = format!("{{ file = \"{file}\", secret = \"API_KEY\" }}");
            format!("[[key]]\nname = \"{name}\"\nkind = \"api\"\nsave = {save}\n")
        };
        sandbox.manifest(&[key("a", first), key("b", second)].concat());
        let run = sandbox.apply(&[]).expect(2);
        let message = "is also set by the key on line 1";
        assert!(run.stderr.contains(message), "{first}: {run:?}");
        assert!(!sandbox.vault().exists(), "{first}");
    }
}

#[test]
fn secrets_are_not_saved_to_the_manifest() {
    for (given, file) in [
        ("keys.toml", "keys.toml"),
        ("keys.toml", "deploy/../keys.toml"),
        ("link.toml", "keys.toml"),
        ("deploy/../keys.toml", "./keys.toml"),
    ] {
        let sandbox = Sandbox::with_manifest(&THREE.replace(".env", file));
        let home = sandbox.home();
        fs::create_dir(home.join("deploy")).unwrap();
        symlink("keys.toml", home.join("link.toml")).unwrap();
        fs::set_permissions(home.join("keys.toml"), Permissions::from_mode(0o600)).unwrap();
        let before = sandbox.read("keys.toml");
        let run = sandbox.run(["apply", given]).expect(2);
        assert!(run.stderr.contains("the manifest itself"), "{run:?}");
        assert_eq!(sandbox.read("keys.toml"), before, "{given}: {file}");
        assert!(!sandbox.vault().exists(), "{given}: {file}");
    }
}

#[test]
fn a_failing_key_does_not_prevent_others() {
    for (spoil, status, says) in [
        ("mkdir many-40", 6, "is a folder"),
        (
            "\\\"$POSTKEY\\\" -q generate api many-40 --save other",
            4,
            "`many-40` already exists",
        ),
    ] {
        let first = format!(
            "[[key]]\nname = \"first\"\nkind = \"api\"\n\
             save = {{ command = [\"sh\", \"-c\", \"cat >first; {spoil}\"] }}\n"
        );
        let many = (0..70).map(|number| {
            format!(
                "[[key]]\nname = \"many-{number}\"\nkind = \"api\"\nsave = {{ file = \
                     \"many-{number}\" }}\n"
            )
        });
        let sandbox = Sandbox::with_manifest(&(first + &many.collect::<String>()));
        let mut command = sandbox.command(["apply", "keys.toml"]);
        let run = Run::of(command.env("POSTKEY", POSTKEY).output().unwrap()).expect(status);
        assert!(run.stderr.contains(says), "{run:?}");
        assert!(run.stderr.contains("70 keys created"), "{run:?}");
        assert_eq!(sandbox.how_many(), 70 + usize::from(status == 4));
        for number in [0, 39, 41, 69] {
            let secret = sandbox.read(&format!("many-{number}"));
            assert_eq!(sandbox.verify(secret.trim_end()).1, 0, "{number}: {spoil}");
        }
    }
}
