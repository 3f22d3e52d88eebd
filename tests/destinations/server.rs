//! The mail server that env files get with the secret of an SMTP key.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::secret_in;
use crate::sandbox::Sandbox;

/// The lines of `.env`, with the secret replaced, sorted.
fn lines(sandbox: &Sandbox) -> Vec<String> {
    let text = sandbox.read(".env");
    let secret = secret_in(&text);
    assert_eq!(sandbox.verify(&secret).1, 0, "{text}");
    let mut lines: Vec<_> = text
        .lines()
        .map(|line| line.replace(&secret, "SECRET"))
        .collect();
    lines.sort();
    lines
}

#[test]
fn an_env_file_has_the_server_and_a_url_with_the_login() {
    let sandbox = Sandbox::new();
    sandbox.settings("[smtp]\nhost = \"mail.example.com\"\n");
    let expected = [
        "SMTP_HOST=mail.example.com",
        "SMTP_PASSWORD=SECRET",
        "SMTP_PORT=587",
        "SMTP_URL=smtp://ops%40example.com:SECRET@mail.example.com:587",
        "SMTP_USERNAME=ops@example.com",
    ];
    let to = ["--to", "env:.env#SMTP_PASSWORD"];
    let command = ["generate", "smtp", "mail", "--username", "ops@example.com"];
    sandbox.with_path(&[&command[..], &to].concat()).expect(0);
    assert_eq!(lines(&sandbox), expected);
    // The URL is replaced with the rest, also if the variable is found by the old secret.
    sandbox
        .with_path(&[&["rotate", "mail"][..], &to].concat())
        .expect(0);
    assert_eq!(lines(&sandbox), expected);
    let save = [
        "regenerate",
        "--yes",
        "mail",
        "--save",
        ".env",
        "--format",
        "env",
    ];
    sandbox.with_path(&save).expect(0);
    assert_eq!(lines(&sandbox), expected);
    // An API key has no server.
    sandbox
        .run(["generate", "api", "web", "--to", "env:web.env#KEY"])
        .expect(0);
    assert_eq!(sandbox.read("web.env").lines().count(), 1);
}

#[test]
fn a_manifest_delivers_the_server_too() {
    let sandbox = Sandbox::new();
    sandbox.settings("[smtp]\nhost = \"mail.example.com\"\nport = 465\n");
    sandbox.manifest("[[key]]\nname = \"mail\"\nkind = \"smtp\"\nsave = \"env:.env#MAIL\"\n");
    sandbox.apply(&[]).expect(0);
    let text = sandbox.read(".env");
    for start in [
        "MAIL_HOST=mail.example.com",
        "MAIL_PORT=465",
        "MAIL_URL=smtps://",
    ] {
        assert!(text.lines().any(|line| line.starts_with(start)), "{text}");
    }
    sandbox.apply(&["--dry-run"]).expect(0);
}

const MANIFEST: &str = "[smtp]\nhost = \"eu.example.com\"\n\n\
     [[key]]\nname = \"mail\"\nkind = \"smtp\"\nsave = \"env:.env#SMTP_PASSWORD\"\n\n\
     [[key]]\nname = \"bulk\"\nkind = \"smtp\"\nusername = \"bulk\"\nsmtp = { port = 465 }\n\
     save = \"vault:secret/app#smtp_{field}\"\n";

