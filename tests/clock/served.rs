//! A running `serve` whose clock goes ahead and back: it keeps what it saw until another clock is
//! accepted.

use std::thread::sleep;
use std::time::Duration;

use super::{Served, locked};
use crate::ledger;
use crate::sandbox::Sandbox;
use crate::secrecy::watch::wait_for;

#[test]
fn a_running_server_keeps_observed_ends() {
    let sandbox = Sandbox::new();
    let brief = sandbox.generate(["api", "brief", "--expires", "1h"]);
    let old = sandbox.generate(["api", "ci"]);
    sandbox.run(["rotate", "ci", "--grace", "1h"]).expect(0);
    let served = Served::start(&sandbox);
    let both = || [&brief, &old].map(|secret| served.status(secret));
    assert_eq!(both(), [200, 200]);
    served.set("+2h");
    assert_eq!(both(), [401, 401]);
    // At once, and after the vault has recorded it.
    served.set("+0");
    assert_eq!(both(), [401, 401]);
    sleep(Duration::from_millis(2500));
    assert_eq!(both(), [401, 401]);
    assert_eq!(sandbox.verify(&brief).0, "expired");
    assert_eq!(sandbox.verify(&old).0, "retired");
}

#[test]
fn only_observed_ends_are_recorded() {
    let sandbox = Sandbox::new();
    let brief = sandbox.generate(["api", "brief", "--expires", "1h"]);
    let old = sandbox.generate(["api", "ci"]);
    let new = sandbox.run(["rotate", "ci", "--grace", "1h"]).expect(0);
    let other = sandbox.generate(["api", "other", "--expires", "1h"]);
    let served = Served::start(&sandbox);
    let vault = locked(&sandbox);
    served.set("+2h");
    let all = [&brief, &old, &new.secret()].map(|secret| served.status(secret));
    assert_eq!(all, [401, 401, 200]);
    served.set("+0");
    vault.execute_batch("COMMIT").unwrap();
    wait_for("what was seen in the vault", || {
        sandbox.verify(&brief).0 == "expired"
    });
    assert_eq!(sandbox.verify(&old).0, "retired");
    assert_eq!(sandbox.verify(&other).0, "accepted");
    assert_eq!(served.status(&other), 200);
    sandbox.run(["log", "verify"]).expect(0);
    let doctor = sandbox.run(["doctor"]).expect(1);
    assert!(
        doctor
            .stdout
            .contains("expired or retired while the clock was ahead: `brief`, `ci`"),
        "{doctor:?}"
    );
    let confirm = ["doctor", "--accept-clock", "--confirm", "ci"];
    sandbox.run(confirm).expect(0);
    assert_eq!(served.status(&brief), 200);
    sleep(Duration::from_millis(2500));
    assert_eq!(
        [&brief, &old].map(|secret| served.status(secret)),
        [200, 200]
    );
}

#[test]
fn accepting_a_clock_reaches_a_server_with_unrecorded_ends() {
    let sandbox = Sandbox::new();
    let brief = sandbox.generate(["api", "brief", "--expires", "1h"]);
    let served = Served::start(&sandbox);
    assert_eq!(served.status(&brief), 200);
    // Until it has read the log once.
    sleep(Duration::from_millis(1500));
    let vault = locked(&sandbox);
    served.set("+2h");
    assert_eq!(served.status(&brief), 401);
    served.set("+0");
    assert_eq!(served.status(&brief), 401);
    ledger::append(
        &vault,
        "doctor",
        r#"[{"field":"clock","from":null,"to":"now"}]"#,
    );
    vault.execute_batch("COMMIT").unwrap();
    wait_for("a valid secret", || served.status(&brief) == 200);
    sleep(Duration::from_millis(2500));
    assert_eq!(served.status(&brief), 200);
    assert_eq!(sandbox.verify(&brief).0, "accepted");
}
