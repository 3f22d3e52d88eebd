//! postkey: parse, run, become an exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    postkey::process::harden();
    postkey::cli::run().into()
}
