//! A machine of a test's own: a name space each for mounts, network and processes, in which
//! what is written to /etc, /var and /run stays. When the test ends, all of it is gone.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::sandbox::{POSTKEY, Run, Sandbox};

/// Runs as the machine's first process, until its standard input ends. It must be bash, which
/// also takes leave of processes that are not its own children.
const INIT: &str = r#"
set -e
read -r pid _ </proc/self/stat
mount -t proc proc /proc
mount -t tmpfs none "$0"
for folder in etc var; do
  mkdir "$0/$folder" "$0/$folder.work"
  mount -t overlay none -o "lowerdir=/$folder,upperdir=$0/$folder,workdir=$0/$folder.work" "/$folder"
done
mount -t tmpfs -o mode=755 none /run
mkdir -m 1777 /run/lock
ip link set lo up
echo "$pid"
while read -r; do :; done
"#;

/// A machine that shares the sandbox's home with this one.
pub struct Machine {
    pub sandbox: Sandbox,
    unshare: Child,
    /// Its first process, as it is numbered here.
    init: String,
}

impl Machine {
    pub fn boot() -> Self {
        let sandbox = Sandbox::new();
        let files = sandbox.home().join("machine");
        fs::create_dir(&files).unwrap();
        let mut unshare = Command::new("unshare")
            .args(["-mnp", "--fork", "--kill-child", "bash", "-c", INIT])
            .arg(files)
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
        let folder = PathBuf::from(POSTKEY);
        let folder = folder.parent().unwrap().display();
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

impl Drop for Machine {
    fn drop(&mut self) {
        // Its first process ends with it, and all others with that.
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
    }
}
