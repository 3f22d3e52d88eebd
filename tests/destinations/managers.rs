//! Each preset: how its tool is run, and where the secret is then.

use base64ct::{Base64, Encoding};

use super::secret_in;
use crate::sandbox::Sandbox;

/// A destination; the command lines that store a first secret there, and those that replace it.
const PRESETS: [(&str, &[&str], &[&str]); 11] = [
    (
        "vault:secret/data/app#key",
        &[
            "vault kv get -mount=secret -format=json app",
            "vault kv patch -mount=secret app -",
            "vault kv put -mount=secret -cas=0 app -",
            "vault kv get -mount=secret -format=json app",
        ],
        &[
            "vault kv get -mount=secret -format=json app",
            "vault kv patch -mount=secret app -",
            "vault kv get -mount=secret -format=json app",
        ],
    ),
    (
        "aws-sm:prod/app",
        &[
            "aws secretsmanager get-secret-value --secret-id prod/app --query SecretString --output text",
            "aws secretsmanager put-secret-value --secret-id prod/app --secret-string file:///proc/self/fd/N",
            "aws secretsmanager create-secret --name prod/app --secret-string file:///proc/self/fd/N",
            "aws secretsmanager get-secret-value --secret-id prod/app --query SecretString --output text",
        ],
        &[
            "aws secretsmanager get-secret-value --secret-id prod/app --query SecretString --output text",
            "aws secretsmanager put-secret-value --secret-id prod/app --secret-string file:///proc/self/fd/N",
            "aws secretsmanager get-secret-value --secret-id prod/app --query SecretString --output text",
        ],
    ),
    (
        "gcp-sm:shop-1/app",
        &[
            "gcloud secrets versions access latest --secret=app --project=shop-1 --quiet",
            "gcloud secrets versions add app --project=shop-1 --data-file=- --quiet",
            "gcloud secrets create app --project=shop-1 --data-file=- --quiet",
            "gcloud secrets versions access latest --secret=app --project=shop-1 --quiet",
        ],
        &[
            "gcloud secrets versions access latest --secret=app --project=shop-1 --quiet",
            "gcloud secrets versions add app --project=shop-1 --data-file=- --quiet",
            "gcloud secrets versions access latest --secret=app --project=shop-1 --quiet",
        ],
    ),
    (
        "azure-kv:shop/app",
        &[
            "az keyvault secret show --vault-name shop --name app --query value --output tsv",
            "az keyvault secret set --vault-name shop --name app --file /proc/self/fd/N --encoding utf-8 --output none",
            "az keyvault secret show --vault-name shop --name app --query value --output tsv",
        ],
        &[
            "az keyvault secret show --vault-name shop --name app --query value --output tsv",
            "az keyvault secret set --vault-name shop --name app --file /proc/self/fd/N --encoding utf-8 --output none",
            "az keyvault secret show --vault-name shop --name app --query value --output tsv",
        ],
    ),
    (
        "kubernetes:shop/app#api-key",
        &[
            "kubectl --namespace=shop get secret app -o=go-template={{with .data}}{{with index . \"api-key\"}}{{.}}{{ end }}{{ end }}",
            "kubectl apply --server-side --force-conflicts --field-manager=postkey-api-key -f -",
            "kubectl --namespace=shop get secret app -o=go-template={{with .data}}{{with index . \"api-key\"}}{{.}}{{ end }}{{ end }}",
        ],
        &[
            "kubectl --namespace=shop get secret app -o=go-template={{with .data}}{{with index . \"api-key\"}}{{.}}{{ end }}{{ end }}",
            "kubectl apply --server-side --force-conflicts --field-manager=postkey-api-key -f -",
            "kubectl --namespace=shop get secret app -o=go-template={{with .data}}{{with index . \"api-key\"}}{{.}}{{ end }}{{ end }}",
        ],
    ),
    (
        "gitlab-var:API_KEY",
        &[
            "glab variable get API_KEY",
            "glab variable update API_KEY --masked",
            "glab variable set API_KEY --masked",
            "glab variable get API_KEY",
        ],
        &[
            "glab variable get API_KEY",
            "glab variable update API_KEY --masked",
            "glab variable get API_KEY",
        ],
    ),
    (
        "github-secret:acme/shop/API_KEY",
        &["gh secret set API_KEY --repo=acme/shop"],
        &["gh secret set API_KEY --repo=acme/shop"],
    ),
    (
        "systemd-creds:/etc/credstore.encrypted/app",
        &[
            "systemd-creds decrypt --name=app /etc/credstore.encrypted/app -",
            "systemd-creds encrypt --name=app - /etc/credstore.encrypted/app",
            "systemd-creds decrypt --name=app /etc/credstore.encrypted/app -",
        ],
        &[
            "systemd-creds decrypt --name=app /etc/credstore.encrypted/app -",
            "systemd-creds encrypt --name=app - /etc/credstore.encrypted/app",
            "systemd-creds decrypt --name=app /etc/credstore.encrypted/app -",
        ],
    ),
    (
        "docker-secret:app",
        &["docker secret create app -"],
        &["docker secret create app -"],
    ),
    (
        "pass:shop/app",
        &[
            "pass show shop/app",
            "pass insert --multiline --force shop/app",
            "pass show shop/app",
        ],
        &[
            "pass show shop/app",
            "pass insert --multiline --force shop/app",
            "pass show shop/app",
        ],
    ),
    (
        "gopass:shop/app",
        &[
            "gopass show --password shop/app",
            "gopass insert --force shop/app",
            "gopass show --password shop/app",
        ],
        &[
            "gopass show --password shop/app",
            "gopass insert --force shop/app",
            "gopass show --password shop/app",
        ],
    ),
];

