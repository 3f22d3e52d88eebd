//! Invalid settings do not block a revocation.

use crate::sandbox::Sandbox;

#[test]
fn emergency_commands_work_with_invalid_settings() {
    let sandbox = Sandbox::new();
    let vault = sandbox.home().join("own/v.db");
    let vault = vault.to_str().unwrap();
    let named = format!("vault = \"{vault}\"\n[output]\ncolr = \"never\"\n");
    let web = sandbox.generate(["api", "web", "--vault", vault]);
    sandbox.generate(["api", "mobile", "--vault", vault]);
    sandbox.settings(&named);
    let says = |run: &crate::sandbox::Run| {
        assert!(run.stderr.contains("warning: "), "{run:?}");
        assert!(run.stderr.contains("unknown setting `colr`"), "{run:?}");
    };
    says(&sandbox.run(["list"]).expect(0));
    says(&sandbox.run(["show", "web"]).expect(0));
    says(&sandbox.run(["log"]).expect(0));
    says(
        &sandbox
            .run_with_input(["identify"], web.as_bytes())
            .expect(0),
    );
    says(&sandbox.run(["deactivate", "mobile"]).expect(0));
    says(&sandbox.run_with_input(["revoke"], web.as_bytes()).expect(0));
    // Other commands are refused.
    for args in [["activate", "web"], ["generate", "api"], ["delete", "web"]] {
        let run = sandbox.run(args).expect(5);
        assert!(run.stderr.contains("unknown setting `colr`"), "{run:?}");
    }
    let list = sandbox.run(["list", "--format", "json"]).expect(0).json();
    for key in list.as_array().unwrap() {
        assert_eq!(key["status"], "inactive", "{key}");
    }
}

#[test]
fn which_vault_is_meant_is_not_guessed() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "web"]);
    for settings in [
        "valut = \"/srv/v.db\"\n",
        "vault = \"v.db\"\n",
        "vault = /v.db\n",
        "vault = \"/srv/v.db\"\nvault = \"/srv/w.db\"\n",
        "[output]\nvault = \"/srv/v.db\"\n",
        "[plans]\nvault = \"/srv/v.db\"\n",
        "output.vault = \"/srv/v.db\"\n",
    ] {
        sandbox.settings(settings);
        let run = sandbox.run(["deactivate", "web"]).expect(5);
        assert!(
            run.stderr.contains("name the vault with --vault"),
            "{run:?}"
        );
        let vault = sandbox.vault();
        let named = ["show", "web", "--vault", vault.to_str().unwrap()];
        sandbox.run(named).expect(0);
    }
    sandbox.settings("wiat = \"5s\"\n");
    sandbox.run(["deactivate", "web"]).expect(0);
}

#[test]
fn unreadable_exports_are_reported_and_the_others_rewritten() {
    let sandbox = Sandbox::new();
    let file = sandbox.home().join("users.json");
    let export = format!(
        "[[export]]\nformat = \"json\"\nfile = \"{}\"\n",
        file.display()
    );
    sandbox.settings(&export);
    sandbox.generate(["api", "web"]);
    let before = std::fs::read_to_string(&file).unwrap();
    assert!(before.contains("\"web\""));
    sandbox.settings(&export.replace("json\"\nfile", "jsno\"\nfile"));
    let run = sandbox.run(["deactivate", "web"]).expect(8);
    assert!(run.stderr.contains("may be out of date"), "{run:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
    // A valid export in invalid settings is written.
    sandbox.settings(&format!("{export}[output]\ncolr = 1\n"));
    sandbox.run(["deactivate", "web"]).expect(0);
    assert!(!std::fs::read_to_string(&file).unwrap().contains("\"web\""));
}
