//! A manifest is applied once; drift is reverted, and unspecified fields are left alone.

use std::fs;

use serde_json::Value;

use super::{THREE, each};
use crate::sandbox::{Run, Sandbox};

#[test]
fn missing_keys_are_created_and_every_delivered_secret_is_valid() {
    let sandbox = Sandbox::with_manifest(THREE);
    let run = sandbox.apply(&[]).expect(0);
    assert!(run.stderr.ends_with("3 keys created\n"), "{run:?}");
    assert!(
        !run.stdout.contains("xkey") && !run.stdout.contains("xsmtp"),
        "{run:?}"
    );
    assert_eq!(sandbox.variable(".env", "SMTP_USERNAME"), "shop_prod");
    for secret in [
        sandbox.variable(".env", "SMTP_PASSWORD"),
        sandbox.read("reports.secret").trim_end().to_owned(),
        sandbox.read("deploy.secret"),
    ] {
        assert_eq!(sandbox.verify(&secret), ("accepted".to_owned(), 0));
    }
    let reports = sandbox.show("reports");
    assert_eq!(reports["permission"], "read-only");
    assert_eq!(reports["limit"], "20000/day");
    assert_eq!(reports["description"], "monthly figures");
    let days = |at: &str| {
        reports[at]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap()
    };
    let life = days("expires_at").as_second() - days("created_at").as_second();
    assert_eq!(life, 365 * 86_400);
    assert_eq!(sandbox.show("deploy")["limit"], "20/minute");
    sandbox.run(["log", "verify"]).expect(0);
    let log = sandbox.run(["log", "--action", "apply", "--format", "json"]);
    assert_eq!(log.expect(0).json().as_array().unwrap().len(), 3);
}

#[test]
fn run_again_it_does_nothing() {
    let sandbox = Sandbox::with_manifest(THREE);
    sandbox.apply(&[]).expect(0);
    let state = || {
        let files = ["keys.toml", ".env", "reports.secret", "deploy.secret"];
        let files = files.map(|name| sandbox.read(name));
        (files, fs::read(sandbox.vault()).unwrap())
    };
    let before = state();
    for args in [&[][..], &["--dry-run"], &["--prune"], &["--prune", "--yes"]] {
        let run = sandbox.apply(args).expect(0);
        assert_eq!(run.stderr, "everything matches the manifest\n", "{args:?}");
        assert_eq!(state(), before, "{args:?}");
    }
    assert_eq!(each(&sandbox.rows(&[], 0), "action"), ["keep"; 3]);
}

#[test]
fn a_dry_run_reports_everything_and_does_nothing() {
    let sandbox = Sandbox::with_manifest(THREE);
    let run = sandbox.apply(&["-n"]).expect(1);
    assert_eq!(run.stdout.matches("+ create").count(), 3, "{run:?}");
    assert!(
        run.stdout.contains("secret to `SMTP_PASSWORD` in `.env`"),
        "{run:?}"
    );
    let vault = sandbox.vault();
    let expected = format!(
        "there is no vault at `{}`: it would be created\ndry run: nothing was done\n",
        vault.display()
    );
    assert_eq!(run.stderr, expected);
    let names: Vec<_> = fs::read_dir(sandbox.home())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["keys.toml"]);
    sandbox.apply(&[]).expect(0);
    sandbox
        .run(["set", "reports", "--permission", "full"])
        .expect(0);
    let (before, entries) = (fs::read(sandbox.vault()).unwrap(), sandbox.logged());
    let rows = sandbox.rows(&["--dry-run"], 1);
    assert_eq!(each(&rows, "action"), ["keep", "change", "keep"]);
    assert_eq!(each(&rows, "outcome"), ["planned"; 3]);
    assert_eq!(rows[1]["change"][0]["to"], "read-only");
    assert_eq!(fs::read(sandbox.vault()).unwrap(), before);
    assert_eq!(sandbox.logged(), entries);
}

