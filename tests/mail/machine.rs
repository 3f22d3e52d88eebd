//! A machine of a test's own: a name space each for mounts, network and processes, in which
//! what is written to /etc, /var and /run stays. When the test ends, all of it is gone. Its
//! programs are those of this system, or of Debian 13.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::unistd::geteuid;

use crate::parallel;
use crate::sandbox::{POSTKEY, Run, Sandbox};

/// Runs as the machine's first process, until its standard input ends. It must be bash, which
/// also takes leave of processes that are not its own children. Its arguments are a folder to
/// keep files in, whose system it has, and what it sees of this one where that is another.
const INIT: &str = r#"
set -e
read -r pid _ </proc/self/stat
files=$0 system=$1 root=
shift
mount -t tmpfs none "$files"
if [ "$system" = / ]; then
  for folder in etc var usr/local; do
    mkdir -p "$files/$folder" "$files/$folder.work"
    mount -t overlay none \
      -o "lowerdir=/$folder,upperdir=$files/$folder,workdir=$files/$folder.work" "/$folder"
  done
else
  root=$files/root
  mkdir "$root" "$files/changed" "$files/work"
  mount -t overlay none \
    -o "lowerdir=$system,upperdir=$files/changed,workdir=$files/work" "$root"
  for seen in "$@"; do
    mkdir -p "$root$seen"
    mount --bind "$seen" "$root$seen"
  done
  mount --rbind /dev "$root/dev"
fi
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 none "$root/run"
mkdir -m 1777 "$root/run/lock"
ip link set lo up
if [ "$root" ]; then
  # Nothing of this system is within reach any longer.
  mkdir "$root/old"
  cd "$root"
  pivot_root . old
  umount -l /old
  rmdir /old
fi
# Not earlier: whoever knows it enters.
echo "$pid"
while read -r; do :; done
"#;

/// Whose programs a machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Debian {
    /// Those of the system that the tests run on.
    Here,
    /// Debian 13's, from a folder that tests/run makes.
    Trixie,
    /// The same with Exim and saslauthd, but neither Dovecot nor Postfix.
    TrixieWithExim,
}

/// Runs a test on a machine of each Debian, on all at once. As root only; `tests/run` says so.
pub fn on_each_debian(test: impl Fn(Debian) + Sync) {
    on_each(&[Debian::Here, Debian::Trixie], test);
}

/// The same on these.
pub fn on_each(debians: &[Debian], test: impl Fn(Debian) + Sync) {
    if geteuid().is_root() {
        parallel::on_each(debians.iter().copied(), test);
    }
}

impl Debian {
    /// Where its files are.
    pub fn root(self) -> PathBuf {
        let folder = match self {
            Self::Here => return PathBuf::from("/"),
            Self::Trixie => "debian-13",
            Self::TrixieWithExim => "debian-13-exim",
        };
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
        assert!(
            root.join("installed").exists(),
            "`{}` is missing: tests/run makes it",
            root.display()
        );
        root
    }
}

/// A machine that shares the sandbox's home with this one.
pub struct Machine {
    pub sandbox: Sandbox,
    unshare: Child,
    /// Its first process, as it is numbered here.
    init: String,
}

impl Machine {
    pub fn boot(debian: Debian) -> Self {
        let sandbox = Sandbox::new();
        let files = sandbox.home().join("machine");
        fs::create_dir(&files).unwrap();
        let mut unshare = Command::new("unshare")
            .args(["-mnp", "--fork", "--kill-child", "bash", "-c", INIT])
            .arg(files)
            .arg(debian.root())
            .args([sandbox.home(), folder_of_postkey()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut init = String::new();
        let stdout = unshare.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut init).unwrap();
        assert!(
            !init.is_empty(),
            "these tests need mounts and a network of their own: run them as root on the machine \
             itself, or in a container that may do that"
        );
        Self {
            sandbox,
            unshare,
            init: init.trim().to_owned(),
        }
    }

    /// A file of the machine's, as it is reached from here.
    pub fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.init))
    }

    /// Its network, to be moved into.
    pub fn network(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.init))
    }

    /// A program on the machine, in root's environment and the sandbox's home.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let folder = folder_of_postkey().display();
        command
            .args(["-t", &self.init, "-m", "-n", "-p", "--", program])
            .env_clear()
            .env(
                "PATH",
                format!("{folder}:{}", std::env::var("PATH").unwrap()),
            )
            .env("HOME", self.sandbox.home())
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }

    /// Runs a shell script on the machine, in the sandbox's home; it may start daemons.
    pub fn shell(&self, script: &str) -> Run {
        // A pipe would stay open for as long as a daemon has it.
        let said = self.sandbox.home().join("said");
        let file = fs::File::create(&said).unwrap();
        let status = self
            .command("bash")
            .args(["-c", &format!("cd && {script}")])
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .status()
            .unwrap();
        Run {
            status: status.code().unwrap_or(-1),
            stdout: fs::read_to_string(&said).unwrap(),
            stderr: String::new(),
        }
    }

    /// A file's text; empty if there is none yet.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }
}

fn folder_of_postkey() -> &'static Path {
    Path::new(POSTKEY).parent().unwrap()
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Its first process ends with it, and all others with that.
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
    }
}
