//! The logs of gateways and `serve`.

use super::{GET, Kind, Setup};
use crate::parallel::on_each;
use crate::serve::http::{Connection, request};

#[test]
fn no_key_is_ever_logged() {
    on_each(Kind::all(), |kind| {
        let mut setup = Setup::start(kind);
        let secret = setup.sandbox.generate(["api", "ci", "--limit", "2/day"]);
        let bearer = format!("Bearer {secret}");
        let (own, also) = (("api-key", &*secret), ("Authorization", &*bearer));
        let large = "a".repeat(1 << 20);
        for headers in [vec![own], vec![also], vec![own], vec![own, also]] {
            setup.ask(GET, &headers);
        }
        for headers in [
            vec![own, ("x", &large)],
            vec![("api key", &*secret)],
            vec![own, ("Host", "twice")],
        ] {
            let mut connection = Connection::open(&setup.address);
            // The response may come before the request was read completely.
            let _ = connection.send(request("GET", "/", &headers).as_bytes());
            let _ = connection.answer();
        }
        setup.server.daemon.0.kill().unwrap();
        setup.server.daemon.ended();
        for header in [own, also] {
            assert_eq!(
                setup.ask(GET, &[header]).status,
                kind.status_without_a_checker()
            );
        }
        let written = setup.written();
        // Enough was logged that a secret would show.
        let shows = match kind {
            Kind::Nginx(_) => "auth request",
            Kind::Caddy(_) | Kind::NewCaddy => "http.log.error",
            Kind::Traefik => "Error calling",
            Kind::Haproxy(_) => " 503 ",
        };
        assert!(written.contains(shows), "{written}");
        let parts = (8..secret.len() - 8).map(|at| &secret[at..at + 8]);
        for part in parts {
            assert!(!written.contains(part), "{kind:?}: {part} in {written}");
        }
    });
}
