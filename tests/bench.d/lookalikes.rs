//! Secrets with the tail of the one on standard input, including the checksum, one per line.
//!
//!     lookalikes COUNT <SECRET
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../serve/lookalikes.rs"]
mod lookalikes;

fn main() {
    let count = std::env::args().nth(1).unwrap().parse().unwrap();
    let secret = std::io::read_to_string(std::io::stdin()).unwrap();
    for lookalike in lookalikes::Lookalikes::of(secret.trim()).take(count) {
        println!("{lookalike}");
    }
}