#[test]
fn a_keys_own_policy_is_created_and_kept_as_the_manifest_says() {
    let policy = "rotate_every = \"30d\"\ngrace = \"48h\"\nsettle = \"2h\"\n\
                  after = [\"sh\", \"-c\", \"reload ${APP}\"]\n";
    let key = "[[key]]\nname = \"web\"\nkind = \"api\"\nsave = { file = \"web.key\" }\n";
    let sandbox = Sandbox::with_manifest(&format!("{key}{policy}"));
    let plan = sandbox.apply(&["-n"]).expect(1).stdout;
    let told = "rotate_every 30d, grace 48h, settle 2h, after sh -c 'reload ${APP}'";
    assert!(plan.contains(told), "{plan}");
    sandbox.apply(&[]).expect(0);
    assert_eq!(sandbox.logged(), 1);
    let shown = || sandbox.show("web")["policy"].take();
    let wanted = shown();
    assert_eq!(wanted["after"][2], "reload ${APP}");
    sandbox.apply(&["-n"]).expect(0);
    let drift = ["--rotate-every", "policy", "--grace", "1h", "--clear-after"];
    let args = [&["set", "web"][..], &drift].concat();
    Run::of(sandbox.command(args).output().unwrap()).expect(0);
    let rows = sandbox.rows(&["--dry-run"], 1);
    let fields = rows[0]["change"].as_array().unwrap().iter();
    let fields: Vec<_> = fields.map(|field| field["field"].as_str()).collect();
    assert_eq!(fields, [Some("rotate_every"), Some("grace"), Some("after")]);
    sandbox.apply(&[]).expect(0);
    assert_eq!(shown(), wanted);
    sandbox.run(["set", "web", "--settle", "5h"]).expect(0);
    sandbox.manifest(&format!("{key}grace = \"policy\"\nafter = []\n"));
    sandbox.apply(&[]).expect(0);
    let left = shown();
    assert_eq!(
        (&left["grace_from"], &left["after"]),
        (&"default".into(), &Value::Null)
    );
    assert_eq!(
        (&left["settle"], &left["rotate_every"]),
        (&"5h".into(), &"30d".into())
    );
    sandbox.run(["doctor"]).expect(0);
}

#[test]
fn drift_is_reverted_and_unspecified_fields_are_unchanged() {
    let sandbox = Sandbox::with_manifest(THREE);
    sandbox.apply(&[]).expect(0);
    let expires = sandbox.show("reports")["expires_at"].clone();
    let secret = sandbox.read("reports.secret");
    for args in [
        &[
            "set",
            "reports",
            "--permission",
            "full",
            "--limit",
            "none",
            "--expires",
            "never",
        ][..],
        &["describe", "reports", "changed by hand"],
        &["describe", "deploy", "said by hand"],
        &[
            "set",
            "deploy",
            "--permission",
            "contacts",
            "--expires",
            "90d",
        ],
        &["rename", "deploy", "DEPLOY"],
    ] {
        let status = sandbox
            .command(args.iter().copied())
            .output()
            .unwrap()
            .status;
        assert!(status.success(), "{args:?}");
    }
    let rows = sandbox.rows(&[], 0);
    assert_eq!(each(&rows, "action"), ["keep", "change", "keep"]);
    assert_eq!(each(&rows, "outcome"), ["kept", "done", "kept"]);
    let changed: Vec<_> = rows[1]["change"].as_array().unwrap().clone();
    assert_eq!(
        each(&changed, "field"),
        ["permission", "limit", "description", "expires_at"]
    );
    let reports = sandbox.show("reports");
    assert_eq!(reports["permission"], "read-only");
    assert_eq!(reports["limit"], "20000/day");
    assert_eq!(reports["description"], "monthly figures");
    assert_eq!(reports["expires_at"], expires);
    assert_eq!(sandbox.read("reports.secret"), secret);
    assert_eq!(sandbox.verify(secret.trim_end()).1, 0);
    let deploy = sandbox.show("DEPLOY");
    assert_eq!(deploy["description"], "said by hand");
    assert_eq!(deploy["permission"], "contacts");
    assert_eq!(each(&sandbox.rows(&[], 0), "action"), ["keep"; 3]);
}

#[test]
fn an_empty_description_removes_it() {
    let sandbox = Sandbox::with_manifest(THREE);
    sandbox.apply(&[]).expect(0);
    sandbox.manifest(&THREE.replace("monthly figures", ""));
    assert_eq!(
        each(&sandbox.rows(&[], 0), "action"),
        ["keep", "change", "keep"]
    );
    assert!(sandbox.show("reports")["description"].is_null());
    assert_eq!(each(&sandbox.rows(&[], 0), "action"), ["keep"; 3]);
}

#[test]
fn a_deactivated_key_stays_inactive() {
    let sandbox = Sandbox::with_manifest(THREE);
    sandbox.apply(&[]).expect(0);
    sandbox.run(["deactivate", "reports"]).expect(0);
    let entries = sandbox.logged();
    let run = sandbox.apply(&[]).expect(0);
    assert!(run.stderr.contains("`reports` stays inactive"), "{run:?}");
    assert_eq!(sandbox.show("reports")["status"], "inactive");
    assert_eq!(
        each(&sandbox.rows(&[], 0), "status"),
        ["active", "inactive", "active"]
    );
    assert_eq!(sandbox.logged(), entries);
}

