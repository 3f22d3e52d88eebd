//! The cluster that all tests share, also those in other processes: whoever needs it first starts it,
//! and a process of its own stops it when nobody has needed it for a while.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::SystemTime;

use nix::unistd::geteuid;

use super::cluster::{Cluster, SUPERUSER};
use crate::sandbox::Sandbox;

/// The database with the schema that those of the tests are copied from.
pub const TEMPLATE: &str = "postkey_schema";

/// Stops the cluster when nobody has held its lock for 20 seconds, or when its folder is gone.
const WATCHDOG: &str = r#"
exec 9<"$0/in-use"
server=$1
while sleep 5; do
  if [ ! -e "$0/in-use" ]; then
    kill -QUIT "$server"
    exit
  fi
  if ! flock -n -x 9; then
    touch "$0/in-use"
  elif [ $(($(date +%s) - $(stat -c %Y "$0/in-use"))) -ge 20 ]; then
    kill -INT "$server"
    while kill -0 "$server"; do sleep 0.1; done
    rm -rf "$0"
    exit
  else
    flock -u 9
  fi
done
"#;

/// What a vault's database is made with: SQL for one transaction.
pub fn schema() -> &'static str {
    static SCHEMA: LazyLock<String> = LazyLock::new(|| {
        let sandbox = Sandbox::new();
        sandbox.run(["connect", "postgres"]).expect(0).stdout
    });
    &SCHEMA
}

/// The same in a transaction.
pub fn schema_at_once() -> String {
    format!("BEGIN;\n{}\nCOMMIT;", schema())
}

/// The shared cluster, while this process lives.
struct Shared {
    cluster: Cluster,
    _in_use: File,
}

static SHARED: LazyLock<Shared> = LazyLock::new(|| {
    let folder = folder();
    let in_use = hold(&folder);
    let cluster = started(&folder);
    Shared {
        cluster,
        _in_use: in_use,
    }
});

/// The cluster, running.
pub fn cluster() -> &'static Cluster {
    &SHARED.cluster
}

/// A folder for each source folder, user and schema.
fn folder() -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (env!("CARGO_MANIFEST_DIR"), schema()).hash(&mut hasher);
    let name = format!("postkey-postgres-{}-{:016x}", geteuid(), hasher.finish());
    std::env::temp_dir().join(name)
}

/// Tells the watchdog that the cluster is needed. The lock ends with this process.
fn hold(folder: &Path) -> File {
    loop {
        match try_to_hold(folder) {
            Ok(Some(file)) => return file,
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => panic!("{}: {error}", folder.display()),
        }
    }
}

/// `None` if the folder was removed meanwhile.
fn try_to_hold(folder: &Path) -> io::Result<Option<File>> {
    fs::create_dir_all(folder)?;
    let path = folder.join("in-use");
    let options = || {
        File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .to_owned()
    };
    let file = options().open(&path)?;
    file.lock_shared()?;
    let is_same = fs::metadata(&path)?.ino() == file.metadata()?.ino();
    file.set_modified(SystemTime::now())?;
    Ok(is_same.then_some(file))
}

/// Starts the cluster unless another process has.
fn started(folder: &Path) -> Cluster {
    let starting = File::create(folder.join("starting")).unwrap();
    starting.lock().unwrap();
    let (ready, files) = (folder.join("ready"), folder.join("cluster"));
    let port = fs::read_to_string(&ready).ok();
    let known = port.map(|port| Cluster::at(&files, port.parse().unwrap()));
    let known = known.filter(is_running);
    known.unwrap_or_else(|| {
        let _ = fs::remove_dir_all(&files);
        fs::create_dir(&files).unwrap();
        let cluster = Cluster::place(&files);
        cluster.create("");
        cluster.launch();
        make_template(&cluster);
        watch(folder, cluster.pid());
        fs::write(&ready, cluster.port().to_string()).unwrap();
        cluster
    })
}

fn is_running(cluster: &Cluster) -> bool {
    cluster.psql(SUPERUSER, SUPERUSER, "SELECT 1").status == 0
}

fn make_template(cluster: &Cluster) {
    let run = |database: &str, sql: &str| cluster.psql(database, SUPERUSER, sql).expect(0);
    run(SUPERUSER, &format!("CREATE DATABASE {TEMPLATE}"));
    run(TEMPLATE, &schema_at_once());
    // A copy can only be made of what nobody is connected to.
    let close = format!("ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS false");
    run(SUPERUSER, &close);
}

fn watch(folder: &Path, server: i32) {
    let status = Command::new("setsid")
        .args(["--fork", "bash", "-c", WATCHDOG])
        .arg(folder)
        .arg(server.to_string())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success());
}
