//! Drafts that replace files, are refused, or are dropped.

use super::*;
use std::fs;
use std::os::unix::fs::symlink;

fn write(path: &Path, existing: IfExists) -> Result<(), Error> {
    let mut draft = Draft::begin(path, FileRole::Secret, existing)?;
    draft.write(b"new")?;
    draft.publish()
}

#[test]
fn a_new_file_is_private_and_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    write(&path, IfExists::Keep).expect("written");
    assert_eq!(fs::read(&path).expect("the file"), b"new");
    let mode = fs::metadata(&path).expect("the file").mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert!(write(&path, IfExists::Keep).is_err());
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
}

#[test]
fn a_replaced_file_keeps_its_mode_and_an_unsafe_one_is_not_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&path, "old").expect("written");
    symlink(&path, &link).expect("linked");
    for (mode, is_written) in [(0o644, false), (0o602, false), (0o640, true), (0o400, true)] {
        fs::write(&path, "old").ok();
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("changed");
        let written = write(&path, IfExists::Replace);
        assert_eq!(written.is_ok(), is_written, "{mode:o}");
        let now = fs::metadata(&path).expect("the file").mode();
        assert_eq!(now & 0o7777, mode);
        assert!(write(&link, IfExists::Replace).is_err());
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("changed");
    }
    assert!(write(folder.path(), IfExists::Replace).is_err());
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 2);
}

#[test]
fn draft_errors_are_the_systems_errors() {
    let error = Draft::begin(Path::new("/proc/file"), FileRole::Secret, IfExists::Keep)
        .expect_err("no disk");
    let expected = "cannot write `/proc/file`: No such file or directory (os error 2)";
    assert_eq!(error.to_string(), expected);
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing");
    let error = Draft::begin(&missing.join("file"), FileRole::Secret, IfExists::Keep)
        .expect_err("no folder");
    let folder = missing.display();
    let expected = format!("cannot write `{folder}/file`: the folder `{folder}` does not exist");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_dropped_draft_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    let mut draft = Draft::begin(&path, FileRole::Secret, IfExists::Keep).expect("begun");
    draft.write(b"half").expect("written");
    drop(draft);
    let draft = Draft::begin(&path, FileRole::Secret, IfExists::Keep).expect("begun");
    fs::write(&path, "another's").expect("written");
    assert!(draft.publish().is_err());
    assert_eq!(fs::read(&path).expect("the file"), b"another's");
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
}
