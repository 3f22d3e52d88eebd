//! Access to sensitive files: written atomically, private from creation, never through a link,
//! never with wider permissions than before.

mod acl;
mod appended;
mod draft;
pub mod env;
mod error;
mod folder;
mod guard;
mod hint;
mod id;
mod input;
mod location;
mod lock;
mod path;
mod private;
pub mod result_file;
mod shared;
mod trust;
mod walk;

pub use appended::{Appended, append, expect_appendable, values_of};
pub use draft::{Draft, IfExists};
pub use error::{Error, failed};
pub use folder::{expect_own_folder, make_folders, missing_folders, sync_folder};
pub use guard::{DRAFT_PREFIX, ProtectionReason, protect};
pub use hint::{NO_FILES, UNSYNCED, hint_of, hint_of_io, shell_word};
pub use id::FileId;
pub use input::open_input;
pub use location::{Synced, expect_writable, is_of_folder};
pub use lock::{FileLock, LockAttempt, LockFile};
pub use path::{folder_of, real};
pub use private::{PrivateFileFault, open_private, secret_line};
pub use shared::Changed;
pub use trust::FileRole;
pub use walk::{FinalLink, FolderWalk, OtherUser, OtherWriter};
