//! The message of a panic.

use std::io::{self, Write};
use std::panic::{self, PanicHookInfo};

/// Reports panics without their message, which may quote an argument, a line or a secret.
pub fn report_panics() {
    panic::set_hook(Box::new(|info| {
        // If writing to standard error fails, nothing can be done.
        let _ = io::stderr().write_all(message(info).as_bytes());
    }));
}

fn message(info: &PanicHookInfo<'_>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let location = info
        .location()
        .map_or_else(String::new, |at| format!(", {}:{}", at.file(), at.line()));
    format!(
        "error: this is a bug in postkey ({version}{location}): the change may or may not have been \
         committed\n\
         hint: `postkey doctor` and `postkey log` show whether it was; report this line and the \
         command, without its secrets, to the maintainers of postkey\n"
    )
}
