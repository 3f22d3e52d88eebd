//! The same axum serving a constant, by a thread per core as `serve` does: the baseline for it.
#![allow(missing_docs, clippy::unwrap_used)]

use std::net::TcpListener;
use std::thread;

use axum::Router;
use axum::routing::any;
use tokio::runtime::Builder;

fn main() {
    let address = std::env::args().nth(1).unwrap();
    let listener = TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    thread::scope(|threads| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            threads.spawn(|| serve(listener.try_clone().unwrap()));
        }
    });
}

fn serve(listener: TcpListener) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let router = Router::new().route("/verify", any(async || "hello"));
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        axum::serve(listener, router).await.unwrap();
    });
}
