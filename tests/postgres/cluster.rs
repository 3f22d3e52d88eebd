//! A cluster: its files, and its programs.

use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{User, chown, geteuid};

use crate::sandbox::Run;

/// Where Debian installs each version's programs.
const PROGRAMS: &str = "/usr/lib/postgresql";

/// The superuser, who is let in without a password if it is the user of the tests.
pub const SUPERUSER: &str = "postgres";

/// Who may log in how; the first line that fits counts.
const ACCESS: &str = "
local all postgres peer map=tests
local all all trust
host all all 127.0.0.1/32 scram-sha-256
local replication all trust
";

/// A cluster that is not made durable, since no test looks at that.
const SETTINGS: &str = "
fsync = off
full_page_writes = off
autovacuum = off
max_connections = 300
shared_buffers = 32MB
log_line_prefix = '%u@%d '
";

/// A cluster in a folder.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    port: u16,
    /// The words before a program of the server's.
    before: Vec<OsString>,
}

impl Cluster {
    /// The cluster that is in that folder.
    pub fn at(folder: &Path, port: u16) -> Self {
        Self {
            folder: folder.to_owned(),
            port,
            before: as_its_user(),
        }
    }

    /// The folders of a new cluster, in an empty one.
    pub fn place(folder: &Path) -> Self {
        let cluster = Self::at(folder, free_port());
        cluster.own(folder, 0o711);
        fs::create_dir(cluster.socket()).unwrap();
        cluster.own(&cluster.socket(), 0o755);
        cluster
    }

    /// Puts these words before its programs, too, as to enter a namespace.
    pub fn enter(&mut self, words: impl IntoIterator<Item = OsString>) {
        self.before.splice(0..0, words);
    }

    /// Runs its programs where those of another one run.
    pub fn enter_as(&mut self, other: &Self) {
        self.before.clone_from(&other.before);
    }

    /// Makes it, with these settings in addition to the usual ones: the last of a name counts.
    pub fn create(&self, settings: &str) {
        let init = ["--no-sync", "--username", SUPERUSER, "--encoding", "UTF8"];
        let mut initdb = self.program("initdb");
        initdb
            .args(init)
            .args(collation())
            .arg("-D")
            .arg(self.data());
        Run::of(initdb.output().unwrap()).expect(0);
        self.configure(settings);
    }

    /// Makes it a standby that follows another one by streaming.
    pub fn create_standby_of(&self, other: &Self) {
        let source = format!(
            "host={} port={} user={SUPERUSER} application_name=standby",
            other.socket().display(),
            other.port
        );
        let mut copy = self.program("pg_basebackup");
        copy.args(["--no-sync", "--checkpoint=fast", "-R", "-d", &source, "-D"]);
        Run::of(copy.arg(self.data()).output().unwrap()).expect(0);
        self.configure("");
    }

    fn configure(&self, settings: &str) {
        let own = format!(
            "port = {}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\n\
             {SETTINGS}{settings}",
            self.port,
            self.socket().display()
        );
        self.write("postgresql.conf", &own);
        self.write("pg_hba.conf", ACCESS);
        let users = [SUPERUSER, "root", &me()];
        let map = users.map(|user| format!("tests {user} {SUPERUSER}\n"));
        self.write("pg_ident.conf", &map.concat());
    }

