//! The login of an SMTP key, field by field, and as one URL.

use base64ct::{Base64, Encoding};
use serde_json::Value;

use super::secret_in;
use crate::sandbox::{Run, Sandbox};

const SERVER: &str = "[smtp]\nhost = \"mail.example.com\"\nport = 465\n";

const GENERATE: [&str; 5] = ["generate", "smtp", "mail", "--username", "shop_prod"];

/// A home with the stub and a mail server.
fn with_server() -> Sandbox {
    let sandbox = Sandbox::with_tools();
    sandbox.settings(SERVER);
    sandbox
}

fn to(sandbox: &Sandbox, command: &[&str], to: &str) -> Run {
    sandbox.with_path(&[command, &["--to", to]].concat())
}

/// The fields that the stub keeps, and the secret.
fn fields(sandbox: &Sandbox) -> (Vec<(String, String)>, String) {
    let kept: Value = serde_json::from_str(&sandbox.kept()).unwrap();
    let is_encoded = kept["kind"] == "Secret";
    let data = kept.get("data").unwrap_or(&kept).as_object().unwrap();
    let text = |value: &Value| match value.as_str().unwrap() {
        text if is_encoded => String::from_utf8(Base64::decode_vec(text).unwrap()).unwrap(),
        text => text.to_owned(),
    };
    let all: Vec<_> = data
        .iter()
        .map(|(name, value)| (name, text(value)))
        .collect();
    let secret = secret_in(&format!("{all:?}"));
    let shown =
        |(name, value): &(&String, String)| ((*name).clone(), value.replace(&secret, "SECRET"));
    (all.iter().map(shown).collect(), secret)
}

/// What the fields hold, as `fields` shows it.
fn login(name: impl Fn(&str) -> String) -> Vec<(String, String)> {
    [
        ("host", "mail.example.com"),
        ("password", "SECRET"),
        ("port", "465"),
        ("url", "smtps://shop_prod:SECRET@mail.example.com:465"),
        ("username", "shop_prod"),
    ]
    .map(|(field, value)| (name(field), value.to_owned()))
    .to_vec()
}

const PLACES: [&str; 3] = [
    "vault:secret/app#smtp_{field}",
    "aws-sm:prod/app#smtp_{field}",
    "kubernetes:shop/app#SMTP_{FIELD}",
];

fn field_of(place: &str, field: &str) -> String {
    match place.contains("{FIELD}") {
        true => format!("SMTP_{}", field.to_uppercase()),
        false => format!("smtp_{field}"),
    }
}

/// Nothing of the secret, nor of its base64, was in an argument or a variable.
fn expect_secret(sandbox: &Sandbox, secret: &str, run: &Run) {
    let seen = format!(
        "{:?}{}{}{}",
        sandbox.recorded(),
        sandbox.read("env"),
        run.stdout,
        run.stderr
    );
    let encoded = Base64::encode_string(secret.as_bytes());
    for part in [&secret[10..18], &encoded[14..24]] {
        assert!(!seen.contains(part), "{seen}");
    }
    assert!(!seen.contains("://shop"), "{seen}");
}

#[test]
fn each_field_of_the_login_is_stored_and_read_back_and_in_no_argument() {
    for place in PLACES {
        let sandbox = with_server();
        let run = to(&sandbox, &GENERATE, place).expect(0);
        let (found, first) = fields(&sandbox);
        assert_eq!(found, login(|field| field_of(place, field)), "{place}");
        expect_secret(&sandbox, &first, &run);
        let run = to(&sandbox, &["rotate", "mail"], place).expect(0);
        let (found, second) = fields(&sandbox);
        assert_eq!(found, login(|field| field_of(place, field)), "{place}");
        assert_ne!(first, second);
        assert_eq!(sandbox.verify(&second).1, 0, "{run:?}");
        expect_secret(&sandbox, &second, &run);
        let remembered = sandbox.show("mail")["delivered_to"].clone();
        assert_eq!(remembered, place.replace("secret/app", "secret/data/app"));
        let checked = sandbox.with_path(&["check", "--delivered"]);
        assert!(!checked.stdout.contains("not-delivered"), "{checked:?}");
    }
}