#[test]
fn a_key_can_be_created_inactive() {
    let sandbox = Sandbox::with_manifest(&THREE.replacen("kind =", "inactive = true\nkind =", 1));
    sandbox.apply(&[]).expect(0);
    assert_eq!(sandbox.show("shop-mail")["status"], "inactive");
    sandbox.run(["activate", "shop-mail"]).expect(0);
    assert_eq!(each(&sandbox.rows(&[], 0), "action"), ["keep"; 3]);
    assert_eq!(sandbox.show("shop-mail")["status"], "active");
}

#[test]
fn an_expiry_in_the_past_is_reported_and_not_set() {
    let sandbox = Sandbox::with_manifest(&THREE.replace("365d", "1s"));
    sandbox.apply(&[]).expect(0);
    sandbox
        .run(["set", "reports", "--expires", "90d"])
        .expect(0);
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let expires = sandbox.show("reports")["expires_at"].clone();
    let run = sandbox.apply(&[]).expect(1);
    assert!(
        run.stderr.contains("according to the manifest, it expired"),
        "{run:?}"
    );
    let rows = sandbox.rows(&["-n"], 1);
    assert_eq!(each(&rows, "action"), ["keep"; 3]);
    assert!(rows[1]["hint"].as_str().unwrap().contains("`expires`"));
    assert_eq!(sandbox.show("reports")["expires_at"], expires);
}

#[test]
fn settings_supply_what_a_manifest_omits() {
    let sandbox = Sandbox::with_manifest(THREE);
    sandbox.settings(
        "brand = \"acme\"\n[defaults]\npermission = \"contacts\"\nexpires = \"30d\"\n\
         [plans]\nstarter = \"5/hour\"\n",
    );
    sandbox.apply(&[]).expect(0);
    assert!(sandbox.read("reports.secret").starts_with("xkeyacme-"));
    assert_eq!(sandbox.show("reports")["limit"], "5/hour");
    let deploy = sandbox.show("deploy");
    assert_eq!(deploy["permission"], "contacts");
    assert!(deploy["expires_at"].is_string());
    sandbox.settings("");
    assert_eq!(
        each(&sandbox.rows(&["-n"], 1), "action"),
        ["keep", "change", "keep"]
    );
}

#[test]
fn results_are_the_same_in_every_format() {
    let sandbox = Sandbox::with_manifest(THREE);
    let jsonl = sandbox.apply(&["--format", "jsonl"]).expect(0);
    assert_eq!(jsonl.stdout.lines().count(), 3);
    assert!(jsonl.stderr.contains("created vault"), "{jsonl:?}");
    assert_eq!(jsonl.stderr.lines().count(), 1, "{jsonl:?}");
    let csv = sandbox.apply(&["--format", "csv"]).expect(0);
    let mut lines = csv.stdout.lines();
    assert_eq!(
        lines.next(),
        Some("name,kind,action,outcome,status,change,saved_to,replaces,last_used_at,finding,hint")
    );
    assert_eq!(
        lines.next(),
        Some("shop-mail,smtp,keep,kept,active,,`SMTP_PASSWORD` in `.env`,,,,")
    );
    assert_eq!(lines.count(), 2);
    sandbox.apply(&["--format", "env"]).expect(2);
}

#[test]
fn a_manifest_can_come_from_standard_input() {
    let sandbox = Sandbox::new();
    sandbox
        .run_with_input(["apply", "-"], THREE.as_bytes())
        .expect(0);
    assert_eq!(
        sandbox.verify(&sandbox.variable(".env", "SMTP_PASSWORD")).1,
        0
    );
    let run = sandbox.run_with_input(["apply", "-"], b"[[key]]\nkind = \"api\"\n");
    assert!(
        run.expect(2)
            .stderr
            .starts_with("error: standard input:1: ")
    );
}

#[test]
fn a_read_only_vault_can_be_compared() {
    let sandbox = Sandbox::with_manifest(THREE);
    sandbox.apply(&[]).expect(0);
    let folder = sandbox.vault().parent().unwrap().to_owned();
    for path in [sandbox.vault(), folder.clone()] {
        let mut mode = fs::metadata(&path).unwrap().permissions();
        mode.set_readonly(true);
        fs::set_permissions(&path, mode).unwrap();
    }
    sandbox.apply(&["--dry-run"]).expect(0);
    let mut mode = fs::metadata(&folder).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o700);
    fs::set_permissions(&folder, mode).unwrap();
}