#[test]
fn a_manifest_names_another_server_for_its_keys_or_for_one() {
    let sandbox = Sandbox::with_tools();
    sandbox.settings("[smtp]\nhost = \"mail.example.com\"\nport = 2525\n");
    sandbox.manifest(MANIFEST);
    sandbox.with_path(&["apply", "keys.toml"]).expect(0);
    let text = sandbox.read(".env");
    for line in ["SMTP_HOST=eu.example.com", "SMTP_PORT=2525"] {
        assert!(text.lines().any(|found| found == line), "{text}");
    }
    let kept: serde_json::Value = serde_json::from_str(&sandbox.kept()).unwrap();
    assert_eq!(kept["smtp_host"], "eu.example.com");
    assert_eq!(kept["smtp_port"], "465");
    let quiet = |sandbox: &Sandbox| {
        let dry = ["apply", "--dry-run", "keys.toml"];
        sandbox.with_path(&dry).expect(0);
        // It does not know the manifest, but remembers the server.
        let run = sandbox.with_path(&["check", "--delivered", "mail", "bulk"]);
        assert!(!run.stdout.contains("not-delivered"), "{run:?}");
    };
    quiet(&sandbox);
    // So does a rotation by hand, to the same place.
    for (name, to) in [
        ("mail", "env:.env#SMTP_PASSWORD"),
        ("bulk", "vault:secret/app#smtp_{field}"),
    ] {
        sandbox.with_path(&["rotate", name, "--to", to]).expect(0);
    }
    assert!(sandbox.read(".env").contains("@eu.example.com:2525"));
    quiet(&sandbox);
    sandbox
        .with_path(&["rotate", "--finish", "--yes", "mail", "bulk"])
        .expect(0);
    quiet(&sandbox);
}

#[test]
fn another_server_than_would_be_delivered_now_is_named() {
    let sandbox = Sandbox::with_tools();
    let settings = "[smtp]\nhost = \"mail.example.com\"\n";
    sandbox.settings(settings);
    let manifest = MANIFEST.replace("[smtp]\nhost = \"eu.example.com\"\n", "");
    sandbox.manifest(&manifest.replace("smtp = { port = 465 }\n", ""));
    sandbox.with_path(&["apply", "keys.toml"]).expect(0);
    let findings = || {
        let check = sandbox.with_path(&["check", "--delivered", "--format", "json"]);
        let all = check.json().as_array().unwrap().clone();
        let held = all
            .iter()
            .filter(|found| found["finding"] == "not-delivered");
        let said = held.map(|found| found["message"].as_str().unwrap().to_owned());
        let mut said: Vec<_> = said.collect();
        said.sort();
        let dry = sandbox.with_path(&["apply", "--dry-run", "keys.toml"]);
        for text in [&check.stdout, &check.stderr, &dry.stdout, &dry.stderr] {
            assert_eq!(secret_in(text), "");
        }
        (said, dry)
    };
    assert_eq!(findings().0, Vec::<String>::new());
    sandbox.settings(&settings.replace("mail.", "new."));
    let (said, dry) = findings();
    assert_eq!(said.len(), 2, "{said:?}");
    let env =
        "holds its secret, but its `SMTP_HOST` and `SMTP_URL` are not what would be delivered now";
    let fields = env
        .replace("SMTP_HOST", "smtp_host")
        .replace("SMTP_URL", "smtp_url");
    assert!(said[0].contains(env), "{said:?}");
    assert!(said[1].contains(&fields), "{said:?}");
    let dry = dry.expect(1);
    for part in [env, &fields] {
        assert!(dry.stdout.contains(part), "{dry:?}");
    }
    // `apply` itself names what is in files.
    let run = sandbox.with_path(&["apply", "keys.toml"]);
    assert!(run.stderr.contains(env), "{run:?}");
    sandbox.settings(settings);
    // What is not set in an env file may never have been; a field was.
    let text = sandbox.read(".env");
    let kept: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with("SMTP_HOST"))
        .collect();
    sandbox.write(
        ".env",
        &(kept
            .join("\n")
            .replace("=587", "=25")
            .replace(":587", ":25")
            + "\n"),
    );
    let kept = sandbox.kept();
    sandbox.write(
        "kept",
        &kept
            .replace("\"smtp_port\"", "\"port\"")
            .replace("bulk", "other"),
    );
    let (said, _) = findings();
    assert!(
        said[0].contains("its `SMTP_PORT` and `SMTP_URL` are not"),
        "{said:?}"
    );
    let fields = "its `smtp_port`, `smtp_username` and `smtp_url` are not";
    assert!(said[1].contains(fields), "{said:?}");
}

