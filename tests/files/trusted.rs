//! Files that others could have written are not trusted, and nothing is stored where others could
//! replace it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::place::refused::give_to_a_group;
use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::NOBODY;

/// What is done to a file in its own folder: returns the path to use.
type Spoil = fn(&Path) -> PathBuf;

/// How others get access to a file, and whether only root can set that up.
const UNTRUSTED: [(&str, bool, Spoil); 9] = [
    ("everybody can write it", false, |file| mode(file, 0o666)),
    ("a group can write it", true, |file| {
        give_to_a_group(file);
        mode(file, 0o664)
    }),
    ("another user's", true, |file| give(file)),
    ("in a folder that everybody can write", false, |file| {
        mode(file.parent().unwrap(), 0o777);
        file.to_owned()
    }),
    ("in a folder that a group can write", true, |file| {
        give_to_a_group(file.parent().unwrap());
        mode(file.parent().unwrap(), 0o770);
        file.to_owned()
    }),
    ("in another user's folder", true, |file| {
        give(file.parent().unwrap());
        file.to_owned()
    }),
    ("below a folder that everybody can write", false, |file| {
        mode(file.ancestors().nth(2).unwrap(), 0o777);
        file.to_owned()
    }),
    ("below another user's folder", true, |file| {
        give(file.ancestors().nth(2).unwrap());
        file.to_owned()
    }),
    ("by another user's link", true, |file| {
        let link = file.with_extension("link");
        symlink(file, &link).unwrap();
        lchown(&link, Some(NOBODY), None).unwrap();
        link
    }),
];

/// Private files that look like shared ones.
const TRUSTED: [(&str, bool, Spoil); 5] = [
    ("private", false, |file| mode(file, 0o600)),
    ("everybody can read it", false, |file| mode(file, 0o444)),
    ("the owner's own group can write it", true, |file| {
        mode(file.parent().unwrap(), 0o775);
        mode(file, 0o664)
    }),
    ("in a folder like /tmp", false, |file| {
        mode(file.parent().unwrap(), 0o1777);
        file.to_owned()
    }),
    ("by a link of one's own", false, |file| {
        let link = file.with_extension("link");
        symlink(file, &link).unwrap();
        link
    }),
];

fn mode(path: &Path, mode: u32) -> PathBuf {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    path.to_owned()
}

fn give(path: &Path) -> PathBuf {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    path.to_owned()
}

/// A home with a vault, and a file with this text two folders down, made untrusted.
fn spoilt(text: &str, spoil: Spoil) -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "web"]);
    let folder = sandbox.home().join("above/below");
    fs::create_dir_all(&folder).unwrap();
    for folder in [folder.parent().unwrap(), &folder] {
        mode(folder, 0o755);
    }
    let file = folder.join("file.toml");
    fs::write(&file, text).unwrap();
    mode(&file, 0o644);
    let path = spoil(&file);
    (sandbox, path)
}

/// The cases that can be set up here.
fn cases(all: &'static [(&str, bool, Spoil)]) -> impl Iterator<Item = (&'static str, Spoil)> {
    let possible = |(_, needs_root, _): &&(&str, bool, Spoil)| !needs_root || geteuid().is_root();
    all.iter()
        .filter(possible)
        .map(|(case, _, spoil)| (*case, *spoil))
}

#[test]
fn settings_that_others_can_write_are_refused() {
    let settings = "[permissions]\nread-only = [\"* /*\"]\n";
    for (case, spoil) in cases(&UNTRUSTED) {
        let (sandbox, path) = spoilt(settings, spoil);
        let config = ["--config", path.to_str().unwrap()];
        for args in [
            &["list"][..],
            &["verify"],
            &["deactivate", "web"],
            &["revoke", "web"],
            &["doctor"],
        ] {
            let args = args.iter().copied().chain(config);
            let run = Run::of(sandbox.command(args).output().unwrap()).expect(5);
            assert!(run.stderr.contains("not trusted"), "{case}: {run:?}");
            assert!(run.stderr.contains("\nhint: "), "{case}: {run:?}");
        }
        assert_eq!(sandbox.show("web")["status"], "active", "{case}");
    }
    for (case, spoil) in cases(&TRUSTED) {
        let (sandbox, path) = spoilt(settings, spoil);
        let run = sandbox.run(["list", "--config", path.to_str().unwrap()]);
        assert_eq!(run.status, 0, "{case}: {run:?}");
    }
}

