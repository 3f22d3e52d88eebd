//! The contents of a file after each command, in each format.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use super::{expect_silent, files, held, keys, mode, secret_in};
use crate::sandbox::{Run, Sandbox};

#[test]
fn every_command_that_creates_a_secret_can_save_it() {
    let (sandbox, revealed) = Sandbox::with_default_key();
    for (name, args) in [
        ("a", &["generate", "api", "web"][..]),
        ("a", &["regenerate", "--yes", "web"]),
        ("a", &["rotate", "web"]),
        ("a", &["revoke", "--replace", "web"]),
        ("b", &["reveal", "--passphrase-file", "pass"]),
    ] {
        let args = [args, &["--save", name]].concat();
        let run = Run::of(sandbox.command(args.iter().copied()).output().unwrap()).expect(0);
        expect_silent(&run);
        assert!(run.stderr.contains(&format!("in `{name}`")), "{run:?}");
        assert!(!run.stderr.contains("save it now"), "{run:?}");
        let text = held(&sandbox, name);
        let secret = secret_in(&text);
        assert_eq!(text, format!("{secret}\n"));
        assert_eq!(sandbox.verify(&secret).0, "accepted", "{args:?}");
        assert_eq!(mode(&sandbox.home().join(name)), 0o600);
    }
    assert_eq!(secret_in(&held(&sandbox, "b")), revealed);
    assert_eq!(files(&sandbox), ["a", "b", "pass"]);
}

#[test]
fn a_file_gets_what_standard_output_would() {
    let sandbox = Sandbox::new();
    sandbox.generate(["smtp", "mail", "--username", "mail_prod"]);
    for format in ["text", "json", "jsonl", "csv", "env"] {
        let regenerate = ["regenerate", "--yes", "mail", "--format", format];
        let printed = sandbox.run(regenerate).expect(0).stdout;
        let saved = [&regenerate[..], &["--save", format]].concat();
        expect_silent(&sandbox.run::<7>(saved.try_into().unwrap()).expect(0));
        let saved = held(&sandbox, format);
        let (old, new) = (secret_in(&printed), secret_in(&saved));
        let (old_tail, new_tail) = (&old[old.len() - 16..], &new[new.len() - 16..]);
        let expected = printed.replace(&old, &new).replace(old_tail, new_tail);
        assert_eq!(saved, expected, "{format}");
        assert_eq!(sandbox.verify(&new).0, "accepted");
        // And again, over the existing file.
        let again = [&regenerate[..], &["--save", format]].concat();
        sandbox.run::<7>(again.try_into().unwrap()).expect(0);
        assert_eq!(held(&sandbox, format).len(), saved.len());
    }
}

#[test]
fn variables_are_set_in_place_and_the_rest_unchanged() {
    let sandbox = Sandbox::new();
    sandbox.generate(["smtp", "shop-mail", "--username", "shop_prod"]);
    let before = "# the shop\n\nPORT=8080\nexport SHOP_MAIL_SMTP_PASSWORD='old' # rotate me\nNAME=\"a\nb\"\n";
    sandbox.private("app.env", before.as_bytes());
    let rotate = [
        "rotate",
        "shop-mail",
        "--format",
        "env",
        "--save",
        "app.env",
    ];
    expect_silent(&sandbox.run(rotate).expect(0));
    let secret = secret_in(&held(&sandbox, "app.env"));
    let line = "export SHOP_MAIL_SMTP_PASSWORD=";
    let after = before.replace(
        &format!("{line}'old' # rotate me"),
        &format!("# rotate me\n{line}{secret}"),
    );
    let after = after + "SHOP_MAIL_SMTP_USERNAME=shop_prod\n";
    assert_eq!(held(&sandbox, "app.env"), after);
    assert_eq!(sandbox.verify(&secret).0, "accepted");
}

#[test]
fn a_new_variable_in_a_file_is_reported() {
    let sandbox = Sandbox::new();
    sandbox.private("app.env", b"SMTP_PASSWORD=old\nSMTP_USERNAME=ops\n");
    sandbox.generate(["smtp", "app"]);
    let save = ["rotate", "app", "--save", "app.env", "--env-name"];
    for (name, is_new) in [("SMTP_PASWORD", true), ("SMTP_PASSWORD", false)] {
        let args: Vec<_> = save.into_iter().chain([name]).collect();
        let run = Run::of(sandbox.command(args).output().unwrap()).expect(0);
        let says = format!("`{name}` is new in `app.env`");
        assert_eq!(run.stderr.contains(&says), is_new, "{run:?}");
        sandbox
            .run(["rotate", "--finish", "--yes", "app"])
            .expect(0);
    }
}

