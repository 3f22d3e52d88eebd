//! The same axum serving a constant: the baseline for `serve`.
#![allow(missing_docs, clippy::unwrap_used)]

use axum::Router;
use axum::routing::any;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() {
    let address = std::env::args().nth(1).unwrap();
    let router = Router::new().route("/verify", any(async || "hello"));
    let listener = TcpListener::bind(address).await.unwrap();
    axum::serve(listener, router).await.unwrap();
}
