//! If keys cannot be checked, nothing passes.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use super::{GET, Kind, Setup};
use crate::parallel::on_each;
use crate::sandbox::Sandbox;

#[test]
fn nothing_passes_until_the_vault_is_back() {
    on_each(Kind::all(), |kind| {
        let setup = Setup::start(kind);
        let secret = setup.sandbox.generate(["api", "ci"]);
        setup.accepted(&secret);
        let away = setup.sandbox.home().join("away.db");
        fs::rename(setup.sandbox.vault(), &away).unwrap();
        // A removal may be noticed a millisecond later.
        sleep(Duration::from_millis(5));
        for secret in [&*secret, "nonsense"] {
            let answer = setup.ask(GET, &[("api-key", secret)]);
            let expected: &[u16] = if secret == "nonsense" {
                &[401, 503]
            } else {
                &[503]
            };
            assert!(expected.contains(&answer.status), "{kind:?}: {answer:?}");
        }
        setup.expect_nothing_got_through();
        fs::rename(&away, setup.sandbox.vault()).unwrap();
        setup.accepted(&secret);
    });
}

#[test]
fn nothing_passes_until_the_checker_is_back() {
    on_each(Kind::all(), |kind| {
        let mut setup = Setup::start(kind);
        let secret = setup.sandbox.generate(["api", "ci"]);
        setup.accepted(&secret);
        setup.server.daemon.0.kill().unwrap();
        setup.server.daemon.ended();
        let answer = setup.ask(GET, &[("api-key", &secret)]);
        answer.expect(kind.status_without_a_checker());
        setup.expect_nothing_got_through();
        let serve = setup.sandbox.command(["serve"]);
        setup.replace_server(serve);
        setup.accepted(&secret);
        setup.refused("nonsense", 401);
    });
}

#[test]
fn a_unix_socket_does_as_well() {
    on_each(Kind::all().filter(|kind| kind.has_unix_sockets()), |kind| {
        let sandbox = Sandbox::new();
        let listen = format!("unix:{}/postkey.sock", sandbox.home().display());
        let setup = Setup::start_with(kind, sandbox, &listen);
        let secret = setup.sandbox.generate(["api", "ci", "--limit", "2/day"]);
        setup.accepted(&secret);
        setup.accepted(&secret);
        setup.refused(&secret, 429);
        setup.refused("nonsense", 401);
    });
}
