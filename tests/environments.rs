//! Several environments: vaults with names, manifests with variables, usernames by the settings.

use std::fs;

use crate::sandbox::{Run, Sandbox};

/// Runs a command line whose words have no blanks, with these environment variables.
fn run_with(sandbox: &Sandbox, line: &str, variables: &[(&str, &str)]) -> Run {
    let mut command = sandbox.command(line.split(' '));
    Run::of(command.envs(variables.iter().copied()).output().unwrap())
}

fn run(sandbox: &Sandbox, line: &str) -> Run {
    run_with(sandbox, line, &[])
}

/// A sandbox whose settings name two vaults.
fn with_vaults() -> Sandbox {
    let sandbox = Sandbox::new();
    let home = sandbox.home().display();
    let settings = format!(
        "[vaults]\nstaging = \"{home}/staging/vault.db\"\nprod = \"{home}/prod/vault.db\"\n"
    );
    sandbox.settings(&settings);
    sandbox
}

#[test]
fn a_vault_can_be_named() {
    let sandbox = with_vaults();
    run(&sandbox, "generate api web --vault staging").expect(0);
    run_with(&sandbox, "generate api shop", &[("POSTKEY_VAULT", "prod")]).expect(0);
    for (name, key) in [("staging", "web"), ("prod", "shop")] {
        assert!(
            sandbox.home().join(name).join("vault.db").exists(),
            "{name}"
        );
        let listed = run(&sandbox, &format!("--vault {name} list --names")).expect(0);
        assert_eq!(listed.stdout, format!("{key}\n"));
        let named = [("POSTKEY_VAULT", name)];
        let listed = run_with(&sandbox, "list --names", &named).expect(0);
        assert_eq!(listed.stdout, format!("{key}\n"));
    }
    assert!(!sandbox.vault().exists());
    let hint = run(&sandbox, "--vault staging show wbe").expect(3).stderr;
    assert!(hint.contains("did you mean `web`"), "{hint}");
    let hint = run(&sandbox, "--vault staging show nothing")
        .expect(3)
        .stderr;
    assert!(hint.contains("`postkey --vault staging list`"), "{hint}");
    let shown = run(&sandbox, "config --json").expect(0).json();
    let named = shown.as_array().unwrap().iter();
    let named: Vec<_> = named
        .filter(|one| one["setting"].as_str().unwrap().starts_with("vaults."))
        .map(|one| {
            (
                one["setting"].as_str().unwrap(),
                one["source"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        named,
        [("vaults.prod", "settings"), ("vaults.staging", "settings")]
    );
}

#[test]
fn a_name_that_the_settings_do_not_have_is_an_error() {
    let sandbox = with_vaults();
    for (name, hint) in [
        (
            "stagin",
            "did you mean `staging`? `./stagin` is a file of that name",
        ),
        (
            "x",
            "the settings name prod, staging; `./x` is a file of that name",
        ),
    ] {
        for line in ["list", "deactivate web", "generate api web"] {
            let refused = run(&sandbox, &format!("{line} --vault {name}")).expect(2);
            let told = format!("the settings name no vault `{name}`");
            assert!(refused.stderr.contains(&told), "{refused:?}");
            assert!(refused.stderr.contains(hint), "{refused:?}");
        }
        let variable = [("POSTKEY_VAULT", name)];
        run_with(&sandbox, "list", &variable).expect(2);
        assert!(!sandbox.home().join(name).exists());
    }
    run(&sandbox, "generate api web --vault ./staging").expect(0);
    assert!(sandbox.home().join("staging").is_file());
}

#[test]
fn a_named_vault_is_found_despite_other_mistakes_in_the_settings() {
    let sandbox = with_vaults();
    run(&sandbox, "generate api web --vault staging").expect(0);
    let home = sandbox.home().display();
    let vaults = format!("[vaults]\nstaging = \"{home}/staging/vault.db\"\n");
    sandbox.settings(&format!("colr = 1\n{vaults}"));
    let done = run(&sandbox, "deactivate web --vault staging").expect(0);
    assert!(done.stderr.contains("unknown setting `colr`"), "{done:?}");
    sandbox.settings("colr = 1\n[vaults]\nstaging = \"relative.db\"\n");
    run(&sandbox, "deactivate web --vault staging").expect(2);
}

const MANIFEST: &str = r#"
[[key]]
name = "shop-${ENV}"
kind = "smtp"
username = "shop_${ENV}"
description = "the shop in ${ENV}, $${not} expanded"
labels = { env = "${ENV}", team = "shop" }
owner = "team-${ENV}"
save = { file = "${ENV}.env", secret = "SMTP_PASSWORD" }

[[key]]
name = "${ENV}-ci"
kind = "api"
save = { command = ["sh", "-c", "cat >\"$0\"; echo ${ENV} $$ >>command.txt", "ci.key"] }
"#;

#[test]
fn a_manifest_describes_several_environments() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.home().join("keys.toml"), MANIFEST).unwrap();
    for env in ["prod", "test"] {
        let variable = [("ENV", env)];
        run_with(&sandbox, "apply keys.toml", &variable).expect(0);
        run_with(&sandbox, "apply keys.toml --dry-run", &variable).expect(0);
        let key = sandbox.show(&format!("shop-{env}"));
        assert_eq!(key["username"], format!("shop_{env}"));
        let description = format!("the shop in {env}, ${{not}} expanded");
        assert_eq!(key["description"], description);
        assert_eq!(key["labels"]["env"], env);
        assert_eq!(key["owner"], format!("team-{env}"));
        assert!(sandbox.home().join(format!("{env}.env")).exists());
        sandbox.show(&format!("{env}-ci"));
    }
    // The shell expands its own words.
    let told = fs::read_to_string(sandbox.home().join("command.txt")).unwrap();
    assert!(told.starts_with("prod "), "{told}");
}

#[test]
fn a_variable_that_cannot_be_used_is_an_error_with_its_line() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.home().join("keys.toml"), MANIFEST).unwrap();
    let secret = format!("xkeypost-{}-0123456789abcdef", "0123456789abcdef".repeat(4));
    for (value, told) in [
        (None, "the environment variable `ENV` is not set"),
        (Some(""), "the environment variable `ENV` is not set"),
        (Some("a\nb"), "contains a line break"),
        (Some("\u{1b}[31m"), "contains a line break, or a control"),
        (Some(&*secret), "looks like a secret"),
        (Some("a b"), "`shop-a b` is not a key's name"),
        (Some("${HOME}"), "`shop-${HOME}` is not a key's name"),
    ] {
        let variable = value.map(|value| ("ENV", value));
        let refused = run_with(&sandbox, "apply keys.toml", variable.as_slice()).expect(2);
        let line = refused.stderr.lines().next().unwrap();
        assert!(
            line.contains("keys.toml:3: name: "),
            "{value:?}: {refused:?}"
        );
        assert!(refused.stderr.contains(told), "{value:?}: {refused:?}");
        assert!(!refused.stderr.contains("0123456789abcdef"), "{refused:?}");
        assert!(!sandbox.vault().exists());
    }
}

