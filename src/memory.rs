//! The memory that Argon2 fills: one aligned block in huge pages where the kernel gives them.
//!
//! The only module with `unsafe`: neither a zeroed allocation of a chosen alignment nor
//! `madvise` has a safe wrapper. A third of a cold process's hash is page faults on 4 KiB
//! pages; 2 MiB pages take most of that away.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ffi::c_void;
use std::ptr::NonNull;
use std::slice;

use argon2::Block;
use nix::sys::mman::{MmapAdvise, madvise};

/// The size of a huge page on x86-64 and on aarch64 with 4 KiB base pages.
const HUGE_PAGE: usize = 2 << 20;

/// Zeroed Argon2 blocks of 1 KiB, aligned to a huge page, given back on drop.
#[derive(Debug)]
pub struct HashMemory {
    start: NonNull<Block>,
    blocks: usize,
    layout: Layout,
}

// SAFETY: the memory belongs to this value alone, as a `Box<[Block]>`'s would.
unsafe impl Send for HashMemory {}

impl HashMemory {
    /// Takes memory for `blocks` blocks of 1 KiB; aborts, as a `Vec` does, if there is none.
    pub fn new(blocks: usize) -> Self {
        let bytes = (blocks.max(1) * size_of::<Block>()).next_multiple_of(HUGE_PAGE);
        let layout = Layout::from_size_align(bytes, HUGE_PAGE)
            .expect("the hash parameters' cap keeps the size far below isize::MAX");
        // SAFETY: the layout's size is not zero.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) })
            .unwrap_or_else(|| handle_alloc_error(layout));
        // SAFETY: the range is ours, and the advice changes no contents. A kernel
        // without huge pages says no; then 4 KiB pages do.
        let _ = unsafe { madvise(start.cast::<c_void>(), bytes, MmapAdvise::MADV_HUGEPAGE) };
        Self {
            start: start.cast(),
            blocks,
            layout,
        }
    }
}

impl AsMut<[Block]> for HashMemory {
    fn as_mut(&mut self) -> &mut [Block] {
        // SAFETY: `start` points to at least `blocks` blocks that are aligned to far more
        // than a block's 64 bytes and that were zeroed, which is a valid block.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.blocks) }
    }
}

impl Drop for HashMemory {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this very layout.
        unsafe { dealloc(self.start.as_ptr().cast(), self.layout) }
    }
}
