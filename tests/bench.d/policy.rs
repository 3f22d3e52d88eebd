//! How long answers to Postfix's policy requests take, one after the other on one connection, in
//! microseconds: half of them at most, and 99 of 100 at most. Or a server that answers them all
//! alike, as the baseline.
//!
//!     policy ask ADDRESS <USERNAMES
//!     policy serve ADDRESS
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::io::{Read, Write, read_to_string, stdin};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

const ANSWER: &[u8] = b"action=DUNNO\n\n";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ask", address] => ask(address),
        ["serve", address] => serve(address),
        _ => panic!("policy ask|serve ADDRESS"),
    }
}

fn ask(address: &str) {
    let usernames = read_to_string(stdin()).unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut times: Vec<u128> = Vec::new();
    for (number, username) in usernames.lines().enumerate() {
        let request = format!(
            "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n\
             client_address=127.0.0.1\nsender=shop@example.com\nrecipient=root@localhost\n\
             sasl_method=PLAIN\nsasl_username={username}\ninstance={number}\nrecipient_count=0\n\n"
        );
        let start = Instant::now();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\n\n") {
            let mut piece = [0; 1024];
            let length = stream.read(&mut piece).unwrap();
            assert!(length > 0, "the connection was closed");
            answer.extend_from_slice(&piece[..length]);
        }
        times.push(start.elapsed().as_micros());
        assert_eq!(answer, ANSWER, "{username}");
    }
    times.sort_unstable();
    let at = |percent: usize| times[times.len() * percent / 100];
    println!("{} {}", at(50), at(99));
}

fn serve(address: &str) {
    for stream in TcpListener::bind(address).unwrap().incoming() {
        let mut stream = stream.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut piece = [0; 4096];
        // A request arrives as a whole.
        while stream.read(&mut piece).is_ok_and(|length| length > 0) {
            if stream.write_all(ANSWER).is_err() {
                break;
            }
        }
    }
}