#[test]
fn manifests_that_others_can_write_are_not_applied() {
    let manifest = "[[key]]\nname = \"new\"\nkind = \"api\"\n\
                    save = { command = [\"sh\", \"-c\", \"cat >/dev/null; touch ran\"] }\n";
    for (case, spoil) in cases(&UNTRUSTED) {
        let (sandbox, path) = spoilt(manifest, spoil);
        for more in [&[][..], &["--dry-run"]] {
            let args = ["apply", path.to_str().unwrap()];
            let args = args.iter().chain(more);
            let run = Run::of(sandbox.command(args).output().unwrap()).expect(5);
            assert!(run.stderr.contains("not trusted"), "{case}: {run:?}");
            assert!(run.stderr.contains("\nhint: "), "{case}: {run:?}");
        }
        assert!(!path.with_file_name("ran").exists(), "{case}");
        sandbox.run(["show", "new"]).expect(3);
    }
    for (case, spoil) in cases(&TRUSTED) {
        let (sandbox, path) = spoilt(manifest, spoil);
        let run = sandbox.run(["apply", path.to_str().unwrap()]);
        assert_eq!(run.status, 0, "{case}: {run:?}");
        assert!(path.with_file_name("ran").exists(), "{case}");
    }
}

/// The cases in which others can write to the folder.
fn folders() -> impl Iterator<Item = (&'static str, Spoil)> {
    cases(&UNTRUSTED).filter(|(case, _)| case.contains("folder") && case.contains("can write"))
}

#[test]
fn files_that_others_could_replace_are_refused() {
    for (case, spoil) in folders() {
        let (sandbox, path) = spoilt("", spoil);
        let at = |name: &str| path.with_file_name(name).to_str().unwrap().to_owned();
        let listen = format!("unix:{}", at("socket"));
        for (args, status) in [
            (&["generate", "api", "new", "--save", &at("new")][..], 6),
            (
                &[
                    "generate",
                    "api",
                    "new",
                    "--save",
                    &at("e"),
                    "--env-name",
                    "K",
                ],
                6,
            ),
            (&["generate", "api", "new", "--vault", &at("vault.db")], 5),
            (&["log", "verify", "--save-head", &at("head")], 5),
            (&["export", "json", &at("json")], 5),
            (&["backup", &at("copy.db")], 5),
            (&["serve", "--listen", &listen], 5),
        ] {
            let run = Run::of(sandbox.command(args.iter().copied()).output().unwrap());
            assert_eq!(run.status, status, "{case}: {args:?} {run:?}");
            let says = run
                .stderr
                .contains("is a folder that other users can write to");
            assert!(says && run.stderr.contains("\nhint: "), "{case}: {run:?}");
        }
        let left = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(left, 1, "{case}");
        sandbox.run(["show", "new"]).expect(3);
    }
}

#[test]
fn changing_the_mode_of_another_users_file_is_not_suggested() {
    if !geteuid().is_root() {
        return;
    }
    let (sandbox, path) = spoilt("", |file| {
        give(file.parent().unwrap());
        file.to_owned()
    });
    let vault = path.with_file_name("vault.db");
    let run = sandbox.run(["list", "--vault", vault.to_str().unwrap()]);
    let run = run.expect(5);
    assert!(run.stderr.contains("is another user's folder"), "{run:?}");
    assert!(!run.stderr.contains("chmod"), "{run:?}");
}

#[test]
fn no_secret_is_saved_in_the_vaults_own_folder() {
    let sandbox = Sandbox::new();
    sandbox.generate(["api", "web"]);
    let file = sandbox.vault().with_file_name("new.key");
    let run = sandbox.run(["generate", "api", "new", "--save", file.to_str().unwrap()]);
    let run = run.expect(6);
    assert!(
        run.stderr.contains("is in the vault's own folder"),
        "{run:?}"
    );
    assert!(!file.exists());
}
