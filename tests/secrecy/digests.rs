//! Digests, paths and container ids are never taken for secrets.

use std::fs;

use crate::sandbox::{Run, Sandbox};

/// Docker's ids of layers and containers.
const DIGEST: &str = "5f1c0ffee0123456789abcdef0123456789abcdef0123456789abcdef0123456";

#[test]
fn digests_are_allowed_in_paths_names_and_descriptions() {
    let sandbox = Sandbox::new();
    let layer = sandbox.home().join("overlay2").join(DIGEST).join("merged");
    fs::create_dir_all(&layer).unwrap();
    let at = |name: &str| layer.join(name).to_str().unwrap().to_owned();
    let (vault, saved, backup) = (at("vault/vault.db"), at("app.env"), at("backup.db"));
    let image = format!("image sha256:{DIGEST}");
    let run = |args: &[&str]| {
        let mut command = sandbox.command(args.iter().copied());
        Run::of(command.env("POSTKEY_VAULT", &vault).output().unwrap())
    };
    let good = |args: &[&str]| {
        let run = run(args);
        let said = run.stdout.clone() + &run.stderr;
        assert!(!said.contains("not shown"), "{args:?}: {run:?}");
        run.expect(0)
    };
    good(&[
        "generate",
        "api",
        DIGEST,
        "--description",
        &image,
        "--save",
        &saved,
        "--format",
        "env",
    ]);
    let shown = good(&["show", DIGEST]);
    assert!(
        shown.stdout.contains(DIGEST) && shown.stdout.contains(&image),
        "{shown:?}"
    );
    good(&["list", DIGEST]);
    good(&["describe", DIGEST, &format!("docker exec -i {DIGEST}")]);
    good(&["log", DIGEST]);
    good(&["backup", &backup]);
    good(&["rename", DIGEST, "ci"]);
    good(&["export", "json", &at("keys.json")]);
    good(&["restore", "--yes", "--confirm", DIGEST, &backup]);
    good(&["--vault", &vault, "delete", "--yes", DIGEST]);
    let missing = run(&["show", DIGEST]).expect(3);
    assert!(missing.stderr.contains(DIGEST), "{missing:?}");
    let manifest = format!(
        "[[key]]\nname = \"first\"\nkind = \"api\"\ndescription = \"{image}\"\n\
         save = {{ command = [\"sh\", \"-c\", \"cat >/dev/null; echo {DIGEST}\"] }}\n\
         [[key]]\nname = \"second\"\nkind = \"api\"\nsave = {{ file = \"{}\", secret = \"KEY\" }}\n",
        at("second.env")
    );
    let path = at("keys.toml");
    fs::write(&path, manifest).unwrap();
    let applied = good(&["apply", &path]);
    assert!(
        applied.stderr.contains(&format!("first: {DIGEST}")),
        "{applied:?}"
    );
}