/// The recorded command lines, with the numbers of open files replaced.
fn recorded(sandbox: &Sandbox) -> Vec<String> {
    let number = regex::Regex::new("/fd/[0-9]+").unwrap();
    let lines = sandbox.recorded().into_iter();
    lines
        .map(|line| number.replace(&line, "/fd/N").into_owned())
        .collect()
}

/// The secret that the stub keeps, as the preset stores it.
fn stored(sandbox: &Sandbox, destination: &str) -> String {
    if destination.starts_with("vault") {
        let kept: serde_json::Value = serde_json::from_str(&sandbox.kept()).unwrap();
        return kept["key"].as_str().unwrap().to_owned();
    }
    if !destination.starts_with("kubernetes") {
        return sandbox.kept();
    }
    let secret: serde_json::Value = serde_json::from_str(&sandbox.kept()).unwrap();
    assert_eq!(secret["metadata"]["namespace"], "shop");
    assert_eq!(secret["metadata"]["name"], "app");
    let data = secret["data"].as_object().unwrap();
    assert_eq!(data.len(), 1);
    let decoded = Base64::decode_vec(data["api-key"].as_str().unwrap()).unwrap();
    String::from_utf8(decoded).unwrap()
}

#[test]
fn each_tool_gets_the_secret_and_neither_its_arguments_nor_its_environment_have_it() {
    for (destination, first, second) in PRESETS {
        let sandbox = Sandbox::with_tools();
        let run = sandbox
            .with_path(&["generate", "api", "web", "--to", destination])
            .expect(0);
        assert_eq!(run.stdout, "", "{destination}");
        assert_eq!(recorded(&sandbox), first, "{destination}");
        let old = stored(&sandbox, destination);
        assert_eq!(sandbox.verify(&old).1, 0, "{destination}: {old}");
        let place = format!("its secret is in `{destination}`");
        assert!(run.stderr.contains(&place), "{destination}: {run:?}");

        let run = sandbox.with_path(&["rotate", "web", "--to", destination]);
        assert_eq!(recorded(&sandbox), second, "{destination}");
        if destination.starts_with("docker") {
            assert!(run.stderr.contains("AlreadyExists"), "{run:?}");
            assert!(run.stderr.contains("choose another name"), "{run:?}");
            assert_eq!(sandbox.show("web")["status"], "active");
            continue;
        }
        let new = stored(&sandbox, destination);
        assert_ne!(old, new, "{destination}");
        assert_eq!(sandbox.verify(&new).1, 0, "{destination}: {run:?}");
        assert_eq!(sandbox.verify(&old).1, 0, "{destination}");
        let seen = format!("{:?}{}{}", first, sandbox.read("env"), run.stderr);
        for secret in [old, new] {
            let encoded = Base64::encode_string(secret.as_bytes());
            assert!(!seen.contains(&secret[10..18]), "{destination}: {seen}");
            assert!(!seen.contains(&encoded[12..24]), "{destination}: {seen}");
        }
    }
}

#[test]
fn a_file_for_a_tool_is_private_and_in_memory() {
    let sandbox = Sandbox::with_tools();
    sandbox
        .with_path(&["generate", "api", "web", "--to", "azure-kv:shop/app"])
        .expect(0);
    assert_eq!(sandbox.read("files"), "600 regular file\n");
}

