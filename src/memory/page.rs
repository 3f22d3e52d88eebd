//! Reads the first page of a file from a shared mapping, without a system call.

use std::ffi::{c_int, c_void};
use std::fs::File;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use nix::libc::siginfo_t;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::statfs::{BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, FsType, TMPFS_MAGIC, fstatfs};

/// The smallest page size on Linux, in bytes; the mapping covers a database's first page, of which
/// this is at least the beginning.
const PAGE: NonZeroUsize = NonZeroUsize::new(4096).expect("not nothing");

/// XFS (statfs(2)); not every C library defines it.
const XFS_SUPER_MAGIC: FsType = FsType(0x5846_5342);

/// File systems on which all mappings of a file share the same memory, so that writes are visible
/// at once. Layered and network file systems do not guarantee that.
const COHERENT_FILE_SYSTEMS: [FsType; 4] = [
    EXT4_SUPER_MAGIC,
    XFS_SUPER_MAGIC,
    BTRFS_SUPER_MAGIC,
    TMPFS_MAGIC,
];

/// Marks an entry of [`MAPPED`] that is reserved, but has no page yet.
const RESERVED: usize = 1;

/// The addresses of the mapped pages; zero if unused.
static MAPPED: [AtomicUsize; 16] = [const { AtomicUsize::new(0) }; 16];

/// The first page of a file, including all writes by any process. If the file is truncated, it
/// reads as zeros from then on.
#[derive(Debug)]
pub struct FirstPage {
    begins: usize,
    entry: &'static AtomicUsize,
}

impl FirstPage {
    /// Maps the page until dropped; `None` if the mapping would not see other processes' writes, or
    /// fails.
    pub fn of(file: &File) -> Option<Self> {
        let kind = fstatfs(file).ok()?.filesystem_type();
        if !COHERENT_FILE_SYSTEMS.contains(&kind) || !handle_sigbus() {
            return None;
        }
        let entry = MAPPED.iter().find(|entry| {
            entry
                .compare_exchange(0, RESERVED, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
        })?;
        // SAFETY: a new mapping does not overlap existing memory.
        let mapped = unsafe {
            mmap(
                None,
                PAGE,
                ProtFlags::PROT_READ,
                MapFlags::MAP_SHARED,
                file,
                0,
            )
        };
        let begins = mapped.map_or(0, |begins| begins.as_ptr() as usize);
        entry.store(begins, Ordering::SeqCst);
        (begins != 0).then_some(Self { begins, entry })
    }

    /// The four bytes at an offset that is a multiple of four.
    ///
    /// # Panics
    /// If the offset is outside of the page.
    pub fn word(&self, at: usize) -> [u8; 4] {
        assert!(at.is_multiple_of(4) && at < PAGE.get());
        // SAFETY: within the page, which stays mapped, and aligned, since pages are. This process
        // only reads it, and other processes write to the shared memory as to an atomic. If the
        // file is truncated, `put_zeros` maps another page there.
        let word = unsafe { &*((self.begins + at) as *const AtomicU32) };
        word.load(Ordering::Acquire).to_ne_bytes()
    }
}

impl Drop for FirstPage {
    fn drop(&mut self) {
        // A fault at an address that is no longer ours must not be handled.
        self.entry.store(RESERVED, Ordering::SeqCst);
        if let Some(begins) = NonNull::new(self.begins as *mut c_void) {
            // SAFETY: it is mapped, and only this value reads it.
            let _ = unsafe { munmap(begins, PAGE.get()) };
        }
        self.entry.store(0, Ordering::SeqCst);
    }
}

/// Installs a SIGBUS handler, so that reading a page of a truncated file yields zeros. The default
/// action would end the program.
fn handle_sigbus() -> bool {
    let handler = SigHandler::SigAction(put_zeros);
    let action = SigAction::new(handler, SaFlags::SA_NODEFER, SigSet::empty());
    // SAFETY: the handler calls nothing but mmap(2) and sigaction(2), and takes no lock.
    unsafe { sigaction(Signal::SIGBUS, &action) }.is_ok()
}

/// Maps zeros over one of our pages that no longer exists; any other fault ends the program as
/// usual.
extern "C" fn put_zeros(_: c_int, fault: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: the kernel passes a valid pointer to the fault's details.
    let at = unsafe { (*fault).si_addr() } as usize;
    let begins = MAPPED
        .iter()
        .map(|entry| entry.load(Ordering::SeqCst))
        .find(|&begins| begins > RESERVED && (begins..begins + PAGE.get()).contains(&at));
    let protection = ProtFlags::PROT_READ;
    let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_FIXED;
    // SAFETY: replaces a mapping of ours that could not be read anyway.
    let put = begins
        .and_then(NonZeroUsize::new)
        .is_some_and(|begins| unsafe {
            mmap_anonymous(Some(begins), PAGE, protection, flags).is_ok()
        });
    if !put {
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        // SAFETY: restores the default handler; the fault occurs again and reaches it.
        let _ = unsafe { sigaction(Signal::SIGBUS, &default) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn a_page_shows_what_is_written_and_zeros_once_it_is_cut_off() {
        let file = tempfile::tempfile_in("/dev/shm").expect("a file in memory");
        file.write_all_at(&[7; 8192], 0).expect("written");
        let page = FirstPage::of(&file).expect("a local file system");
        assert_eq!(page.word(24), [7; 4]);
        file.write_all_at(b"abcd", 24).expect("written");
        assert_eq!(page.word(24), *b"abcd");
        file.set_len(0).expect("cut off");
        assert_eq!(page.word(24), [0; 4]);
        file.write_all_at(&[7; 8192], 0).expect("written");
        assert_eq!(page.word(24), [0; 4], "for ever");
    }

    #[test]
    fn any_number_of_files_can_be_mapped_in_sequence() {
        for _ in 0..10 * MAPPED.len() {
            let file = tempfile::tempfile_in("/dev/shm").expect("a file in memory");
            file.write_all_at(&[7; 4096], 0).expect("written");
            assert!(FirstPage::of(&file).is_some());
        }
    }

    #[test]
    fn incoherent_file_systems_are_not_mapped() {
        let file = File::open("/proc/self/status").expect("a file of another kind");
        assert!(FirstPage::of(&file).is_none());
    }
}
