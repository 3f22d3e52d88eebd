//! Root writes to an application's folder while the application replaces it with a link.

use std::fs;
use std::os::unix::fs::{chown, lchown, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::unistd::geteuid;

use crate::sandbox::{Run, Sandbox};
use crate::secrecy::watch::NOBODY;

/// A folder of an application, `app/conf`, and a link in it, `app/link`, to another folder.
fn with_an_application() -> Sandbox {
    let sandbox = Sandbox::new();
    let at = |name: &str| sandbox.home().join(name);
    for folder in ["app", "app/conf", "own"] {
        fs::create_dir(at(folder)).unwrap();
    }
    symlink(at("own"), at("app/link")).unwrap();
    for name in ["app", "app/conf"] {
        chown(at(name), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    lchown(at("app/link"), Some(NOBODY), Some(NOBODY)).unwrap();
    sandbox
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_folder_swapped_for_a_link_does_not_redirect_root() {
    if !geteuid().is_root() {
        return;
    }
    let sandbox = with_an_application();
    let (conf, link) = (
        sandbox.home().join("app/conf"),
        sandbox.home().join("app/link"),
    );
    sandbox.generate(["api", "web"]);
    let is_over = AtomicBool::new(false);
    let exchange = || {
        let both = RenameFlags::RENAME_EXCHANGE;
        renameat2(AT_FDCWD, &conf, AT_FDCWD, &link, both).unwrap();
    };
    let (mut saved, mut refused) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                exchange();
            }
        });
        for round in 0..120 {
            let file = format!("app/conf/{}", round % 3);
            let env = ["--env-name", "K"];
            let env = if round % 2 == 0 { &env[..] } else { &[] };
            let make = ["regenerate", "web", "-y", "--save", &file];
            let args = make.into_iter().chain(env.iter().copied());
            let run = Run::of(sandbox.command(args).output().unwrap());
            match run.status {
                0 => saved += 1,
                6 => refused += 1,
                _ => panic!("{run:?}"),
            }
            if !names(&sandbox.home().join("own")).is_empty() {
                is_over.store(true, Ordering::Relaxed);
                panic!("written through the link in round {round}: {run:?}");
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert_eq!(saved + refused, 120);
    let folder = if conf.is_symlink() { &link } else { &conf };
    let left = names(folder);
    assert!(!left.iter().any(|name| name.starts_with('.')), "{left:?}");
    sandbox.run(["log", "verify"]).expect(0);
}

#[test]
fn root_writes_into_an_applications_folder_and_through_its_links_only_there() {
    if !geteuid().is_root() {
        return;
    }
    let sandbox = with_an_application();
    let app = sandbox.home().join("app");
    symlink("conf", app.join("current")).unwrap();
    lchown(app.join("current"), Some(NOBODY), None).unwrap();
    for (file, status) in [
        ("app/conf/a", 0),
        ("app/current/b", 0),
        ("app/link/c", 6),
        ("app/current/../link/d", 6),
    ] {
        let name = file.rsplit('/').next().unwrap();
        let run = sandbox.run(["generate", "api", name, "--save", file]);
        let run = run.expect(status);
        let says = run.stderr.contains("another user");
        assert_eq!(says, status != 0, "{file}: {run:?}");
    }
    assert_eq!(names(&app.join("conf")), ["a", "b"]);
    assert!(names(&sandbox.home().join("own")).is_empty());
}
