//! The real systemd-creds, with a host key of its own in a mount name space, systemd-analyze, and
//! pass.

use std::process::Command;

use nix::unistd::geteuid;

use crate::sandbox::Sandbox;

#[test]
fn systemd_creds_decrypts_what_was_delivered() {
    if !geteuid().is_root() {
        return;
    }
    // systemd refuses a host key in memory, where the home folders of tests may be.
    let sandbox = Sandbox::below(concat!(env!("CARGO_MANIFEST_DIR"), "/target"));
    std::fs::create_dir(sandbox.home().join("systemd")).unwrap();
    let script = "mount --bind \"$HOME/systemd\" /var/lib/systemd && cd \"$HOME\" && \
         \"$0\" generate api web --to systemd-creds:$HOME/app && \
         \"$0\" rotate web --to systemd-creds:$HOME/app && \
         systemd-creds decrypt --name=app app - >plain && \"$0\" check --delivered";
    let run = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, env!("CARGO_BIN_EXE_postkey")])
        .env("HOME", sandbox.home())
        .env_remove("CI")
        .env_remove("XDG_DATA_HOME")
        .env_remove("XDG_CONFIG_HOME")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    // The open rotation is a finding, the destination is none.
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(
        !String::from_utf8_lossy(&run.stdout).contains("not-delivered"),
        "{run:?}"
    );
    assert_eq!(sandbox.verify(&sandbox.read("plain")).1, 0, "{said}");
    let encrypted = std::fs::read(sandbox.home().join("app")).unwrap();
    let secret = sandbox.read("plain");
    assert!(
        !encrypted
            .windows(8)
            .any(|part| part == &secret.as_bytes()[10..18])
    );
}

#[test]
fn the_drop_in_for_a_service_is_understood_by_systemd() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "web"]);
    let printed = sandbox.run(["connect", "systemd", "web"]).expect(0).stdout;
    assert!(printed.contains("EnvironmentFile="), "{printed}");
    std::fs::create_dir(sandbox.home().join("app.service.d")).unwrap();
    sandbox.write("app.service", "[Service]\nExecStart=/bin/true\n");
    sandbox.write("app.service.d/postkey.conf", &printed);
    let run = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "app.service"])
        .env(
            "SYSTEMD_UNIT_PATH",
            format!("{}:", sandbox.home().display()),
        )
        .output()
        .unwrap();
    // An unknown setting is only warned of.
    assert!(run.status.success() && run.stderr.is_empty(), "{run:?}");
}

#[test]
fn a_file_that_is_no_credential_stays() {
    if !geteuid().is_root() {
        return;
    }
    let sandbox = Sandbox::below(concat!(env!("CARGO_MANIFEST_DIR"), "/target"));
    sandbox.write("notes", "dear diary\n");
    let to = format!("systemd-creds:{}/notes", sandbox.home().display());
    let run = sandbox
        .run(["generate", "api", "web", "--to", &to])
        .expect(6);
    assert!(run.stderr.contains("nothing was written"), "{run:?}");
    assert_eq!(sandbox.read("notes"), "dear diary\n");
}

#[test]
fn a_store_of_pass_is_read_before_it_is_written() {
    let sandbox = Sandbox::new();
    let home = sandbox.home().display();
    let setup = format!(
        "export HOME={home} GNUPGHOME={home}/.gnupg && mkdir -m 700 \"$GNUPGHOME\" && \
         gpg --batch --quiet --passphrase '' --quick-generate-key ci@example.com && \
         pass init ci@example.com"
    );
    let shell = |script: &str| Command::new("sh").args(["-c", script]).output();
    if !shell("command -v gpg pass").unwrap().status.success() {
        return;
    }
    let made = shell(&setup).unwrap();
    assert!(made.status.success(), "{made:?}");
    let to = ["--to", "pass:shop/app"];
    for command in [&["generate", "api", "web"][..], &["rotate", "web"]] {
        sandbox.with_path(&[command, &to].concat()).expect(0);
    }
    let entry = sandbox.home().join(".password-store/shop/app.gpg");
    std::fs::write(&entry, "no longer readable").unwrap();
    let run = sandbox
        .with_path(&[&["regenerate", "--yes", "web"][..], &to].concat())
        .expect(6);
    assert!(run.stderr.contains("nothing was written"), "{run:?}");
    assert_eq!(
        std::fs::read_to_string(entry).unwrap(),
        "no longer readable"
    );
    let _ = shell(&format!("GNUPGHOME={home}/.gnupg gpgconf --kill all"));
}
