//! What the other tests rely on: databases and clusters that do not get into each other's way.

use super::cluster::{SUPERUSER, programs};
use super::database::{Database, PASSWORD};
use super::own::OwnCluster;
use crate::mail::only_as_root;
use crate::sandbox::Run;
use crate::secrecy::watch::wait_for;

#[test]
fn every_test_has_a_database_and_roles_of_its_own() {
    let (one, other) = (Database::new(), Database::new());
    for database in [&one, &other] {
        let read = database.run_as("viewer", "SELECT product, version FROM about");
        assert_eq!(read.expect(0).stdout, "postkey|11\n");
    }
    one.run("DROP SCHEMA postkey CASCADE");
    assert_eq!(other.run("SELECT count(*) FROM postkey.keys"), "0");
    assert_ne!(one.role("viewer"), other.role("viewer"));
    let bare = Database::empty();
    assert_eq!(bare.run("SELECT to_regclass('postkey.keys')"), "");
}

#[test]
fn a_password_is_only_asked_for_over_tcp() {
    let database = Database::new();
    let role = database.role("viewer");
    for (host, password, status) in [
        (database.host().to_str().unwrap(), "", 0),
        ("127.0.0.1", PASSWORD, 0),
        ("127.0.0.1", "wrong", 2),
    ] {
        let mut psql = std::process::Command::new(programs().join("psql"));
        psql.args(["-XAtqw", "-h", host, "-p", &database.port().to_string()])
            .args(["-U", &role, "-d", database.name(), "-c", "SELECT 1"])
            .env_clear()
            .env("PGPASSWORD", password);
        Run::of(psql.output().unwrap()).expect(status);
    }
}

#[test]
fn a_cluster_of_ones_own_stops_starts_and_is_followed() {
    let own = OwnCluster::start("");
    let standby = own.standby();
    own.run("SET ROLE postkey_owner; UPDATE postkey.about SET writable_from = 12");
    let read = "SELECT writable_from FROM postkey.about";
    wait_for("the standby", || standby.run(read) == "12");
    let write = standby.psql(
        OwnCluster::DATABASE,
        SUPERUSER,
        "DROP SCHEMA postkey CASCADE",
    );
    assert!(write.stderr.contains("read-only transaction"), "{write:?}");
    standby.stop("fast");
    own.stop("immediate");
    let gone = own.psql(OwnCluster::DATABASE, SUPERUSER, read);
    assert_eq!(gone.status, 2, "{gone:?}");
    own.launch();
    assert_eq!(own.run(read), "12");
}

#[test]
fn a_full_disk_is_the_clusters_own() {
    only_as_root!();
    let own = OwnCluster::on_small_disk(160);
    own.fill_disk();
    let rows = "SELECT repeat(n::TEXT, 100) FROM generate_series(1, 100000) AS n";
    let fill = format!("CREATE TABLE filler AS {rows}");
    let full = own.psql(OwnCluster::DATABASE, SUPERUSER, &fill);
    assert!(full.stderr.contains("No space left on device"), "{full:?}");
    own.free_disk();
    assert_eq!(own.run("SELECT product FROM postkey.about"), "postkey");
}
