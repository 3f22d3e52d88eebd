//! Mapped memory: the pages that Argon2 fills, and a file's first page; and code that runs before
//! `main`.
//!
//! The only module with `unsafe`: there is no safe wrapper for fresh pages with a chosen alignment,
//! `madvise`, a shared mapping that survives truncation, or code that runs before `main`.
//!
//! Argon2 fills one aligned block of huge pages if the kernel provides them. In a new process, a
//! third of the time for a hash is page faults on 4 KiB pages; 2 MiB pages avoid most of them. An
//! allocator is no alternative: it zeroes aligned memory, touching every small page, before
//! `madvise` can be called.
#![allow(unsafe_code)]

mod page;
mod start;

use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::slice;

use argon2::Block;
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous, munmap};

pub use page::FirstPage;
pub use start::was_output_closed;

/// The size of a huge page on x86-64 and on aarch64 with 4 KiB base pages.
const HUGE_PAGE: usize = 2 << 20;

/// Zeroed Argon2 blocks of 1 KiB, aligned to a huge page, unmapped on drop.
#[derive(Debug)]
pub struct Blocks {
    mapping: NonNull<c_void>,
    mapped: usize,
    blocks: usize,
}

impl Blocks {
    /// The number of blocks.
    pub fn count(&self) -> usize {
        self.blocks
    }

    /// Maps `blocks` blocks of 1 KiB.
    pub fn new(blocks: usize) -> nix::Result<Self> {
        let used = (blocks * size_of::<Block>()).next_multiple_of(HUGE_PAGE);
        // One more huge page, so that an aligned start lies within.
        let mapped = NonZeroUsize::MIN.saturating_add(used + HUGE_PAGE - 1);
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new anonymous mapping does not overlap existing memory.
        let mapping = unsafe { mmap_anonymous(None, mapped, protection, MapFlags::MAP_PRIVATE)? };
        let memory = Self {
            mapping,
            mapped: mapped.get(),
            blocks,
        };
        // SAFETY: the range lies within the mapping, and the advice does not change contents. A
        // kernel without huge pages refuses; 4 KiB pages are used then.
        let _ = unsafe { madvise(memory.start().cast(), used, MmapAdvise::MADV_HUGEPAGE) };
        Ok(memory)
    }

    /// The start of the first huge page in the mapping.
    fn start(&self) -> NonNull<Block> {
        let skipped = self.mapping.as_ptr().align_offset(HUGE_PAGE);
        // SAFETY: less than a huge page is skipped, and the mapping is longer by one.
        unsafe { self.mapping.byte_add(skipped) }.cast()
    }
}

impl AsMut<[Block]> for Blocks {
    fn as_mut(&mut self) -> &mut [Block] {
        // SAFETY: from `start` on there are at least `blocks` blocks, aligned to far more than
        // a block's 64 bytes; fresh pages are zeros, and zeros are a block.
        unsafe { slice::from_raw_parts_mut(self.start().as_ptr(), self.blocks) }
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        // SAFETY: unmaps the mapping created in `new`; no block of it outlives this value.
        let _ = unsafe { munmap(self.mapping, self.mapped) };
    }
}
