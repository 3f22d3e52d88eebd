//! Parses the command line, runs the command, and exits with its status.

use std::process::ExitCode;

fn main() -> ExitCode {
    postkey::cli::run()
}
