//! Against a PostgreSQL server.

mod commits;
mod connecting;
mod server;
mod statements;

use std::time::Duration;

use super::{Database, DatabaseOptions};
use crate::vault::Error;
use server::TestServer;

/// Everybody is let in by the socket.
const TRUST: &str = "local all all trust";

const SCHEMA: &str = "CREATE ROLE olga LOGIN; CREATE SCHEMA postkey; SET search_path = postkey;
    CREATE TABLE about (version BIGINT, writable_from BIGINT); INSERT INTO about VALUES (11, 11);
    CREATE TABLE log_head (sequence BIGINT, hash BYTEA); INSERT INTO log_head VALUES (0, '');
    CREATE TABLE keys (name TEXT, number BIGINT, CONSTRAINT keys_name UNIQUE (name));
    GRANT USAGE ON SCHEMA postkey TO olga;
    GRANT SELECT, INSERT, UPDATE, DELETE ON log_head, keys TO olga;
    GRANT SELECT ON about TO olga;";

/// Connects, with a wait of two seconds.
fn connect(address: &str) -> Result<Database, Error> {
    connect_with(address, &DatabaseOptions::default())
}

fn connect_with(address: &str, options: &DatabaseOptions) -> Result<Database, Error> {
    let address = address.parse().expect("an address");
    Database::connect(&address, options, Duration::from_secs(2))
}

/// A server with the schema, and a connection to it.
fn prepared(settings: &str) -> (TestServer, Database) {
    let server = TestServer::start(settings, TRUST);
    server.sql("postgres", SCHEMA);
    let database = connect(&server.by_socket("olga", "postgres")).expect("connected");
    (server, database)
}
