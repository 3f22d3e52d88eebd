//! The forms of `--to`, on each command that makes a secret.

use super::secret_in;
use crate::sandbox::Sandbox;

#[test]
fn every_command_that_makes_a_secret_delivers_it() {
    let commands: [&[&str]; 4] = [
        &["generate", "api", "new"],
        &["regenerate", "--yes", "web"],
        &["rotate", "web"],
        &["revoke", "--replace", "web"],
    ];
    for command in commands {
        for (to, file) in [
            ("file:key", "key"),
            ("env:.env#API_KEY", ".env"),
            ("dir:.", if command[1] == "api" { "new" } else { "web" }),
            (
                "env:{name}.env#K",
                if command[1] == "api" {
                    "new.env"
                } else {
                    "web.env"
                },
            ),
        ] {
            let sandbox = Sandbox::new();
            sandbox.generate(["api", "web"]);
            let args = [command, &["--to", to]].concat();
            let run = sandbox.with_path(&args).expect(0);
            assert_eq!(run.stdout, "", "{args:?}");
            let secret = secret_in(&sandbox.read(file));
            assert_eq!(sandbox.verify(&secret).1, 0, "{args:?}: {run:?}");
        }
        let sandbox = Sandbox::new();
        sandbox.generate(["api", "web"]);
        let args = [command, &["--to", "command:", "--", "sh", "-c", "cat >got"]].concat();
        sandbox.with_path(&args).expect(0);
        assert_eq!(sandbox.verify(&sandbox.read("got")).1, 0, "{args:?}");
    }
}

#[test]
fn the_short_forms_do_the_same() {
    let mut texts = Vec::new();
    for flags in [
        &["--to", "env:.env#API_KEY"][..],
        &["--save", ".env", "--env-name", "API_KEY"],
    ] {
        let sandbox = Sandbox::new();
        let args = [&["generate", "api", "web"], flags].concat();
        let run = sandbox.with_path(&args).expect(0);
        let text = sandbox.read(".env");
        texts.push((
            text.replace(&secret_in(&text), ""),
            run.stderr
                .replace(&sandbox.home().display().to_string(), ""),
        ));
    }
    assert_eq!(texts[0], texts[1]);
}

#[test]
fn many_keys_need_a_destination_that_tells_them_apart() {
    let sandbox = Sandbox::with_tools();
    sandbox.write("names", "a\nb\n");
    for (to, status, part) in [
        (
            "vault:secret/app#key",
            2,
            "is one destination, for several keys",
        ),
        ("env:.env#KEY", 2, "write `{name}` where"),
        ("env:.env", 0, "each secret was delivered to `env:.env`"),
    ] {
        let run = sandbox
            .with_path(&["generate", "api", "--from", "names", "--to", to])
            .expect(status);
        assert!(run.stderr.contains(part), "{to}: {run:?}");
    }
    let text = sandbox.read(".env");
    assert_eq!(text.lines().count(), 2, "{text}");
    let run = sandbox
        .with_path(&["rotate", "a", "b", "--to", "pass:app"])
        .expect(2);
    assert!(run.stderr.contains("several keys"), "{run:?}");
    let run = sandbox.with_path(&[
        "rotate",
        "a",
        "b",
        "--to",
        "command:",
        "--",
        "sh",
        "-c",
        "cat >$POSTKEY_NAME",
    ]);
    run.expect(0);
    for name in ["a", "b"] {
        assert_eq!(sandbox.verify(&sandbox.read(name)).1, 0);
    }
}

#[test]
fn a_mistake_is_named_and_nothing_is_done() {
    for (args, part) in [
        (
            &["--to", "vualt:secret/app#key"][..],
            "did you mean `vault`?",
        ),
        (&["--to", "vault:secret"], "`vault:secret/data/app#key`"),
        (&["--to", "key.txt"], "it names no kind before a colon"),
        (&["--to", "command:"], "it needs a command after `--`"),
        (
            &["--to", "file:key", "--save", "key"],
            "cannot be used with",
        ),
        (
            &["--to", "github-env:KEY"],
            "only works in a GitHub Actions job",
        ),
        (
            &["--to", "pass:app", "--format", "json"],
            "omit --format json",
        ),
        (&["--replace"], "--to"),
    ] {
        let sandbox = Sandbox::with_tools();
        let args = [&["generate", "api", "web"], args].concat();
        let run = sandbox.with_path(&args).expect(2);
        assert!(run.stderr.contains(part), "{args:?}: {run:?}");
        assert!(!sandbox.vault().exists(), "{args:?}");
    }
}
