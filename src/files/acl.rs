//! Access control lists (acl(5)): they grant rights that a file's mode does not show; its group
//! bits are then only the mask of these.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::fs::{fremovexattr, lgetxattr_query};
use rustix::io::Errno;

/// The extended attribute that holds a file's list.
const ACL_ATTRIBUTE: &str = "system.posix_acl_access";

/// Whether the file has an access control list.
pub(super) fn has_list(path: &Path) -> bool {
    lgetxattr_query(path, ACL_ATTRIBUTE).is_ok()
}

/// Whether a file in an open folder has an access control list; uses `path` if /proc is not
/// mounted.
pub(super) fn has_list_at(folder: &File, name: &OsStr, path: &Path) -> bool {
    let held = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    match held.is_dir() {
        true => has_list(&held.join(name)),
        false => has_list(path),
    }
}

/// Removes the list that a new file may inherit from its folder.
pub(super) fn remove_list(file: &File) -> io::Result<()> {
    match fremovexattr(file, ACL_ATTRIBUTE) {
        Ok(()) | Err(Errno::NODATA | Errno::NOTSUP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{Draft, FileRole, IfExists};
    use rustix::fs::{XattrFlags, setxattr};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    /// `user::rw-,user:54321:rw-,group::---,mask::rw-,other::---`, in the kernel's encoding.
    fn list() -> Vec<u8> {
        let entry = |tag: u16, rights: u16, id: u32| {
            let (tag, rights) = (tag.to_le_bytes(), rights.to_le_bytes());
            [&tag[..], &rights, &id.to_le_bytes()].concat()
        };
        let nobody = u32::MAX;
        let entries = [
            entry(0x01, 6, nobody),
            entry(0x02, 6, 54321),
            entry(0x04, 0, nobody),
            entry(0x10, 6, nobody),
            entry(0x20, 0, nobody),
        ];
        [&2_u32.to_le_bytes()[..], &entries.concat()].concat()
    }

    #[test]
    fn access_control_lists_are_neither_lost_nor_inherited() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, "old").expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("changed");
        let default = "system.posix_acl_default";
        let has_lists = setxattr(folder.path(), default, &list(), XattrFlags::empty()).is_ok();
        let mut draft = Draft::begin(&path, FileRole::Secret, IfExists::Replace).expect("begun");
        assert!(!has_list(&draft.path()));
        draft.write(b"new").expect("written");
        draft.publish().expect("published");
        let mode = fs::metadata(&path).expect("the file").permissions().mode();
        assert_eq!((mode & 0o7777, has_list(&path)), (0o640, false));
        // The file system does not support access control lists.
        if has_lists {
            setxattr(&path, ACL_ATTRIBUTE, &list(), XattrFlags::empty()).expect("a list");
        }
        assert_eq!(
            Draft::begin(&path, FileRole::Secret, IfExists::Replace).is_err(),
            has_lists
        );
    }
}
