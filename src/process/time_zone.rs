//! The local time zone, from `TZ` or the system.
//!
//! jiff would read whatever file `TZ` and `TZDIR` name, even an endless device, so the file is read
//! here and jiff only gets its bytes.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use jiff::tz::TimeZone;
use nix::fcntl::OFlag;

/// The time zone of the system, if `TZ` is not set.
const LOCALTIME: &str = "/etc/localtime";

/// Where the time zone database may be.
const ZONEINFO: [&str; 3] = [
    "/usr/share/zoneinfo",
    "/usr/lib/zoneinfo",
    "/usr/share/lib/zoneinfo",
];

/// The names of UTC, for a system without a database.
const UTC: [&str; 4] = ["UTC", "Etc/UTC", "GMT", "Z"];

/// The name of a time zone that is not from a database.
pub const LOCAL_TIME: &str = "local time";

/// The maximum size of a time zone file, in bytes; the largest has about 4,000.
const MAX_SIZE: u64 = 64 << 10;

/// The local time zone: from `TZ`, or else the system's.
///
/// # Errors
/// Why `TZ` is not valid, in words.
pub fn time_zone() -> Result<TimeZone, String> {
    let Some(value) = env::var_os("TZ") else {
        return Ok(system());
    };
    named(&value, &databases()).ok_or_else(|| {
        "TZ must be a time zone such as Europe/Berlin, or a rule such as CET-1CEST".to_owned()
    })
}

fn system() -> TimeZone {
    from_file(Path::new(LOCALTIME)).unwrap_or(TimeZone::UTC)
}

fn databases() -> Vec<PathBuf> {
    let own = env::var_os("TZDIR").map(PathBuf::from);
    own.into_iter().chain(ZONEINFO.map(PathBuf::from)).collect()
}

/// The time zone of a `TZ` value (POSIX.1-2024, 8.3): a name in a database, a rule, or a file's
/// path.
fn named(value: &OsStr, databases: &[PathBuf]) -> Option<TimeZone> {
    let value = value.to_str()?;
    let value = value.strip_prefix(':').unwrap_or(value);
    if value.is_empty() || UTC.contains(&value) {
        return Some(TimeZone::UTC);
    }
    let path = Path::new(value);
    if path.is_absolute() {
        return from_file(path);
    }
    from_databases(path, databases).or_else(|| TimeZone::posix(value).ok())
}

fn from_databases(name: &Path, databases: &[PathBuf]) -> Option<TimeZone> {
    let is_name = name
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let mut files = databases.iter().map(|folder| folder.join(name));
    is_name.then(|| files.find_map(|file| from_file(&file)))?
}

fn from_file(path: &Path) -> Option<TimeZone> {
    let text = read(path).ok()?;
    let name = name(path).or_else(|| name(&fs::read_link(path).ok()?));
    match name.as_deref().unwrap_or(LOCAL_TIME) {
        utc if UTC.contains(&utc) => Some(TimeZone::UTC),
        other => TimeZone::tzif(other, &text).ok(),
    }
}

/// The time zone's name in its database.
fn name(path: &Path) -> Option<String> {
    let (_, name) = path.to_str()?.split_once("/zoneinfo/")?;
    Some(name.to_owned())
}

/// Reads a small regular file: opening a device may have effects, and a FIFO blocks.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let refuse_unless = |is_right: bool| match is_right {
        true => Ok(()),
        false => Err(io::Error::from(ErrorKind::InvalidInput)),
    };
    refuse_unless(fs::metadata(path)?.is_file())?;
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)?;
    refuse_unless(file.metadata()?.is_file())?;
    let mut data = Vec::new();
    file.take(MAX_SIZE + 1).read_to_end(&mut data)?;
    refuse_unless(data.len() as u64 <= MAX_SIZE)?;
    Ok(data)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    /// A database with the time zone `Here/There`, two hours east, in a version-2 file (RFC 9636).
    fn database() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let header = |version: u8| {
            let mut header = b"TZif".to_vec();
            header.push(version);
            header.extend([0; 15]);
            for count in [0_u32, 0, 0, 0, 1, 4] {
                header.extend(count.to_be_bytes());
            }
            header.extend(7200_i32.to_be_bytes());
            header.extend(b"\0\0ABC\0");
            header
        };
        let file = [header(b'2'), header(b'2'), b"\nABC-2\n".to_vec()].concat();
        fs::create_dir(folder.path().join("Here")).expect("a folder");
        fs::write(folder.path().join("Here/There"), file).expect("a zone");
        folder
    }

    fn offset(time_zone: &TimeZone) -> i32 {
        time_zone.to_offset(Timestamp::UNIX_EPOCH).seconds()
    }

    #[test]
    fn a_zone_of_a_database_has_its_name() {
        for (path, expected) in [
            ("/usr/share/zoneinfo/Europe/Berlin", Some("Europe/Berlin")),
            ("../usr/share/zoneinfo/UTC", Some("UTC")),
            (LOCALTIME, None),
        ] {
            assert_eq!(name(Path::new(path)).as_deref(), expected);
        }
    }

    #[test]
    fn a_time_zone_is_a_name_a_rule_or_a_small_regular_file() {
        let folder = database();
        let folder_path = folder.path();
        let path = |name: &str| folder_path.join(name).to_str().expect("a path").to_owned();
        let large = vec![b'x'; MAX_SIZE as usize + 1];
        fs::write(path("large"), large).expect("a file");
        nix::unistd::mkfifo(&folder_path.join("fifo"), nix::sys::stat::Mode::S_IRWXU)
            .expect("a fifo");
        std::os::unix::fs::symlink("/dev/zero", folder_path.join("zero")).expect("a link");
        let there = path("Here/There");
        for (value, expected) in [
            ("", Some(0)),
            (":", Some(0)),
            ("UTC", Some(0)),
            ("Here/There", Some(7200)),
            (":Here/There", Some(7200)),
            (&there, Some(7200)),
            (&format!(":{there}"), Some(7200)),
            ("CET-1CEST,M3.5.0,M10.5.0/3", Some(3600)),
            ("<+03>-3", Some(10_800)),
            ("/dev/zero", None),
            ("/dev/tty", None),
            ("/proc/kmsg", None),
            ("/etc/passwd", None),
            ("fifo", None),
            ("zero", None),
            ("large", None),
            (&path("fifo"), None),
            (&path("zero"), None),
            (&path("Here"), None),
            (&path("missing"), None),
            ("../Here/There", None),
            ("./Here/There", None),
            ("Here/../Here/There", None),
            ("nonsense", None),
        ] {
            let found = named(OsStr::new(value), &[folder_path.to_owned()]);
            assert_eq!(found.as_ref().map(offset), expected, "{value}");
        }
    }
}
