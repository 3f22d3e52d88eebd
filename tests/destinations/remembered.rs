//! The vault remembers where a secret was delivered, and offers to deliver the next one there.

use super::secret_in;
use crate::sandbox::Sandbox;

const TO: &str = "pass:shop/app";

#[test]
fn show_tells_where_the_secret_was_delivered() {
    let sandbox = Sandbox::with_tools();
    let home = std::fs::canonicalize(sandbox.home()).unwrap();
    let home = home.display();
    for (flags, expected) in [
        (&["--to", TO][..], TO.to_owned()),
        (&["--save", "key"], format!("file:{home}/key")),
        (&["--to", "env:.env#KEY"], format!("env:{home}/.env#KEY")),
        (
            &["--save", "o.env", "--env-name", "K"],
            format!("env:{home}/o.env#K"),
        ),
        (
            &["--to", "command:", "--", "sh", "-c", "cat >got"],
            "command: sh -c cat >got".to_owned(),
        ),
    ] {
        let sandbox_args = [&["generate", "api", "web"], flags].concat();
        sandbox.with_path(&sandbox_args).expect(0);
        let shown = sandbox.show("web");
        let found = shown["delivered_to"].as_str().unwrap();
        let tail = |text: &str| text.rsplit('/').next().unwrap().to_owned();
        assert_eq!(tail(found), tail(&expected), "{flags:?}");
        assert!(shown["delivered_at"].is_string());
        let text = sandbox.run(["show", "web"]).expect(0).stdout;
        assert!(text.contains("delivered   to `"), "{text}");
        sandbox.run(["delete", "--yes", "web"]).expect(0);
    }
    sandbox.generate(["api", "web"]);
    assert!(sandbox.show("web")["delivered_to"].is_null());
}

#[test]
fn without_a_terminal_a_note_names_the_destination() {
    for command in [&["regenerate", "--yes", "web"][..], &["rotate", "web"]] {
        let sandbox = Sandbox::with_tools();
        sandbox
            .with_path(&["generate", "api", "web", "--to", TO])
            .expect(0);
        let kept = sandbox.kept();
        let run = sandbox.with_path(command).expect(0);
        assert!(
            run.stderr.contains("--to 'pass:shop/app' delivers there"),
            "{run:?}"
        );
        assert_eq!(sandbox.verify(&secret_in(&run.stdout)).1, 0);
        assert_eq!(sandbox.kept(), kept);
    }
}

#[test]
fn on_a_terminal_it_asks_whether_to_deliver_there() {
    for (command, more) in [
        (&["rotate", "web"][..], ""),
        (&["regenerate", "web"], "y\r"),
    ] {
        for (answer, is_delivered) in [("y\r", true), ("n\r", false)] {
            let sandbox = Sandbox::with_tools();
            sandbox
                .run(["generate", "api", "web", "--to", "file:key"])
                .expect(0);
            let old = sandbox.read("key");
            let mut terminal = sandbox.on_terminal(command.iter().copied());
            terminal
                .expect("the secret of `web` was delivered to `file:")
                .expect("Deliver the new one there?")
                .press(answer);
            if !more.is_empty() {
                terminal.expect("Create a new one?").press(more);
            }
            assert_eq!(terminal.end(), 0, "{}", terminal.shown());
            let new = sandbox.read("key");
            assert_eq!(new != old, is_delivered, "{}", terminal.shown());
            assert_eq!(secret_in(&terminal.shown()).is_empty(), is_delivered);
            if is_delivered {
                assert_eq!(sandbox.verify(new.trim_end()).1, 0);
            }
        }
    }
}

#[test]
fn each_secret_has_its_destination() {
    let sandbox = Sandbox::with_tools();
    let place = || {
        let to = sandbox.show("web")["delivered_to"].clone();
        let to = to.as_str().unwrap_or_default();
        to.rsplit('/').next().unwrap_or_default().to_owned()
    };
    sandbox.with_path(&["generate", "api", "web", "--to", "file:a"]);
    sandbox.with_path(&["rotate", "web", "--to", "file:b"]);
    assert_eq!(place(), "b");
    sandbox.run(["rotate", "--abort", "--yes", "web"]).expect(0);
    assert_eq!(place(), "a");
    sandbox.with_path(&["rotate", "web", "--to", "file:c"]);
    sandbox
        .run(["rotate", "--finish", "--yes", "web"])
        .expect(0);
    assert_eq!(place(), "c");
    // Nobody knows where this one went.
    sandbox.run(["regenerate", "--yes", "web"]).expect(0);
    assert_eq!(place(), "");
    sandbox.with_path(&["check", "--delivered"]).expect(0);
}

#[test]
fn what_would_name_another_destination_is_not_remembered() {
    let sandbox = Sandbox::with_tools();
    sandbox
        .run(["generate", "api", "web", "--save", "{name}.key"])
        .expect(0);
    assert!(sandbox.show("web")["delivered_to"].is_null());
    // These depend on the folder.
    for (name, to, is_remembered) in [
        ("a", "gitlab-var:KEY", false),
        ("b", "gitlab-var:acme/shop/KEY", true),
        ("c", "github-secret:KEY", false),
        ("d", "github-secret:acme/shop/KEY", true),
    ] {
        sandbox
            .with_path(&["generate", "api", name, "--to", to])
            .expect(0);
        let shown = sandbox.show(name)["delivered_to"].clone();
        assert_eq!(shown == to, is_remembered, "{to}: {shown}");
    }
    let to = ["--to", "systemd-creds:creds/ci"];
    sandbox
        .with_path(&[&["generate", "api", "ci"][..], &to].concat())
        .expect(0);
    let shown = sandbox.show("ci")["delivered_to"].clone();
    let shown = shown.as_str().unwrap();
    assert!(shown.starts_with("systemd-creds:/"), "{shown}");
    assert!(shown.ends_with("/creds/ci"), "{shown}");
}

#[test]
fn both_spellings_of_a_place_are_one() {
    for (place, one) in [
        ("vault:secret/app#key", "vault:secret/data/app#key"),
        ("vault:secret/data/app#key", "vault:secret/data/app#key"),
        (
            "systemd-creds:app",
            "systemd-creds:/etc/credstore.encrypted/app",
        ),
    ] {
        let sandbox = Sandbox::with_tools();
        sandbox
            .with_path(&["generate", "api", "web", "--to", place])
            .expect(0);
        assert_eq!(sandbox.show("web")["delivered_to"], one);
    }
}
