//! Hints with commands that contain a path, filled in when they are printed.

use std::io;
use std::path::Path;

use nix::errno::Errno;

/// The placeholder for the path.
const PATH: &str = "{path}";

/// How to get at more descriptors.
pub const NO_FILES: &str = "close other files or raise the limit: `ulimit -n` for the process, `sysctl \
     fs.file-max` for the system";

/// What to do about a file that is there and may go with the power.
pub const UNSYNCED: &str = "run `sync` to flush it to the disk";

/// How to go on where the system refused, if there is more to say than it does.
pub fn hint_of_io(error: &io::Error) -> Option<&'static str> {
    match Errno::from_raw(error.raw_os_error()?) {
        Errno::EMFILE | Errno::ENFILE => Some(NO_FILES),
        Errno::EIO => Some("check the disk with `dmesg`"),
        _ => None,
    }
}

/// The hint with the path filled into its commands.
pub fn hint_of(hint: &str, path: &Path) -> String {
    hint.replace(PATH, &shell_word(path))
}

/// A path as a single shell word that no command takes for a flag.
pub fn shell_word(path: &Path) -> String {
    let path = path.to_string_lossy();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    let path = match path.starts_with('-') {
        true => format!("./{path}").into(),
        false => path,
    };
    match path.bytes().all(is_plain) {
        true => path.into_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_for_a_shell() {
        for (path, word) in [
            ("app.env", "app.env"),
            ("/srv/a b/.env", "'/srv/a b/.env'"),
            ("it's", r"'it'\''s'"),
            ("-x", "./-x"),
            ("--save $(id)", "'./--save $(id)'"),
            ("", ""),
        ] {
            assert_eq!(shell_word(Path::new(path)), word);
        }
    }

    #[test]
    fn a_hint_names_the_path_as_one_word() {
        let hint = hint_of("`chmod 600 {path}`, or {path}", Path::new("a b"));
        assert_eq!(hint, "`chmod 600 'a b'`, or 'a b'");
        assert_eq!(
            hint_of("name another file", Path::new("x")),
            "name another file"
        );
    }
}
