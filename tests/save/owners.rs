//! Whose secrets a file holds: none is lost unasked, and none stays that is no longer valid.

use regex::Regex;

use super::{files, held, keys, secret_in};
use crate::sandbox::{Run, SECRET, Sandbox};

fn run(sandbox: &Sandbox, args: &[&[&str]]) -> Run {
    Run::of(sandbox.command(args.concat()).output().unwrap())
}

#[test]
fn the_secret_of_another_key_is_replaced_only_if_that_is_said() {
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
        assert!(!again.stderr.contains("held the secret"), "{again:?}");
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
        let says = "`a` held the secret of `one`, which has no other";
        assert!(told.contains(says), "{told}");
        assert!(told.contains("`postkey rotate one`"), "{told}");
        let secret = secret_in(&held(&sandbox, "a"));
        assert_eq!(sandbox.verify(&secret).0, "accepted");
        // A key that is gone misses nothing.
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
    // Nor does a username take the place of a secret.
    let smtp = ["generate", "smtp", "m", "--env-name", "P", "--env-username"];
    run(&sandbox, &[&smtp, &["A_B_API_KEY"], save]).expect(6);
    assert_eq!(keys(&sandbox), ["a-b"]);
    // A copy that stays elsewhere in the file is enough.
    let both = before.clone() + &before.replace("A_B", "COPY");
    sandbox.private("app.env", both.as_bytes());
    run(&sandbox, &[&["generate", "api", "a.b"], save]).expect(0);
    assert!(held(&sandbox, "app.env").contains(&secret_in(&before)));
}

#[test]
fn the_retiring_secret_of_another_key_may_go() {
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
        ("K=OLDx\n", &[], "K=OLDx\nWEB_API_KEY=NEW\n"),
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
            let is_updated = before.contains("K=") && !before.contains("OLDx") && !is_named;
            assert_eq!(is_told, is_updated, "{before:?} {told}");
        }
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
fn the_username_stays_where_it_is() {
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
fn a_username_that_is_made_up_is_told_or_saved() {
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
