//! Whose secrets a file has: none is overwritten unless allowed, and no invalid one is kept.

use base64ct::{Base64, Encoding};
use regex::Regex;

use super::{files, held, keys, secret_in};
use crate::sandbox::{Run, SECRET, Sandbox};

fn run(sandbox: &Sandbox, args: &[&[&str]]) -> Run {
    Run::of(sandbox.command(args.concat()).output().unwrap())
}

#[test]
fn another_keys_secret_is_overwritten_only_with_replace() {
    let is_secret = Regex::new(SECRET).unwrap();
    for (format, names) in [
        ("text", &[][..]),
        ("json", &[]),
        ("csv", &[]),
        ("env", &["--env-name", "KEY"]),
    ] {
        let sandbox = Sandbox::new();
        let save = [&["--save", "a", "--format", format][..], names].concat();
        run(&sandbox, &[&["generate", "api", "one"], &save]).expect(0);
        let again = run(&sandbox, &[&["rotate", "one"], &save]).expect(0);
        assert!(!again.stderr.contains("held the only secret"), "{again:?}");
        sandbox.generate(["api", "two"]);
        let before = held(&sandbox, "a");
        for args in [
            &["generate", "api", "three"][..],
            &["regenerate", "--yes", "two"],
            &["rotate", "two"],
            &["revoke", "--replace", "two"],
        ] {
            let refused = run(&sandbox, &[args, &save]).expect(6);
            let printed = refused.stdout.clone() + &refused.stderr;
            assert!(!is_secret.is_match(&printed), "{printed}");
            let says = "`a` holds the secret of `one`, which would be lost";
            assert!(refused.stderr.contains(says), "{args:?}: {refused:?}");
            assert_eq!(held(&sandbox, "a"), before, "{args:?}");
        }
        assert_eq!(keys(&sandbox), ["one", "two"]);
        sandbox.run(["activate", "two"]).expect(0);
        let wanted = [&["regenerate", "--yes", "two", "--replace"], &save[..]];
        let told = run(&sandbox, &wanted).expect(0).stderr;
        let says = "`a` held the only secret of `one`";
        assert!(told.contains(says), "{told}");
        assert!(told.contains("`postkey rotate one`"), "{told}");
        let secret = secret_in(&held(&sandbox, "a"));
        assert_eq!(sandbox.verify(&secret).0, "accepted");
        // A deleted key does not matter.
        sandbox.run(["delete", "--yes", "two"]).expect(0);
        run(&sandbox, &[&["generate", "api", "four"], &save]).expect(0);
    }
}

#[test]
fn two_names_that_make_one_variable_do_not_share_it() {
    let sandbox = Sandbox::new();
    let save = &["--format", "env", "--save", "app.env"][..];
    run(&sandbox, &[&["generate", "api", "a-b"], save]).expect(0);
    let before = held(&sandbox, "app.env");
    let refused = run(&sandbox, &[&["generate", "api", "a.b"], save]).expect(6);
    assert!(refused.stderr.contains("`a-b`"), "{refused:?}");
    assert!(refused.stderr.contains("--replace"), "{refused:?}");
    assert_eq!(held(&sandbox, "app.env"), before);
    // Nor does a username replace a secret.
    let smtp = ["generate", "smtp", "m", "--env-name", "P", "--env-username"];
    run(&sandbox, &[&smtp, &["A_B_API_KEY"], save]).expect(6);
    assert_eq!(keys(&sandbox), ["a-b"]);
    // Another copy in the file is enough.
    let both = before.clone() + &before.replace("A_B", "COPY");
    sandbox.private("app.env", both.as_bytes());
    run(&sandbox, &[&["generate", "api", "a.b"], save]).expect(0);
    assert!(held(&sandbox, "app.env").contains(&secret_in(&before)));
}

#[test]
fn another_keys_retiring_secret_may_be_overwritten() {
    let sandbox = Sandbox::new();
    let save = &["--env-name", "KEY", "--save", "app.env"][..];
    run(&sandbox, &[&["generate", "api", "one"], save]).expect(0);
    sandbox.run(["rotate", "one"]).expect(0);
    run(&sandbox, &[&["generate", "api", "two"], save]).expect(0);
}

