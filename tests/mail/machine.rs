//! An isolated machine: namespaces for mounts, network and processes, in which changes to /etc,
//! /var and /run disappear with the test. Its programs are this system's, or Debian 13's.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::unistd::geteuid;

use crate::parallel;
use crate::sandbox::{POSTKEY, Run, Sandbox};

/// The machine's first process, until its standard input ends. It must be bash, which also reaps
/// processes that are not its own children. Its arguments are a folder for its files, the root of
/// its system, and which parts of this system it can see.
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

/// The system of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Debian {
    /// The one that the tests run on.
    Here,
    /// Debian 13, from a folder that tests/run creates.
    Trixie,
    /// The same with Exim and saslauthd, but without Dovecot and Postfix.
    TrixieWithExim,
}

/// Runs a test on each Debian in parallel. Only as root; `tests/run` says so.
pub fn on_each_debian(test: impl Fn(Debian) + Sync) {
    on_each(&[Debian::Here, Debian::Trixie], test);
}

/// The same on these systems.
pub fn on_each(debians: &[Debian], test: impl Fn(Debian) + Sync) {
    if geteuid().is_root() {
        parallel::on_each(debians.iter().copied(), test);
    }
}

impl Debian {
    /// The folder of its files.
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
    /// Its first process, by its number here.
    init: String,
}

impl Machine {
    pub fn boot(debian: Debian) -> Self {
        Self::boot_with(debian, &[])
    }

    /// One that also sees these folders of this system.
    pub fn boot_with(debian: Debian, folders: &[&Path]) -> Self {
        let sandbox = Sandbox::new();
        let files = sandbox.home().join("machine");
        fs::create_dir(&files).unwrap();
        let mut unshare = Command::new("unshare")
            .args(["-mnp", "--fork", "--kill-child", "bash", "-c", INIT])
            .arg(files)
            .arg(debian.root())
            .args([sandbox.home(), folder_of_postkey()])
            .args(folders)
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

    /// A file of the machine, by its path here.
    pub fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.init))
    }

    /// Its network namespace.
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
        // A daemon would keep a pipe open.
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

    /// A file's text; empty if it does not exist yet.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }
}

fn folder_of_postkey() -> &'static Path {
    Path::new(POSTKEY).parent().unwrap()
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Its first process exits, and all others with it.
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
    }
}
