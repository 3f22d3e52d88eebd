//! A PostgreSQL server for one test.

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{User, geteuid};
use tempfile::TempDir;

/// Where Debian installs each version's programs.
const PROGRAMS: &str = "/usr/lib/postgresql";

const INSTALLED: &str = "tests/run installs postgresql";

/// A cluster on a port of its own, reached by a socket in its folder and on loopback.
pub(super) struct TestServer {
    pub(super) folder: TempDir,
    /// A folder for files of the client.
    pub(super) own: TempDir,
    pub(super) port: u16,
    programs: PathBuf,
}

impl TestServer {
    /// Starts one.
    pub(super) fn start(settings: &str, access: &str) -> Self {
        Self::start_after(|_| (), settings, access)
    }

    /// Starts one with files that are made in its folder first.
    pub(super) fn start_after(prepare: impl FnOnce(&Self), settings: &str, access: &str) -> Self {
        let versions = fs::read_dir(PROGRAMS).expect(INSTALLED);
        let versions = versions.map(|version| version.expect("a version").path().join("bin"));
        let programs = versions
            .filter(|path| path.join("initdb").is_file())
            .max()
            .expect(INSTALLED);
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let server = Self {
            folder,
            own: tempfile::tempdir().expect("a folder"),
            port,
            programs,
        };
        server.give(server.folder.path());
        let data = server.data();
        server.run(
            "initdb",
            ["-N", "-A", "trust", "-U", "postgres", "-E", "UTF8", "-D"],
        );
        let settings = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\n\
             fsync = off\n{settings}\n",
            server.folder.path().display()
        );
        fs::write(data.join("postgresql.conf"), settings).expect("written");
        fs::write(data.join("pg_hba.conf"), access).expect("written");
        prepare(&server);
        server.control("start");
        server
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Makes a file or folder the server's own.
    pub(super) fn give(&self, path: &Path) {
        let mode = match path.is_dir() {
            true => 0o755,
            false => 0o600,
        };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
        if let Some(user) = own_user() {
            let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
            chown(path, Some(uid), Some(gid)).expect("its owner");
        }
    }

    /// `start`, or `stop` and a mode.
    pub(super) fn control(&self, verb: &str) {
        let log = self.folder.path().join("log");
        let words = verb.split_whitespace().map(OsStr::new);
        let log = [OsStr::new("-w"), "-s".as_ref(), "-l".as_ref(), log.as_ref()];
        self.run("pg_ctl", words.chain(log).chain(["-D".as_ref()]));
    }

    /// Runs one of its programs on its data folder.
    fn run<T: AsRef<OsStr>>(&self, program: &str, words: impl IntoIterator<Item = T>) {
        let program = self.programs.join(program);
        let mut command = match own_user() {
            Some(_) => Command::new("setpriv"),
            None => Command::new(&program),
        };
        if own_user().is_some() {
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
            command.arg(&program);
        }
        command.args(words).arg(self.data()).current_dir("/");
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let is_done = status.expect("run").success();
        assert!(
            is_done || std::thread::panicking(),
            "{}: {log}",
            program.display()
        );
    }

    /// Runs SQL as the superuser, by psql.
    pub(super) fn sql(&self, database: &str, sql: &str) -> String {
        let port = self.port.to_string();
        let mut psql = Command::new(self.programs.join("psql"));
        psql.arg("-h")
            .arg(self.folder.path())
            .args(["-U", "postgres", "-p", &port]);
        psql.args(["-XAtqv", "ON_ERROR_STOP=1", "-d", database, "-c", sql]);
        let run = psql.output().expect("psql");
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{sql}: {said}");
        String::from_utf8(run.stdout)
            .expect("text")
            .trim_end()
            .to_owned()
    }

    /// Its address by the socket.
    pub(super) fn by_socket(&self, user: &str, database: &str) -> String {
        let folder = self.folder.path().display();
        format!(
            "postgres://{user}@/{database}?host={folder}&port={}",
            self.port
        )
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.control("stop -m immediate");
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

/// Whom the server runs as if the tests are run by root.
fn own_user() -> Option<User> {
    let root = geteuid().is_root();
    root.then(|| {
        User::from_name("postgres")
            .expect("users")
            .expect("postgres")
    })
}