#[test]
fn variables_have_the_given_names() {
    let sandbox = Sandbox::new();
    let smtp = ["generate", "smtp", "--username", "shop_prod"];
    for (number, (flags, names)) in [
        (
            &["--env-name", "SMTP_PASSWORD"][..],
            ["SMTP_USERNAME", "SMTP_PASSWORD"],
        ),
        (
            &["--env-name", "smtp_password"],
            ["smtp_username", "smtp_password"],
        ),
        (&["--env-name", "MAIL"], ["MAIL_USERNAME", "MAIL"]),
        (
            &["--env-name", "P", "--env-username", "U", "--format", "env"],
            ["U", "P"],
        ),
        (&["--format", "env"], ["X_SMTP_USERNAME", "X_SMTP_PASSWORD"]),
    ]
    .into_iter()
    .enumerate()
    {
        let vault = format!("{number}.db");
        let args = [&smtp[..], &["x", "--vault", &vault], flags].concat();
        let printed = Run::of(sandbox.command(args.iter().copied()).output().unwrap()).expect(0);
        let secret = secret_in(&printed.stdout);
        let expected = format!("{}=shop_prod\n{}={secret}\n", names[0], names[1]);
        assert_eq!(printed.stdout, expected);
        let (vault, file) = (format!("of-{number}/vault.db"), format!("{number}.env"));
        let args = [&smtp[..], &["x", "--vault", &vault, "--save", &file], flags].concat();
        Run::of(sandbox.command(args.iter().copied()).output().unwrap()).expect(0);
        let saved = held(&sandbox, &file);
        assert_eq!(saved, expected.replace(&secret, &secret_in(&saved)));
    }
    let run = sandbox
        .run(["generate", "api", "web", "--env-name", "API_KEY"])
        .expect(0);
    assert!(run.stdout.starts_with("API_KEY=xkeypost-"), "{run:?}");
}

#[test]
fn flags_that_do_not_fit_together_are_refused_before_anything_is_done() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "ci"]);
    for (args, says) in [
        (
            &[
                "generate",
                "api",
                "new",
                "--env-name",
                "A",
                "--format",
                "json",
            ][..],
            "--format json",
        ),
        (
            &["generate", "api", "new", "--env-name", "A-B"],
            "not a variable's name",
        ),
        (
            &["generate", "api", "new", "--env-name", "1A"],
            "not a variable's name",
        ),
        (
            &["generate", "api", "new", "--env-username", "U"],
            "--env-name",
        ),
        (
            &[
                "generate",
                "api",
                "new",
                "--env-name",
                "A",
                "--env-username",
                "U",
            ],
            "no --env-username",
        ),
        (
            &[
                "generate",
                "smtp",
                "new",
                "--env-name",
                "A",
                "--env-username",
                "A",
            ],
            "the same variable",
        ),
        (
            &["generate", "api", "new", "--save", ""],
            "a path must not be empty",
        ),
        (
            &["generate", "api", "new", "--save", "-"],
            "standard output",
        ),
        (
            &["generate", "api", "new", "--save", "x", "--github", "mask"],
            "GitHub Actions",
        ),
        (
            &["rotate", "--finish", "--yes", "ci", "--save", "x"],
            "--save",
        ),
        (
            &["rotate", "--abort", "--yes", "ci", "--env-name", "X"],
            "--env-name",
        ),
        (&["revoke", "ci", "--save", "x"], "--replace"),
        (&["regenerate", "ci", "--replace"], "--save"),
        (
            &[
                "generate",
                "api",
                "new",
                "--save",
                "x",
                "--env-name",
                "PATH",
            ],
            "how programs run",
        ),
        (
            &["rotate", "ci", "--save", "x", "--env-name", "LD_PRELOAD"],
            "how programs run",
        ),
    ] {
        let run = Run::of(sandbox.command(args.iter().copied()).output().unwrap()).expect(2);
        assert!(run.stderr.contains(says), "{args:?}: {run:?}");
        assert!(
            run.stdout.is_empty() && run.stderr.contains("hint"),
            "{run:?}"
        );
    }
    assert_eq!(
        (keys(&sandbox), files(&sandbox)),
        (vec!["ci".to_owned()], vec![])
    );
    assert_eq!(sandbox.show("ci")["status"], "active");
}

