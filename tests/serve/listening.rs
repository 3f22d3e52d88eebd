//! Where it listens, and what it leaves alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use super::http;
use super::server::{Server, loopback};
use crate::sandbox::Sandbox;

#[test]
fn only_this_machine_can_reach_it() {
    let sandbox = Sandbox::with_three_keys();
    for address in [
        "0.0.0.0:1",
        "[::]:1",
        "192.0.2.1:1",
        "unix:here",
        "localhost:1",
        "",
    ] {
        let run = sandbox.run(["serve", "--listen", address]).expect(2);
        assert!(run.stderr.contains("127.0.0.1:7625"), "{run:?}");
    }
    let server = Server::start_at(&sandbox, "[::1]:17625");
    server.ask("GET", "/healthz", &[]).expect(200);
}

#[test]
fn the_settings_say_where_it_listens() {
    let sandbox = Sandbox::new();
    let address = format!("{}:17625", loopback());
    sandbox.settings(&format!("[serve]\nlisten = \"{address}\"\n"));
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::of(&sandbox, sandbox.command(["serve"]), &address);
    server.verify(&secret).expect(200);
}

#[test]
fn an_address_in_use_is_reported() {
    let sandbox = Sandbox::with_three_keys();
    let server = Server::start(&sandbox);
    let run = sandbox
        .run(["serve", "--listen", &server.address])
        .expect(5);
    let expected = format!("cannot listen on `{}`", server.address);
    assert!(run.stderr.contains(&expected), "{run:?}");
    assert!(run.stderr.contains("hint: "), "{run:?}");
    server.ask("GET", "/healthz", &[]).expect(200);
}

#[test]
fn it_does_not_start_without_a_vault() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(["serve"]).expect(5);
    assert!(run.stderr.contains("there is no vault"), "{run:?}");
    assert!(!sandbox.vault().exists());
}

#[test]
fn its_socket_is_for_its_owner_and_group_and_goes_with_it() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let path = sandbox.home().join("postkey.sock");
    let address = format!("unix:{}", path.display());
    let server = Server::start_at(&sandbox, &address);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o660);
    server.verify(&secret).expect(200);
    server.stop();
    assert!(!path.exists());
}

#[test]
fn a_stale_socket_is_replaced() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let path = sandbox.home().join("postkey.sock");
    drop(UnixListener::bind(&path).unwrap());
    let address = format!("unix:{}", path.display());
    let mut server = Server::start_at(&sandbox, &address);
    server.verify(&secret).expect(200);
    // A killed process leaves its socket behind, and the next one replaces it.
    server.daemon.0.kill().unwrap();
    server.daemon.ended();
    assert!(path.exists());
    let server = Server::start_at(&sandbox, &address);
    server.verify(&secret).expect(200);
}

#[test]
fn another_file_at_the_sockets_path_is_kept_and_reported() {
    let sandbox = Sandbox::with_three_keys();
    let place = |name: &str| sandbox.home().join(name);
    fs::write(place("file"), "kept").unwrap();
    fs::create_dir(place("folder")).unwrap();
    std::os::unix::fs::symlink("elsewhere", place("link")).unwrap();
    let live = format!("unix:{}", place("live").display());
    let server = Server::start_at(&sandbox, &live);
    std::os::unix::fs::symlink("live", place("link-to-live")).unwrap();
    let dead = place("others");
    drop(UnixListener::bind(&dead).unwrap());
    let is_root = nix::unistd::geteuid().is_root();
    if is_root {
        std::os::unix::fs::chown(&dead, Some(54321), None).unwrap();
    }
    let (long, taken) = ("x".repeat(120), &"stop the other `postkey serve`");
    for (name, why, hint) in [
        (
            "file",
            "it exists and is not a socket",
            "move the file away",
        ),
        ("folder", "it is a folder", "unix:FOLDER/postkey.sock"),
        ("link", "it is a symbolic link", "name what it points to"),
        (
            "link-to-live",
            "it is a symbolic link",
            "name what it points to",
        ),
        ("live", "another process listens on it", taken),
        (
            "nowhere/socket",
            "No such file or directory",
            "create its folder",
        ),
        (&long, "path must be shorter", "another address"),
        (
            "others",
            "it is another user's socket",
            "remove it if it is not needed",
        ),
    ] {
        if name == "others" && !is_root {
            continue;
        }
        let address = format!("unix:{}", place(name).display());
        let run = sandbox.run(["serve", "--listen", &address]).expect(5);
        let expected = format!("error: cannot listen on `{address}`: {why}");
        assert!(run.stderr.starts_with(&expected), "{run:?}");
        let line = run.stderr.lines().nth(1).unwrap();
        assert!(line.starts_with("hint: ") && line.contains(hint), "{run:?}");
    }
    assert_eq!(fs::read_to_string(place("file")).unwrap(), "kept");
    assert!(place("folder").is_dir() && dead.exists());
    assert_eq!(
        fs::read_link(place("link")).unwrap().to_str(),
        Some("elsewhere")
    );
    server.ask("GET", "/healthz", &[]).expect(200);
}

#[test]
fn a_stopping_server_does_not_remove_its_successors_socket() {
    let sandbox = Sandbox::with_three_keys();
    let path = sandbox.home().join("postkey.sock");
    let address = format!("unix:{}", path.display());
    let before = Server::start_at(&sandbox, &address);
    fs::remove_file(&path).unwrap();
    let after = Server::start_at(&sandbox, &address);
    before.stop();
    http::ask(&after.address, "GET", "/healthz", &[]).expect(200);
}
