//! The rules from `connect gitleaks` and `connect pre-commit` find secrets, and nothing else.

use std::fs;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use regex::Regex;

use crate::sandbox::{Run, Sandbox};

/// A rule of gitleaks.
struct Rule {
    id: String,
    regex: Regex,
    keyword: String,
    entropy: f64,
}

impl Rule {
    /// Whether it finds a secret in a text, in three steps.
    fn finds(&self, text: &str) -> bool {
        let found = self.regex.find(text);
        // gitleaks first searches for keywords, ignoring case.
        text.to_lowercase().contains(&self.keyword)
            && found.is_some_and(|found| entropy(found.as_str()) > self.entropy)
    }
}

#[test]
fn the_rules_find_every_new_secret_of_their_kind_and_the_settings_brand() {
    for brand in ["post", "acme7", "abcdefghijkl"] {
        let sandbox = Sandbox::new();
        sandbox.settings(&format!("brand = \"{brand}\""));
        let [api, smtp] = rules(&sandbox);
        assert_eq!(
            (api.id.as_str(), smtp.id.as_str()),
            ("postkey-api-key", "postkey-smtp-key")
        );
        for number in 0..3 {
            let key = sandbox.generate(["api", &format!("api-{number}")]);
            let mail = sandbox.generate(["smtp", &format!("smtp-{number}")]);
            assert!(api.finds(&key) && !smtp.finds(&key), "{key}");
            assert!(smtp.finds(&mail) && !api.finds(&mail), "{mail}");
            assert_eq!(api.regex.find(&format!("a{key}b")).unwrap().as_str(), key);
        }
    }
}

#[test]
fn text_that_only_resembles_a_secret_is_not_found() {
    let [api, smtp] = rules(&Sandbox::new());
    let (hex, tail) = ("0f1e2d3c4b5a6978".repeat(4), "Zk3v9QmT1x0aB9Gh");
    let whole = format!("xkeypost-{hex}-{tail}");
    assert!(api.finds(&whole));
    for text in [
        whole.replace("post", "acme"),
        whole.replace("xkey", "key"),
        whole.replace("xkey", "xkeys"),
        whole.to_uppercase(),
        whole.replace("0f1e", "0F1E"),
        whole.replace("0f1e", "0g1e"),
        whole.replace('-', "_"),
        whole.replace('-', ""),
        format!("xkeypost-{hex}0-{tail}"),
        format!("xkeypost-{}-{tail}", &hex[1..]),
        format!("xkeypost-{hex}-{}", &tail[1..]),
        format!("xkeypost-{hex}-{}-{}", &tail[..8], &tail[8..]),
        format!("xkeypost-{}-{}", "0".repeat(64), "0".repeat(16)),
        format!("xkeypost-{}-{}", "x".repeat(64), "x".repeat(16)),
        "xkeypost-… xsmtppost-…".to_owned(),
        "{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$tdVdK7eBb+KyBVTc3jfmtg$xo5s".to_owned(),
    ] {
        assert!(!api.finds(&text) && !smtp.finds(&text), "{text}");
    }
}

proptest! {
    #[test]
    fn a_secret_is_found_in_any_context(
        hex in proptest::collection::vec(any::<u8>(), 32),
        tail in "[0-9A-Za-z]{16}",
        before in "[ -~]{0,40}",
        after in "[ -~]{0,40}",
    ) {
        let hex: String = hex.iter().map(|byte| format!("{byte:02x}")).collect();
        let secret = format!("xsmtppost-{hex}-{tail}");
        prop_assume!(entropy(&secret) > 3.5);
        let [api, smtp] = &*RULES;
        let text = format!("{before}{secret}{after}");
        prop_assert!(smtp.finds(&text) && !api.finds(&text));
    }
}

static RULES: std::sync::LazyLock<[Rule; 2]> = std::sync::LazyLock::new(|| rules(&Sandbox::new()));

#[test]
fn the_hook_blocks_a_commit_with_a_secret() {
    let sandbox = Sandbox::new();
    let (key, mail) = (
        sandbox.generate(["api", "ci"]),
        sandbox.generate(["smtp", "mail"]),
    );
    let hook = sandbox.run(["connect", "pre-commit"]).expect(0).stdout;
    let repository = sandbox.home().join("repository");
    fs::create_dir(&repository).unwrap();
    fs::write(repository.join(".pre-commit-config.yaml"), hook).unwrap();
    let run = |command: &str| shell(&sandbox, &repository, command);
    run("git init -q && pre-commit install && git add .").expect(0);
    run("git commit -qm first").expect(0);
    for (number, secret) in [&key, &mail].into_iter().enumerate() {
        let text = format!("{{\"key\":\"\\n{secret}\"}}\n");
        fs::write(repository.join("secret.json"), text).unwrap();
        let commit = run("git add . && git commit -qm second").expect(1);
        let said = format!("{}{}", commit.stdout, commit.stderr);
        assert!(said.contains("secret.json:1:"), "{said}");
        assert_eq!(
            run("git rev-list --count HEAD").stdout,
            format!("{}\n", number + 1)
        );
        fs::write(repository.join("secret.json"), text_without(number)).unwrap();
        run("git add . && git commit -qm second").expect(0);
    }
}

fn text_without(number: usize) -> String {
    format!("{{\"key\":\"xkeypost-{number}\"}}\n")
}

#[test]
fn scanners_need_no_vault_and_refuse_flags_of_servers() {
    let sandbox = Sandbox::new();
    for scanner in ["gitleaks", "pre-commit"] {
        sandbox.run(["connect", scanner]).expect(0);
        let run = sandbox
            .run(["connect", scanner, "--backend", "a:1"])
            .expect(2);
        assert!(run.stderr.contains("--backend does not apply"), "{run:?}");
        let run = sandbox
            .run(["connect", scanner, "--export", "/x"])
            .expect(2);
        assert!(run.stderr.contains("--export does not apply"), "{run:?}");
    }
    assert!(!sandbox.vault().exists());
}

fn rules(sandbox: &Sandbox) -> [Rule; 2] {
    let text = sandbox.run(["connect", "gitleaks"]).expect(0).stdout;
    let file: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(file["extend"]["useDefault"], true.into());
    let rules = file["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 2);
    [0, 1].map(|at| {
        let text = |field: &str| rules[at][field].as_str().unwrap().to_owned();
        assert!(!text("description").is_empty());
        Rule {
            id: text("id"),
            regex: Regex::new(&text("regex")).unwrap(),
            keyword: rules[at]["keywords"][0].as_str().unwrap().to_owned(),
            entropy: rules[at]["entropy"].as_float().unwrap(),
        }
    })
}

/// Shannon entropy, in bits per character, as gitleaks computes it.
fn entropy(text: &str) -> f64 {
    let length = text.len() as f64;
    let share = |byte: u8| text.bytes().filter(|&other| other == byte).count() as f64 / length;
    let shares = (0..=u8::MAX).map(share).filter(|&share| share > 0.0);
    -shares.map(|share| share * share.log2()).sum::<f64>()
}

fn shell(sandbox: &Sandbox, folder: &Path, command: &str) -> Run {
    let mut bash = Command::new("bash");
    bash.args(["-c", command])
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .env("HOME", sandbox.home())
        .env("GIT_AUTHOR_NAME", "ops")
        .env("GIT_AUTHOR_EMAIL", "ops@example.com")
        .env("GIT_COMMITTER_NAME", "ops")
        .env("GIT_COMMITTER_EMAIL", "ops@example.com");
    Run::of(bash.current_dir(folder).output().unwrap())
}
