//! postkey: parse, run, become an exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    postkey::cli::run().into()
}
