//! Keeps secrets out of git: a file that git tracks is refused, and one that it would add is warned
//! of. Without git, nothing is checked.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::context::Context;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::files::{folder_of, shell_word};
use crate::process;

/// A file below a git work tree.
struct WorkTreeFile {
    /// The folder that has `.git`.
    root: PathBuf,
    /// The file's path below it.
    path: PathBuf,
    git: PathBuf,
}

/// Makes sure that git does not track a file that a secret is saved to; warns if it does not ignore
/// it.
///
/// # Errors
/// If git tracks it.
pub fn expect_untracked(path: &Path, context: &Context) -> Result<(), Error> {
    let Some(file) = WorkTreeFile::find(path) else {
        return Ok(());
    };
    let shown = path.display();
    match file.run(&["--literal-pathspecs", "ls-files", "--error-unmatch"]) {
        Some(0) => {
            let word = shell_word(path);
            let message = format!("`{shown}` is tracked by git: the secret would get into commits");
            return Err(Error::new(ExitStatus::Trouble, message).with_hint(format!(
                "`git rm --cached {word}` and ignore it, or name another file"
            )));
        }
        Some(1) => {}
        // As in a work tree of another owner.
        _ => {
            let root = shell_word(&file.root);
            context.ui.warn(format!(
                "cannot tell whether git tracks `{shown}`: `git -C {root} status` says why"
            ));
            return Ok(());
        }
    }
    if file.run(&["check-ignore", "--quiet"]) == Some(1) {
        context.ui.warn(format!(
            "git does not ignore `{shown}`: add the line `/{}` to `{}`",
            file.path.display(),
            file.root.join(".gitignore").display()
        ));
    }
    Ok(())
}

impl WorkTreeFile {
    /// `None` if the file is in no work tree, or git is not installed.
    fn find(path: &Path) -> Option<Self> {
        let folder = fs::canonicalize(folder_of(path)).ok()?;
        let root = folder
            .ancestors()
            .find(|folder| folder.join(".git").exists())?;
        let below = folder.strip_prefix(root).ok()?;
        Some(Self {
            path: below.join(path.file_name()?),
            root: root.to_owned(),
            git: process::find_installed("git")?,
        })
    }

    /// The exit status of git with these arguments and the file.
    fn run(&self, arguments: &[&str]) -> Option<i32> {
        // What a hook sets, or a repository's monitor, must not lead elsewhere.
        let mut command = Command::new(&self.git);
        for name in process::variables_of("GIT_") {
            command.env_remove(name);
        }
        let status = command
            .args(["-c", "core.fsmonitor=false"])
            .args(arguments)
            .args([OsStr::new("--"), self.path.as_os_str()])
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.ok()?.code()
    }
}