#[test]
fn the_variable_that_has_the_old_secret_gets_the_new_one() {
    let is_secret = Regex::new(SECRET).unwrap();
    for (before, flags, after) in [
        ("K=OLD\n", &[][..], "K=NEW\n"),
        ("A=1\nK='OLD' # mine\n", &[], "A=1\n# mine\nK=NEW\n"),
        ("K=OLD\nL=OLD\n", &[], "K=NEW\nL=NEW\n"),
        ("K=OLD\nWEB_API_KEY=x\n", &[], "K=NEW\nWEB_API_KEY=NEW\n"),
        ("K=OLD\nWEB_API_KEY=OLD\n", &[], "K=NEW\nWEB_API_KEY=NEW\n"),
        ("K=OLD\n", &["--env-name", "L"], "K=NEW\nL=NEW\n"),
        ("K=OLD\n", &["--env-name", "K"], "K=NEW\n"),
        ("# OLD\n", &[], "# OLD\nWEB_API_KEY=NEW\n"),
        ("", &[], "WEB_API_KEY=NEW\n"),
    ] {
        let commands = [
            &["regenerate", "--yes", "web"][..],
            &["rotate", "web"],
            &["revoke", "--replace", "web"],
        ];
        let count = if before == "K=OLD\n" { 3 } else { 1 };
        for command in &commands[..count] {
            let sandbox = Sandbox::new();
            let old = sandbox.generate(["api", "web"]);
            sandbox.private("app.env", before.replace("OLD", &old).as_bytes());
            let save = ["--format", "env", "--save", "app.env"];
            let told = run(&sandbox, &[command, &save, flags]).expect(0).stderr;
            let text = held(&sandbox, "app.env");
            let mut found = is_secret.find_iter(&text).map(|found| found.as_str());
            let new = found
                .find(|found| *found != old)
                .unwrap_or_else(|| panic!("{text}"));
            assert_eq!(sandbox.verify(new).0, "accepted", "{text}");
            let expected = after.replace("OLD", &old).replace("NEW", new);
            assert_eq!(text, expected, "{command:?} {flags:?}");
            let is_told = told.contains("held the old secret");
            let is_named = flags.contains(&"K");
            let is_updated = before.contains("K=") && !is_named;
            assert_eq!(is_told, is_updated, "{before:?} {told}");
        }
    }
}

#[test]
fn the_old_secret_does_not_stay_inside_another_value() {
    let encoded = |text: &str| Base64::encode_string(text.as_bytes());
    for (before, says) in [
        (
            "URL=https://x:OLD@h/\n",
            "line 1 of `app.env`: the value of `URL`",
        ),
        (
            "A=1\n\nexport U='https://h/?key=OLD'\n",
            "line 3 of `app.env`: the value of `U`",
        ),
        (
            "K=OLD\nURL=https://x:OLD@h/\n",
            "line 2 of `app.env`: the value of `URL`",
        ),
        (
            "WEB_API_KEY=https://x:OLD@h/\n",
            "line 1 of `app.env`: the value of `WEB_API_KEY`",
        ),
        ("B64=BASE64\n", "line 1 of `app.env`: the value of `B64`"),
        (
            "AUTH='Basic BASIC'\n",
            "line 1 of `app.env`: the value of `AUTH`",
        ),
        ("K=OLDx\n", "line 1 of `app.env`: the value of `K`"),
    ] {
        let sandbox = Sandbox::new();
        let old = sandbox.generate(["api", "web"]);
        let before = before.replace("OLD", &old);
        let before = before.replace("BASE64", &encoded(&old));
        let before = before.replace("BASIC", &encoded(&format!("web:{old}")));
        sandbox.private("app.env", before.as_bytes());
        let save = ["--format", "env", "--save", "app.env"];
        for command in [
            &["regenerate", "--yes", "web"][..],
            &["regenerate", "--yes", "web", "--replace"],
            &["rotate", "web"],
        ] {
            let refused = run(&sandbox, &[command, &save]).expect(6).stderr;
            assert!(refused.contains(says), "{command:?}: {refused}");
            assert!(!refused.contains(&old), "{refused}");
            assert_eq!(held(&sandbox, "app.env"), before, "{command:?}");
        }
        assert_eq!(sandbox.verify(&old).0, "accepted");
        // Another key's secret may be saved there: nothing is replaced.
        if !before.starts_with("WEB_API_KEY") {
            run(&sandbox, &[&["generate", "api", "other"], &save]).expect(0);
        }
    }
}

#[test]
fn another_vaults_secret_is_overwritten_only_with_replace() {
    let foreign = Sandbox::new().generate(["api", "elsewhere"]);
    let as_env = format!("K={foreign}\n");
    let as_line = format!("{foreign}\n");
    for (before, flags) in [
        (&as_line, &["--save", "a"][..]),
        (&as_env, &["--save", "a", "--env-name", "K"]),
    ] {
        // With and without a vault.
        for is_there in [false, true] {
            let sandbox = Sandbox::new();
            if is_there {
                sandbox.generate(["api", "one"]);
            }
            sandbox.private("a", before.as_bytes());
            let made = [&["generate", "api", "new"], flags];
            let refused = run(&sandbox, &made).expect(6).stderr;
            let says = "`a` holds a secret that was not created in this vault, which would be lost";
            assert!(refused.contains(says), "{refused}");
            assert!(refused.contains("--replace"), "{refused}");
            assert_eq!(&held(&sandbox, "a"), before);
            assert_eq!(keys(&sandbox).len(), usize::from(is_there));
            run(&sandbox, &[&made[..], &[&["--replace"]]].concat()).expect(0);
            let secret = secret_in(&held(&sandbox, "a"));
            assert_eq!(sandbox.verify(&secret).0, "accepted");
        }
    }
}

