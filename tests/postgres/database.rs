//! A database of one test, with the schema and without a key.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use super::cluster::{Cluster, SUPERUSER};
use super::shared::{self, TEMPLATE};
use crate::sandbox::Run;

/// The password of every role that a test makes; only over TCP it is asked for.
pub const PASSWORD: &str = "not a secret";

/// A database on the shared cluster, dropped at the end together with its roles.
#[derive(Debug)]
pub struct Database {
    name: String,
    roles: Mutex<Vec<String>>,
}

impl Database {
    /// A copy of the empty vault.
    pub fn new() -> Self {
        Self::copied_from(TEMPLATE)
    }

    /// Without the schema.
    pub fn empty() -> Self {
        Self::copied_from("template0")
    }

    fn copied_from(template: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let name = format!(
            "test_{}_{}_{}",
            std::process::id(),
            since.unwrap().as_millis(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
        as_superuser(&create).expect(0);
        Self {
            name,
            roles: Mutex::default(),
        }
    }

    /// Its name, which no other test's database has.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder of the server's unix socket, through which each role is let in without a password.
    pub fn host(&self) -> PathBuf {
        self.cluster().socket()
    }

    /// The server's port: that of the socket's name, and on 127.0.0.1, where a password is needed.
    pub fn port(&self) -> u16 {
        self.cluster().port()
    }

    pub fn cluster(&self) -> &'static Cluster {
        shared::cluster()
    }

    /// A role that can log in, and is a member of `postkey_…`, as of `postkey_operator`; its name.
    /// Roles belong to the cluster, so the name is this database's alone.
    pub fn role(&self, of: &str) -> String {
        let role = format!("{}_{of}", self.name);
        let mut roles = self.roles.lock().unwrap();
        if !roles.contains(&role) {
            let create =
                format!("CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}' IN ROLE postkey_{of}");
            as_superuser(&create).expect(0);
            roles.push(role.clone());
        }
        role
    }

    /// Its vault's address.
    pub fn url(&self) -> String {
        let (host, port) = (self.host(), self.port());
        format!(
            "postgres:///{}?host={}&port={port}",
            self.name,
            host.display()
        )
    }

    /// What the server logged about a role's errors here.
    pub fn errors_of(&self, role: &str) -> String {
        let log = self.cluster().log();
        let start = format!("{role}@{} ", self.name);
        let lines = log.lines().filter(|line| line.starts_with(&start));
        let lines = lines.filter(|line| !line.contains("LOG: "));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Runs SQL as the superuser.
    #[track_caller]
    pub fn run(&self, sql: &str) -> String {
        let run = self.cluster().psql(&self.name, SUPERUSER, sql).expect(0);
        run.stdout.trim_end().to_owned()
    }

    /// Runs SQL as a member of `postkey_…`, with the schema in its path.
    pub fn run_as(&self, of: &str, sql: &str) -> Run {
        let sql = format!("SET search_path = postkey;\n{sql}");
        self.cluster().psql(&self.name, &self.role(of), &sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        as_superuser(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        for role in self.roles.get_mut().unwrap() {
            as_superuser(&format!("DROP ROLE {role}"));
        }
    }
}

fn as_superuser(sql: &str) -> Run {
    shared::cluster().psql(SUPERUSER, SUPERUSER, sql)
}
