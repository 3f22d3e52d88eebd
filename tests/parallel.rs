//! Runs a test for several cases in parallel.

use std::fmt::Debug;
use std::panic::resume_unwind;
use std::thread;

/// Runs a test for each case, as many at once as there are processors: with more, checks would
/// exceed the gateways' timeouts.
pub fn on_each<T: Debug + Send>(cases: impl IntoIterator<Item = T>, test: impl Fn(T) + Sync) {
    let at_once = thread::available_parallelism().unwrap().get();
    let mut cases = cases.into_iter().peekable();
    while cases.peek().is_some() {
        at_the_same_time(cases.by_ref().take(at_once), &test);
    }
}

fn at_the_same_time<T: Debug + Send>(cases: impl Iterator<Item = T>, test: &(impl Fn(T) + Sync)) {
    thread::scope(|scope| {
        let tests: Vec<_> = cases
            .map(|case| {
                // A failure names the thread.
                let thread = thread::Builder::new().name(format!("on {case:?}"));
                thread.spawn_scoped(scope, move || test(case)).unwrap()
            })
            .collect();
        for test in tests {
            test.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
}
