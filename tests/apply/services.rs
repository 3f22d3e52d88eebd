//! Services that start with delivered secrets, and the servers that accept them.

use std::process::Command;

use super::THREE;
use crate::sandbox::{Run, Sandbox};
use crate::serve::server::Server;

/// A service that is started with the env file, and prints the server's reply.
fn service(sandbox: &Sandbox, server: &Server) -> String {
    let script = format!(
        "set -a; . ./.env; exec curl -sS -o /dev/null -w '%{{http_code}}' \
         -H \"api-key: $REPORTS_API_KEY\" http://{}/verify",
        server.address
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(sandbox.home());
    Run::of(shell.output().unwrap()).expect(0).stdout
}

#[test]
fn a_service_logs_in_with_its_delivered_secret_until_its_key_is_deleted() {
    let manifest = THREE.replace(
        "file = \"reports.secret\"",
        "file = \".env\", secret = \"REPORTS_API_KEY\"",
    );
    let sandbox = Sandbox::with_manifest(&manifest);
    sandbox.apply(&[]).expect(0);
    let server = Server::start(&sandbox);
    assert_eq!(service(&sandbox, &server), "200");
    let others = manifest
        .replace("\"reports\"", "\"others\"")
        .replace("REPORTS", "OTHERS");
    sandbox.manifest(&others);
    sandbox.apply(&["--prune", "--yes"]).expect(0);
    assert_eq!(service(&sandbox, &server), "401");
}