#[test]
fn no_secret_goes_into_the_vaults_own_files() {
    let sandbox = Sandbox::new();
    let refused = |file: &str, flags: &[&str]| {
        let make = ["generate", "api", "ci", "--save", file];
        let args = make.into_iter().chain(flags.iter().copied());
        let run = Run::of(sandbox.command(args).output().unwrap()).expect(6);
        assert!(run.stderr.contains("the vault's own file"), "{run:?}");
    };
    fs::create_dir_all(sandbox.vault().parent().unwrap()).unwrap();
    symlink(
        sandbox.vault().parent().unwrap(),
        sandbox.home().join("way"),
    )
    .unwrap();
    let beside = |name: &str| sandbox.vault().with_file_name(name);
    let own = ["vault.db", "vault.db-journal", "usage.db", "usage.db-wal"];
    for is_made in [false, true] {
        if is_made {
            sandbox.generate(["api", "first"]);
        }
        let before = fs::read(sandbox.vault()).ok();
        for name in own {
            refused(beside(name).to_str().unwrap(), &[]);
            refused(&format!("way/{name}"), &["--format", "env"]);
        }
        assert_eq!(fs::read(sandbox.vault()).ok(), before);
        assert!(!beside("usage.db").exists());
    }
    // Nor under another name.
    let folder = sandbox.vault().parent().unwrap().to_owned();
    let args = [
        "generate", "api", "ci", "--vault", "vault.db", "--save", "vault.db",
    ];
    let output = sandbox.command(args).current_dir(&folder).output().unwrap();
    assert!(
        Run::of(output)
            .expect(6)
            .stderr
            .contains("the vault's own file")
    );
    assert_eq!(keys(&sandbox), ["first"]);
}

#[test]
fn save_does_not_need_standard_output() {
    let sandbox = Sandbox::new();
    let save = ["generate", "api", "null", "--save", "a"];
    let output = sandbox
        .command(save)
        .stdout(Stdio::null())
        .output()
        .unwrap();
    Run::of(output).expect(0);
    let closed = format!(
        "exec '{}' generate api closed --save b >&-",
        crate::sandbox::POSTKEY
    );
    let mut shell = crate::secrecy::watch::program(&sandbox.command(["-c", &closed]), "sh");
    Run::of(shell.output().unwrap()).expect(0);
    for name in ["a", "b"] {
        assert_eq!(
            sandbox.verify(&secret_in(&held(&sandbox, name))).0,
            "accepted"
        );
    }
}

#[test]
fn an_existing_key_and_its_file_are_unchanged() {
    let sandbox = Sandbox::new();
    let make = [
        "generate",
        "api",
        "web",
        "--if-absent",
        "--format",
        "env",
        "--save",
        "app.env",
    ];
    sandbox.run(make).expect(0);
    let before = held(&sandbox, "app.env");
    expect_silent(&sandbox.run(make).expect(0));
    assert_eq!(held(&sandbox, "app.env"), before);
    // A missing file is reported.
    fs::remove_file(sandbox.home().join("app.env")).unwrap();
    let run = sandbox.run(make).expect(0);
    assert!(
        run.stderr.contains("warning: `app.env` not found"),
        "{run:?}"
    );
    let way = "`postkey rotate web --save app.env --format env`";
    assert!(run.stderr.contains(way), "{run:?}");
    assert_eq!(files(&sandbox), Vec::<String>::new());
}

#[test]
fn no_secret_goes_into_the_settings_or_an_export() {
    let sandbox = Sandbox::new();
    let export = sandbox.home().join("exported");
    let export = export.display();
    sandbox.settings(&format!(
        "[[export]]\nformat = \"dovecot\"\nfile = \"{export}\"\n"
    ));
    sandbox.generate(["api", "web"]);
    for (file, why) in [
        (".config/postkey/config.toml", "is the settings file"),
        (
            ".config/../.config/postkey/config.toml",
            "is the settings file",
        ),
        ("exported", "is an export"),
    ] {
        let path = sandbox.home().join(file);
        let before = fs::read(&path).unwrap();
        for more in [&["--env-name", "K"][..], &[]] {
            let args = [&["generate", "api", "ci", "--save", file][..], more].concat();
            let run = Run::of(sandbox.command(args).output().unwrap()).expect(6);
            assert!(run.stderr.contains(why), "{file}: {run:?}");
            assert_eq!(fs::read(&path).unwrap(), before, "{file}");
        }
    }
    assert_eq!(keys(&sandbox), ["web"]);
}