#[test]
fn the_settings_give_new_smtp_keys_their_usernames() {
    let sandbox = Sandbox::new();
    sandbox.settings("[defaults]\nusername = \"{name}_prod\"\n");
    fs::write(sandbox.home().join("names"), "one-a\ntwo.b\n").unwrap();
    let manifest = "[[key]]\nname = \"web-app\"\nkind = \"smtp\"\nsave = { file = \".env\", \
                    username = \"U\", secret = \"S\" }\n";
    fs::write(sandbox.home().join("keys.toml"), manifest).unwrap();
    for line in [
        "generate smtp shop-mail",
        "generate smtp given --username other_user",
        "generate smtp --from names --save-dir keys",
        "generate api ci",
        "apply keys.toml",
    ] {
        run(&sandbox, line).expect(0);
    }
    for (name, username) in [
        ("shop-mail", "shop_mail_prod"),
        ("given", "other_user"),
        ("one-a", "one_a_prod"),
        ("two.b", "two_b_prod"),
        ("web-app", "web_app_prod"),
    ] {
        assert_eq!(sandbox.show(name)["username"], username, "{name}");
    }
    let again = run(&sandbox, "generate smtp given --if-absent").expect(0);
    assert!(again.stderr.contains("unchanged"), "{again:?}");
    run(&sandbox, "apply keys.toml").expect(0);
    let taken = run(&sandbox, "generate smtp shop.mail").expect(4);
    assert!(taken.stderr.contains("shop_mail_prod"), "{taken:?}");
    let long = format!("generate smtp {}", "x".repeat(60));
    let long = run(&sandbox, &long).expect(2);
    assert!(
        long.stderr.contains("`username` in the settings"),
        "{long:?}"
    );
    assert!(long.stderr.contains("give it a --username"), "{long:?}");
    let config = run(&sandbox, "config --format csv").expect(0).stdout;
    assert!(
        config.contains("defaults.username,{name}_prod,settings"),
        "{config}"
    );
    sandbox.settings("[defaults]\nusername = \"ops@example.com\"\n");
    run(&sandbox, "generate smtp shared-a").expect(0);
    run(&sandbox, "generate smtp shared-b").expect(0);
    assert_eq!(sandbox.show("shared-b")["username"], "ops@example.com");
}