#[test]
fn other_fields_stay_and_without_a_server_there_are_two() {
    for place in [
        "vault:secret/app#smtp_{field}",
        "aws-sm:prod/app#smtp_{field}",
    ] {
        let sandbox = Sandbox::with_tools();
        sandbox.write("kept", "{\"other\": \"1\"}");
        to(&sandbox, &GENERATE, place).expect(0);
        let names: Vec<_> = fields(&sandbox)
            .0
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            names,
            ["other", "smtp_password", "smtp_username"],
            "{place}"
        );
    }
}

#[test]
fn a_store_of_single_values_gets_the_url() {
    let sandbox = with_server();
    let run = to(&sandbox, &GENERATE, "url:pass:shop/mail").expect(0);
    let kept = sandbox.kept();
    let secret = secret_in(&kept);
    let expected = format!("smtps://shop_prod:{secret}@mail.example.com:465");
    assert_eq!(kept, expected);
    assert_eq!(sandbox.verify(&secret).1, 0);
    assert!(
        run.stderr.contains("its secret is in `url:pass:shop/mail`"),
        "{run:?}"
    );
    expect_secret(&sandbox, &secret, &run);
    assert_eq!(sandbox.show("mail")["delivered_to"], "url:pass:shop/mail");
    let run = sandbox.with_path(&["rotate", "mail"]).expect(0);
    assert!(
        run.stderr
            .contains("--to 'url:pass:shop/mail' delivers there"),
        "{run:?}"
    );
    // One field may have it, too.
    to(
        &sandbox,
        &["regenerate", "--yes", "mail"],
        "url:aws-sm:app#smtp_url",
    )
    .expect(6);
    sandbox.write("kept", "{}");
    to(
        &sandbox,
        &["regenerate", "--yes", "mail"],
        "url:aws-sm:app#smtp_url",
    )
    .expect(0);
    assert!(
        fields(&sandbox).0[0]
            .1
            .starts_with("smtps://shop_prod:SECRET@")
    );
}

#[test]
fn all_fields_are_restored_if_one_cannot_be_stored() {
    for place in PLACES {
        for (mode, is_restored) in [("part", true), ("late", true), ("fail", false)] {
            let sandbox = with_server();
            to(&sandbox, &GENERATE, place).expect(0);
            let (_, old) = fields(&sandbox);
            // Another server, so that each field would change.
            sandbox.settings(&SERVER.replace("465", "587").replace("mail.", "new."));
            sandbox.mode(mode);
            let run = to(&sandbox, &["rotate", "mail"], place).expect(6);
            let says = "what was there before was restored";
            assert!(
                run.stderr.contains(says) || !is_restored,
                "{place} {mode}: {run:?}"
            );
            let (found, kept) = fields(&sandbox);
            assert_eq!(
                found,
                login(|field| field_of(place, field)),
                "{place} {mode}"
            );
            assert_eq!(kept, old, "{place} {mode}");
            assert_eq!(sandbox.verify(&old).1, 0, "{run:?}");
            assert_eq!(sandbox.show("mail")["status"], "active");
        }
    }
}

#[test]
fn fields_that_were_not_there_are_removed_again() {
    for place in [
        "vault:secret/app#smtp_{field}",
        "aws-sm:prod/app#smtp_{field}",
    ] {
        let sandbox = with_server();
        let one = place.replace("{field}", "password");
        to(&sandbox, &GENERATE, &one).expect(0);
        let before = sandbox.kept();
        sandbox.mode("late");
        let run = to(&sandbox, &["rotate", "mail"], place).expect(6);
        assert!(
            run.stderr.contains("what was there before was restored"),
            "{run:?}"
        );
        let [kept, before]: [Value; 2] =
            [sandbox.kept(), before].map(|text| serde_json::from_str(&text).unwrap());
        assert_eq!(kept, before, "{place}");
    }
}