#[test]
fn other_fields_of_a_document_stay() {
    let sandbox = Sandbox::with_tools();
    sandbox.write("kept", "{\"user\":\"shop\"}");
    sandbox
        .with_path(&["generate", "api", "web", "--to", "aws-sm:prod/app#key"])
        .expect(0);
    let kept: serde_json::Value = serde_json::from_str(&sandbox.kept()).unwrap();
    assert_eq!(kept["user"], "shop");
    assert_eq!(sandbox.verify(kept["key"].as_str().unwrap()).1, 0);

    // The first secret of a document that does not exist.
    let sandbox = Sandbox::with_tools();
    sandbox
        .with_path(&["generate", "api", "web", "--to", "aws-sm:prod/app#key"])
        .expect(0);
    let kept: serde_json::Value = serde_json::from_str(&sandbox.kept()).unwrap();
    assert_eq!(sandbox.verify(kept["key"].as_str().unwrap()).1, 0);

    let sandbox = Sandbox::with_tools();
    sandbox.write("kept", "plain");
    let run = sandbox
        .with_path(&["generate", "api", "web", "--to", "aws-sm:prod/app#key"])
        .expect(6);
    assert!(run.stderr.contains("is not a JSON object"), "{run:?}");
    assert_eq!(sandbox.kept(), "plain");
}

#[test]
fn openbao_is_used_where_vault_is_not_installed() {
    let sandbox = Sandbox::with_tools();
    let bin = sandbox.home().join("bin");
    std::fs::rename(bin.join("vault"), bin.join("bao")).unwrap();
    sandbox
        .with_path(&["generate", "api", "web", "--to", "vault:secret/app#key"])
        .expect(0);
    assert_eq!(
        sandbox.recorded()[2],
        "bao kv put -mount=secret -cas=0 app -"
    );
}

#[test]
fn a_manifest_names_a_destination_in_one_word() {
    let sandbox = Sandbox::with_tools();
    sandbox.manifest(
        "[[key]]\nname = \"web\"\nkind = \"api\"\nsave = \"vault:secret/{name}#key\"\n\
         [[key]]\nname = \"env\"\nkind = \"api\"\nsave = \"env:.env#API_KEY\"\n\
         [[key]]\nname = \"one\"\nkind = \"api\"\nsave = \"dir:.\"\n",
    );
    let run = sandbox.with_path(&["apply", "keys.toml"]).expect(0);
    assert!(
        run.stderr
            .contains("delivered its secret to `vault:secret/data/web#key`"),
        "{run:?}"
    );
    assert_eq!(sandbox.verify(&secret_in(&sandbox.kept())).1, 0);
    assert_eq!(sandbox.verify(&secret_in(&sandbox.read(".env"))).1, 0);
    assert_eq!(sandbox.verify(sandbox.read("one").trim_end()).1, 0);
    sandbox.with_path(&["apply", "keys.toml"]).expect(0);
}

#[test]
fn a_site_defines_its_own_secret_manager() {
    let sandbox = Sandbox::with_tools();
    sandbox.write("store", "#!/bin/sh\ncat \"$2\" >\"$1\"\n");
    sandbox.settings(&format!(
        "[destinations.store]\nprogram = [\"sh\"]\naddress = \"{{name}}\"\nexample = \"a\"\n\
         input = '{{\"token\":\"{{value}}\"}}'\n\
         update = [\"{0}/store\", \"{0}/{{name}}\", \"{{file}}\"]\n",
        sandbox.home().display()
    ));
    sandbox
        .run(["generate", "api", "web", "--to", "store:app"])
        .expect(0);
    let kept: serde_json::Value = serde_json::from_str(&sandbox.read("app")).unwrap();
    assert_eq!(sandbox.verify(kept["token"].as_str().unwrap()).1, 0);
}

#[test]
fn two_keys_of_one_document_are_both_kept() {
    let sandbox = Sandbox::with_tools();
    sandbox.write("kept", "{}");
    // Reading is slow, so that both would change the same document.
    let stub = sandbox.read("bin/aws");
    sandbox.write("bin/aws", &stub.replace("mode=$(", "sleep 0.3\nmode=$("));
    std::thread::scope(|scope| {
        for name in ["web", "ci"] {
            let sandbox = &sandbox;
            scope.spawn(move || {
                let to = format!("aws-sm:prod/app#{name}");
                let wait = ["--wait", "30s"];
                let command = ["generate", "api", name, "--to", &to];
                sandbox.with_path(&[&command[..], &wait].concat()).expect(0);
            });
        }
    });
    let kept: serde_json::Value = serde_json::from_str(&sandbox.kept()).unwrap();
    for name in ["web", "ci"] {
        assert_eq!(sandbox.verify(kept[name].as_str().unwrap()).1, 0, "{kept}");
    }
    // One process may deliver both, too.
    sandbox.write("names", "a\nb\n");
    let to = "aws-sm:prod/app#{name}";
    sandbox
        .with_path(&["generate", "api", "--from", "names", "--to", to])
        .expect(0);
    assert_eq!(sandbox.kept().matches("xkeypost-").count(), 4);
}
