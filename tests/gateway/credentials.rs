//! The configured headers for keys.

use super::{GET, Kind, Setup};
use crate::parallel::on_each;

#[test]
fn the_headers_of_the_settings_count_and_no_others() {
    on_each(Kind::all(), |kind| {
        let setup = Setup::start_set(
            kind,
            "headers = [\"X-API-Key\", \"token\"]\nbearer = false\n",
        );
        let secret = setup.sandbox.generate(["api", "ci"]);
        let bearer = format!("Bearer {secret}");
        let refused = setup.ask(GET, &[("api-key", &secret)]).expect(401);
        assert_eq!(
            refused.header("www-authenticate"),
            Some("ApiKey"),
            "{kind:?}"
        );
        setup.ask(GET, &[("Authorization", &bearer)]).expect(401);
        let both = [("x-api-key", &*secret), ("Token", &*secret)];
        setup.ask(GET, &both).expect(401);
        setup.expect_nothing_got_through();
        for name in ["x-api-key", "X-Api-Key", "token"] {
            // A header that is no longer for keys reaches the backend.
            let headers = [
                (name, &*secret),
                ("Authorization", "Bearer another"),
                ("api-key", "mine"),
            ];
            setup.ask(GET, &headers).expect(200);
            let received = setup.only();
            assert_eq!(received.header("x-postkey-name"), ["ci"], "{kind:?}");
            assert_eq!(
                received.header("authorization"),
                ["Bearer another"],
                "{kind:?}"
            );
            assert_eq!(received.header("api-key"), ["mine"], "{kind:?}");
            assert!(
                !format!("{received:?}").contains(&secret[5..]),
                "{kind:?}: {received:?}"
            );
        }
        assert!(!setup.written().contains(&secret[5..]), "{kind:?}");
    });
}

#[test]
fn bearers_can_be_the_only_way() {
    on_each(Kind::all(), |kind| {
        let setup = Setup::start_set(kind, "headers = []\n");
        let secret = setup.sandbox.generate(["api", "ci"]);
        let bearer = format!("Bearer {secret}");
        let refused = setup.ask(GET, &[("api-key", &secret)]).expect(401);
        assert_eq!(
            refused.header("www-authenticate"),
            Some("Bearer"),
            "{kind:?}"
        );
        setup.expect_nothing_got_through();
        setup.ask(GET, &[("Authorization", &bearer)]).expect(200);
        assert!(
            setup.only().header("authorization").concat().is_empty(),
            "{kind:?}"
        );
    });
}