#[test]
fn a_field_with_the_old_secret_does_not_stay() {
    for place in PLACES {
        let sandbox = with_server();
        to(&sandbox, &GENERATE, place).expect(0);
        let before = sandbox.kept();
        // Without a server there would be no new URL.
        sandbox.settings("");
        let run = to(&sandbox, &["rotate", "mail"], place).expect(6);
        let host = field_of(place, "host");
        let part = format!("has `{host}`, but the mail server for it is not known");
        assert!(run.stderr.contains(&part), "{place}: {run:?}");
        assert_eq!(sandbox.kept(), before, "{place}");
    }
}

#[test]
fn what_somebody_else_wrote_is_not_undone() {
    for place in PLACES {
        let sandbox = with_server();
        to(&sandbox, &GENERATE, place).expect(0);
        sandbox.mode("others");
        let run = to(&sandbox, &["rotate", "mail"], place).expect(6);
        assert!(
            run.stderr.contains("may hold a secret that is not valid"),
            "{place}: {run:?}"
        );
        let (found, _) = fields(&sandbox);
        let name = field_of(place, "port");
        let port = found.iter().find(|(field, _)| *field == name);
        assert_eq!(port.expect("a port").1, "4650", "{place}");
    }
}

#[test]
fn a_field_that_differs_is_named() {
    let sandbox = with_server();
    let place = "vault:secret/app#smtp_{field}";
    // A manager that keeps another port.
    let stub = sandbox.read("bin/vault");
    sandbox.write(
        "bin/vault",
        &stub
            .replace("keep <some", "exit")
            .replace("    cat >kept\n", "    sed 's/465/25/g' >kept\n"),
    );
    let run = to(&sandbox, &GENERATE, place).expect(6);
    assert!(
        run.stderr
            .contains("reading `smtp_port` back shows another value"),
        "{run:?}"
    );
    sandbox.run(["show", "mail"]).expect(3);
}

#[test]
fn what_has_no_login_is_refused() {
    for (settings, command, place, part) in [
        (
            SERVER,
            &["generate", "api", "web"][..],
            PLACES[0],
            "an API key has no login",
        ),
        (
            SERVER,
            &["generate", "api", "web"],
            "url:pass:a",
            "an API key has no login",
        ),
        ("", &GENERATE, "url:pass:a", "needs the mail server"),
        (SERVER, &GENERATE, "pass:a/{field}", "write `url:pass:"),
        (SERVER, &GENERATE, "url:env:.env", "`url:` names one value"),
        (
            SERVER,
            &GENERATE,
            "vault:secret/{field}#key",
            "is only allowed in the name of a field",
        ),
    ] {
        let sandbox = Sandbox::with_tools();
        sandbox.settings(settings);
        let run = to(&sandbox, command, place).expect(2);
        assert!(run.stderr.contains(part), "{place}: {run:?}");
        assert!(!sandbox.vault().exists());
    }
}

#[test]
fn a_site_s_own_secret_manager_has_fields() {
    let sandbox = with_server();
    sandbox.write(
        "store",
        "#!/bin/sh\ncd \"$HOME\"\ncase $1 in\nput) cat >kept ;;\n\
         get) sed -n \"s/.*\\\"$3\\\":\\\"\\([^\\\"]*\\)\\\".*/\\1/p\" kept 2>/dev/null || : ;;\nesac\n",
    );
    sandbox.settings(&format!(
        "{SERVER}[destinations.store]\nprogram = [\"sh\"]\naddress = \"{{app}}/{{name}}\"\n\
         example = \"shop/key\"\nfield = \"name\"\ninput = \"{{fields}}\"\n\
         update = [\"{0}/store\", \"put\", \"{{app}}\"]\n\
         read = [\"{0}/store\", \"get\", \"{{app}}\", \"{{name}}\"]\n",
        sandbox.home().display()
    ));
    let run = to(&sandbox, &GENERATE, "store:{field}/key").expect(2);
    assert!(run.stderr.contains("as in `store:shop/{field}`"), "{run:?}");
    to(&sandbox, &GENERATE, "store:shop/smtp-{field}").expect(0);
    let (found, secret) = fields(&sandbox);
    let sorted = login(|field| format!("smtp-{field}"));
    assert_eq!(found, sorted);
    assert_eq!(sandbox.verify(&secret).1, 0);
}
