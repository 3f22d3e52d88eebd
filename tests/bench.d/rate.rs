//! How many requests per second are answered with 200, each with the next secret from standard
//! input: for the first use of all secrets, and for the second.
//!
//!     rate ADDRESS <SECRETS
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::io::{Read, Write, read_to_string, stdin};
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

/// The number of connections, each with a thread.
const CONNECTIONS: usize = 4;

/// How many requests are sent at once, so that the server is the bottleneck.
const AT_ONCE: usize = 32;

fn main() {
    let address = std::env::args().nth(1).unwrap();
    let secrets = read_to_string(stdin()).unwrap();
    let secrets: Vec<&str> = secrets.lines().collect();
    let [first, second] = [(); 2].map(|()| rate(&address, &secrets));
    println!("{first:.0} {second:.0}");
}

fn rate(address: &str, secrets: &[&str]) -> f64 {
    let start = Instant::now();
    thread::scope(|scope| {
        for share in secrets.chunks(secrets.len().div_ceil(CONNECTIONS)) {
            scope.spawn(|| ask(address, share));
        }
    });
    secrets.len() as f64 / start.elapsed().as_secs_f64()
}

fn ask(address: &str, secrets: &[&str]) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut received = Vec::new();
    for some in secrets.chunks(AT_ONCE) {
        let requests = some.iter().map(|secret| {
            format!("GET /verify HTTP/1.1\r\nhost: {address}\r\napi-key: {secret}\r\n\r\n")
        });
        let requests: String = requests.collect();
        stream.write_all(requests.as_bytes()).unwrap();
        received.clear();
        while memchr::memmem::find_iter(&received, b"\r\n\r\n").count() < some.len() {
            let mut piece = [0; 16 << 10];
            let length = stream.read(&mut piece).unwrap();
            assert!(length > 0, "the connection was closed");
            received.extend_from_slice(&piece[..length]);
        }
        let accepted = memchr::memmem::find_iter(&received, b"HTTP/1.1 200").count();
        assert_eq!(accepted, some.len(), "not all were accepted");
    }
}
