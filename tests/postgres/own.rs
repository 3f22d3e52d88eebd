//! A cluster of one test alone, which may break it.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::cluster::{Cluster, SUPERUSER};
use super::shared::schema_at_once;
use crate::mail::Machine;

/// Mounts a small disk that only processes in this namespace see, until standard input ends.
const SMALL_DISK: &str = r#"
mount -t tmpfs -o "size=$1m" none "$0" && echo mounted
while read -r; do :; done
"#;

/// A cluster with a database that has the schema; stopped and removed at the end.
pub struct OwnCluster {
    cluster: Cluster,
    /// The first process in its namespace, if it has one.
    disk: Option<Child>,
    _folder: TempDir,
}

impl OwnCluster {
    /// The name of its database.
    pub const DATABASE: &str = "postkey";

    /// Starts one with these settings in addition to the usual ones: the last of a name counts.
    pub fn start(settings: &str) -> Self {
        let own = Self::placed();
        own.create_with_schema(settings);
        own
    }

    /// Starts one without that database.
    pub fn without_database() -> Self {
        let own = Self::placed();
        own.create("");
        own.launch();
        own
    }

    /// Starts one that listens in a machine's network.
    pub fn in_network_of(machine: &Machine) -> Self {
        let mut own = Self::placed();
        let network = format!("--net={}", machine.network().display());
        own.cluster
            .enter(["nsenter", &network, "--"].map(OsString::from));
        own.create_with_schema("");
        own
    }

    /// The same with its data on a disk of so many MiB. Only as root.
    pub fn on_small_disk(size: u32) -> Self {
        let mut own = Self::placed();
        own.mount(size);
        own.create_with_schema("min_wal_size = 32MB\nmax_wal_size = 64MB\n");
        own
    }

    /// A standby of it, running, which streams as `standby`.
    pub fn standby(&self) -> Self {
        let mut standby = Self::placed();
        standby.cluster.enter_as(&self.cluster);
        standby.create_standby_of(self);
        standby.launch();
        standby
    }

    /// Leaves no space on its disk.
    pub fn fill_disk(&self) {
        let mut fill = self.program("/usr/bin/dd");
        let to = format!("of={}", self.filler());
        // It ends when there is no more space.
        let filled = fill.args(["if=/dev/zero", &to, "bs=4k"]).output();
        assert!(!filled.unwrap().status.success());
    }

    /// Makes space again.
    pub fn free_disk(&self) {
        let removed = self.program("/usr/bin/rm").arg(self.filler()).status();
        assert!(removed.unwrap().success());
    }

    /// Runs SQL in its database as the superuser.
    #[track_caller]
    pub fn run(&self, sql: &str) -> String {
        let run = self.psql(Self::DATABASE, SUPERUSER, sql).expect(0);
        run.stdout.trim_end().to_owned()
    }

    fn placed() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The server's user enters it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let files = folder.path().join("cluster");
        fs::create_dir(&files).unwrap();
        Self {
            cluster: Cluster::place(&files),
            disk: None,
            _folder: folder,
        }
    }

    fn mount(&mut self, size: u32) {
        let data = self.cluster.data();
        fs::create_dir(&data).unwrap();
        let disk = mounted(&data, size);
        let words = ["nsenter", "-t", &disk.id().to_string(), "-m", "--"];
        self.cluster.enter(words.map(OsString::from));
        self.disk = Some(disk);
        // Now the folder is the disk's.
        let owner = self.cluster.owner();
        let mut own = Command::new("nsenter");
        own.args([
            "-t",
            &self.disk.as_ref().unwrap().id().to_string(),
            "-m",
            "--",
        ]);
        let owned = own.args(["chown", &owner]).arg(&data).status();
        assert!(owned.unwrap().success());
    }

    fn create_with_schema(&self, settings: &str) {
        self.create(settings);
        self.launch();
        let create = format!("CREATE DATABASE {}", Self::DATABASE);
        self.psql(SUPERUSER, SUPERUSER, &create).expect(0);
        self.run(&schema_at_once());
    }

    fn filler(&self) -> String {
        self.data().join("filler").display().to_string()
    }
}

/// A process in a namespace where the folder is a disk of so many MiB.
fn mounted(folder: &Path, size: u32) -> Child {
    let mut disk = Command::new("unshare")
        .args(["-m", "bash", "-c", SMALL_DISK])
        .arg(folder)
        .arg(size.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let stdout = disk.stdout.as_mut().unwrap();
    BufReader::new(stdout).read_line(&mut said).unwrap();
    assert_eq!(said, "mounted\n");
    disk
}

impl Deref for OwnCluster {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        // It may be stopped already, or broken.
        let mut stop = self.control("stop");
        let _ = stop
            .args(["-m", "immediate"])
            .stderr(Stdio::null())
            .status();
        if let Some(disk) = &mut self.disk {
            let _ = disk.kill();
            let _ = disk.wait();
        }
    }
}
