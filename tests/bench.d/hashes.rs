//! How many of the vault's hashes all cores compute per second.
//!
//!     GLIBC_TUNABLES=glibc.malloc.hugetlb=1 hashes COUNT
//!
//! The setting makes malloc use huge pages, without which hashing takes longer.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::thread;
use std::time::Instant;

use argon2::{Algorithm, Argon2, Block, Params, Version};

fn main() {
    let count: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    let cores = thread::available_parallelism().unwrap().get();
    let share = count / cores;
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| hash(share));
        }
    });
    println!(
        "{:.2}",
        (share * cores) as f64 / start.elapsed().as_secs_f64()
    );
}

fn hash(count: usize) {
    let params = Params::new(19_456, 2, 1, None).unwrap();
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    for _ in 0..count {
        let mut out = [0; 32];
        let secret = [b'x'; 90];
        argon2
            .hash_password_into_with_memory(&secret, &[7; 16], &mut out, &mut memory)
            .unwrap();
    }
}