#[test]
fn another_keys_username_is_kept() {
    let sandbox = Sandbox::new();
    let smtp = |name: &'static str, username: &'static str| {
        ["generate", "smtp", name, "--username", username]
    };
    let save = ["--save", "a", "--env-username", "LOGIN", "--env-name"];
    run(&sandbox, &[&smtp("one", "ops_1"), &save, &["P1"]]).expect(0);
    let before = held(&sandbox, "a");
    let refused = run(&sandbox, &[&smtp("two", "ops_2"), &save, &["P2"]]).expect(6);
    let says = "`LOGIN` in `a` holds the username of `one`";
    assert!(refused.stderr.contains(says), "{refused:?}");
    let made_up = run(&sandbox, &[&["generate", "smtp", "two"], &save, &["P2"]]).expect(6);
    assert!(made_up.stderr.contains(says), "{made_up:?}");
    assert_eq!(held(&sandbox, "a"), before);
    assert_eq!(keys(&sandbox), ["one"]);
    run(
        &sandbox,
        &[&smtp("two", "ops_2"), &save, &["P2", "--replace"]],
    )
    .expect(0);
    assert!(held(&sandbox, "a").contains("LOGIN=ops_2\n"));
    // A shared login is the same value.
    for (name, variable) in [("three", "P3"), ("four", "P4")] {
        let save = ["--save", "b", "--env-username", "LOGIN", "--env-name"];
        run(
            &sandbox,
            &[&smtp(name, "ops@example.com"), &save, &[variable]],
        )
        .expect(0);
    }
}

#[test]
fn both_secrets_of_a_rotation_are_old_ones() {
    let sandbox = Sandbox::new();
    let first = sandbox.generate(["api", "web"]);
    let second = sandbox.run(["rotate", "web"]).expect(0).secret();
    let text = format!("A={first}\nB={second}\n");
    sandbox.private("app.env", text.as_bytes());
    let save = ["--format", "env", "--save", "app.env"];
    run(&sandbox, &[&["regenerate", "--yes", "web"], &save]).expect(0);
    let text = held(&sandbox, "app.env");
    let (a, b) = text.trim_end().split_once('\n').unwrap();
    assert_eq!(&a[2..], &b[2..]);
    assert_eq!(sandbox.verify(&a[2..]).0, "accepted");
}

#[test]
fn the_username_variable_is_kept() {
    let sandbox = Sandbox::new();
    let made = [
        "generate",
        "smtp",
        "mail",
        "--username",
        "ops_1",
        "--save",
        "m.env",
    ];
    run(
        &sandbox,
        &[&made, &["--env-name", "PW", "--env-username", "LOGIN"]],
    )
    .expect(0);
    let save = ["--format", "env", "--save", "m.env"];
    run(&sandbox, &[&["regenerate", "--yes", "mail"], &save]).expect(0);
    let text = held(&sandbox, "m.env");
    assert_eq!(text, format!("LOGIN=ops_1\nPW={}\n", secret_in(&text)));
    assert_eq!(files(&sandbox), ["m.env"]);
}

#[test]
fn a_generated_username_is_printed_or_saved() {
    let sandbox = Sandbox::new();
    for (name, flags, file) in [
        ("a", &["--save", "a"][..], None),
        ("b", &["--quiet", "--save", "b"], None),
        (
            "c",
            &["--quiet", "--format", "env", "--save", "c"],
            Some("c"),
        ),
        (
            "d",
            &["--quiet", "--env-name", "PASS", "--save", "d"],
            Some("d"),
        ),
        (
            "e",
            &["--quiet", "--format", "json", "--save", "e"],
            Some("e"),
        ),
        ("f", &["--quiet"], None),
    ] {
        let run = run(&sandbox, &[&["generate", "smtp", name], flags]).expect(0);
        let username = sandbox.show(name)["username"].as_str().unwrap().to_owned();
        let text = file.map_or(run.stderr.clone(), |file| held(&sandbox, file));
        assert!(text.contains(&username), "{name}: {run:?}");
        let is_told = run.stderr.contains(&username);
        assert_eq!(is_told, file.is_none(), "{name}: {run:?}");
    }
    let chosen = ["generate", "smtp", "g", "--username", "ops_1", "--quiet"];
    assert_eq!(run(&sandbox, &[&chosen]).expect(0).stderr, "");
}