#[test]
fn the_url_of_a_store_of_single_values_is_checked() {
    let sandbox = Sandbox::with_tools();
    let settings = "[smtp]\nhost = \"mail.example.com\"\n";
    sandbox.settings(settings);
    let to = ["--to", "url:pass:shop/mail"];
    sandbox
        .with_path(&[&["generate", "smtp", "mail"][..], &to].concat())
        .expect(0);
    let said = || {
        let run = sandbox.with_path(&["check", "--delivered"]);
        run.stdout.contains("not-delivered").then_some(run.stdout)
    };
    assert_eq!(said(), None);
    sandbox.settings(&settings.replace("mail.", "new."));
    let found = said().unwrap();
    assert!(
        found.contains("holds its secret, but its URL is not"),
        "{found}"
    );
    sandbox.settings(settings);
    sandbox.write("kept", "none");
    assert!(said().unwrap().contains("holds another value"));
}

/// What `check --delivered` says.
fn checked(sandbox: &Sandbox) -> String {
    let run = sandbox.with_path(&["check", "--delivered", "--format", "json"]);
    run.stdout
}

#[test]
fn a_rotation_follows_the_manifest_s_new_server() {
    let sandbox = Sandbox::with_tools();
    sandbox.settings("[smtp]\nhost = \"mail.example.com\"\nport = 2525\n");
    sandbox.manifest(MANIFEST);
    sandbox.with_path(&["apply", "keys.toml"]).expect(0);
    for (from, to) in [
        ("eu.example.com", "us.example.com"),
        ("[smtp]\nhost = \"us.example.com\"\n", ""),
    ] {
        sandbox.manifest(&sandbox.read("keys.toml").replace(from, to));
        let dry = sandbox
            .with_path(&["apply", "--dry-run", "keys.toml"])
            .expect(1);
        assert!(dry.stderr.contains("after `postkey apply`"), "{dry:?}");
        sandbox.with_path(&["apply", "keys.toml"]).expect(1);
        assert!(checked(&sandbox).contains("not-delivered"));
        // As the hint says.
        for (name, flags) in [
            (
                "mail",
                &[
                    "--save",
                    ".env",
                    "--env-name",
                    "SMTP_PASSWORD",
                    "--env-username",
                    "SMTP_USERNAME",
                ][..],
            ),
            ("bulk", &["--to", "vault:secret/data/app#smtp_{field}"]),
        ] {
            let rotate = [&["rotate", name][..], flags].concat();
            sandbox.with_path(&rotate).expect(0);
        }
        let finish = ["rotate", "--finish", "--yes", "mail", "bulk"];
        sandbox.with_path(&finish).expect(0);
        sandbox
            .with_path(&["apply", "--dry-run", "keys.toml"])
            .expect(0);
        assert!(!checked(&sandbox).contains("not-delivered"));
    }
    assert!(sandbox.read(".env").contains("SMTP_HOST=mail.example.com"));
}

#[test]
fn the_server_is_kept_if_the_variable_is_found_by_the_old_secret() {
    let sandbox = Sandbox::with_tools();
    sandbox.settings("[smtp]\nhost = \"mail.example.com\"\n");
    sandbox.manifest(MANIFEST);
    sandbox.with_path(&["apply", "keys.toml"]).expect(0);
    let rotate = ["rotate", "mail", "--save", ".env", "--format", "env"];
    sandbox.with_path(&rotate).expect(0);
    let text = sandbox.read(".env");
    assert!(text.contains("SMTP_HOST=eu.example.com\n"), "{text}");
    assert!(!text.contains("mail.example.com"), "{text}");
}

#[test]
fn a_username_that_was_never_delivered_is_no_finding() {
    let sandbox = Sandbox::with_tools();
    sandbox.write(".env", "SMTP_USERNAME=somebody\n");
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(sandbox.home().join(".env"), private).unwrap();
    sandbox.manifest(
        "[[key]]\nname = \"mail\"\nkind = \"smtp\"\nusername = \"shop\"\n\
         save = { file = \".env\", secret = \"SMTP_PASSWORD\" }\n",
    );
    sandbox.apply(&[]).expect(0);
    assert!(!checked(&sandbox).contains("not-delivered"));
}