    /// Replaces a file of its data folder, readable for the server alone.
    pub fn write(&self, name: &str, text: &str) {
        let mut write = self.program("/bin/sh");
        write.args(["-c", "umask 077; cat >\"$0\""]);
        write.arg(self.data().join(name)).stdin(Stdio::piped());
        let mut child = write.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, text.as_bytes()).unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success());
    }

    /// Starts it, and waits until it accepts connections.
    pub fn launch(&self) {
        let mut start = self.control("start");
        start.arg("-l").arg(self.folder.join("log"));
        assert!(start.status().unwrap().success(), "{}", self.log());
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Stops it: `smart`, `fast` or `immediate`, as pg_ctl has them.
    pub fn stop(&self, mode: &str) {
        let stopped = self.control("stop").args(["-m", mode]).status();
        assert!(stopped.unwrap().success());
    }

    /// One of the verbs of pg_ctl, which waits until it is done.
    pub fn control(&self, verb: &str) -> Command {
        let mut control = self.program("pg_ctl");
        control.args([verb, "-w", "-t", "120", "-s", "-D"]);
        // What it starts would keep a pipe open.
        control.arg(self.data()).stdout(Stdio::null());
        control
    }

    /// A program of the server's, run as its user.
    pub fn program(&self, name: &str) -> Command {
        let path = match name.starts_with('/') {
            true => PathBuf::from(name),
            false => programs().join(name),
        };
        let mut words = self.before.iter().cloned().chain([path.into_os_string()]);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .current_dir("/")
            .stdin(Stdio::null());
        command
    }

    /// Runs SQL as this role of a database, as whoever has psql can.
    pub fn psql(&self, database: &str, role: &str, sql: &str) -> Run {
        let mut psql = Command::new(programs().join("psql"));
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-U", role, "-d", database])
            .args(["-p", &self.port.to_string(), "-h"])
            .arg(self.socket())
            .args(["-f", "-"])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = psql.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let sql = sql.to_owned();
        // It may end without reading all of it.
        let writer = std::thread::spawn(move || {
            drop(std::io::Write::write_all(&mut stdin, sql.as_bytes()));
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Run::of(output)
    }

    /// The folder of its data, which only its user reads.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The folder of its unix socket: the host to connect to.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The number of its first process.
    pub fn pid(&self) -> i32 {
        let mut head = self.program("/usr/bin/head");
        head.args(["-n", "1"])
            .arg(self.data().join("postmaster.pid"));
        let run = Run::of(head.output().unwrap()).expect(0);
        run.stdout.trim_end().parse().unwrap()
    }

    /// Its user, by number.
    pub fn owner(&self) -> String {
        let is_root = geteuid().is_root();
        let user = if is_root {
            server_user().uid
        } else {
            geteuid()
        };
        user.to_string()
    }

    /// Gives a file or folder to the server's user.
    fn own(&self, path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        if geteuid().is_root() {
            let user = server_user();
            chown(path, Some(user.uid), Some(user.gid)).unwrap();
        }
    }
}

/// PostgreSQL does not run as root.
fn as_its_user() -> Vec<OsString> {
    if !geteuid().is_root() {
        return Vec::new();
    }
    let user = server_user();
    let (user, group) = (user.uid.to_string(), user.gid.to_string());
    let words = ["setpriv", "--reuid", &user, "--regid", &group];
    let words = words.into_iter().chain(["--clear-groups", "--"]);
    words.map(OsString::from).collect()
}

/// The user that Debian's package makes.
fn server_user() -> User {
    User::from_name("postgres").unwrap().unwrap()
}

fn me() -> String {
    User::from_uid(geteuid()).unwrap().unwrap().name
}

/// Words order as in a dictionary unless a column says otherwise, as in most installations.
fn collation() -> &'static [&'static str] {
    match version() {
        15.. => &[
            "--locale=C.UTF-8",
            "--locale-provider=icu",
            "--icu-locale=en",
        ],
        _ => &["--locale=C.UTF-8"],
    }
}

/// The newest version that is installed.
pub fn version() -> u32 {
    let folders = fs::read_dir(PROGRAMS).expect("tests/run installs postgresql");
    let names = folders.map(|folder| folder.unwrap().file_name());
    let numbers = names.filter_map(|name| name.to_str()?.parse().ok());
    numbers.max().expect("tests/run installs postgresql")
}

/// The folder of its programs.
pub fn programs() -> PathBuf {
    Path::new(PROGRAMS).join(version().to_string()).join("bin")
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
