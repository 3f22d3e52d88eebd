//! The protected backend: accepts everything and records its requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::thread;

use super::brevo;

/// A server that records every request. Stops when dropped.
pub struct Backend {
    received: Arc<Mutex<Vec<Received>>>,
    listener: TcpListener,
}

/// A request that reached the backend.
#[derive(Clone, Debug)]
pub struct Received {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Backend {
    pub fn start(address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&received);
        let incoming = listener.try_clone().unwrap();
        thread::spawn(move || {
            for stream in incoming.incoming().map_while(Result::ok) {
                let notes = Arc::clone(&notes);
                thread::spawn(move || serve(stream, &notes));
            }
        });
        Self { received, listener }
    }

    /// The requests since the last call.
    pub fn received(&self) -> Vec<Received> {
        std::mem::take(&mut self.received.lock().unwrap())
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        // Its thread is in accept(2), and std cannot shut down a listener, only a stream.
        let listener = OwnedFd::from(self.listener.try_clone().unwrap());
        let _ = TcpStream::from(listener).shutdown(Shutdown::Both);
    }
}

impl Received {
    /// All values of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let headers = self.headers.iter();
        headers
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| &**value)
            .collect()
    }
}

/// Answers the requests on one connection.
fn serve(stream: TcpStream, notes: &Mutex<Vec<Received>>) {
    let mut reader = BufReader::new(stream);
    while let Some(received) = receive(&mut reader) {
        let answer = answer(&received);
        let upgrade = received.header("upgrade").concat().to_lowercase();
        notes.lock().unwrap().push(received);
        if upgrade == "websocket" {
            return echo(&mut reader);
        }
        if !upgrade.is_empty() {
            // It accepts every protocol, and reads what follows as further requests.
            let answer = switched(&upgrade);
            if reader.get_mut().write_all(answer.as_bytes()).is_err() {
                return;
            }
            continue;
        }
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The answer to the key of RFC 6455, section 1.3, which HAProxy checks.
const ACCEPTED_KEY: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn switched(protocol: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\
         Sec-WebSocket-Accept: {ACCEPTED_KEY}\r\n\r\n"
    )
}

/// Echoes data, like a WebSocket, until the connection ends.
fn echo(reader: &mut BufReader<TcpStream>) {
    let mut said = switched("websocket").into_bytes();
    while reader.get_mut().write_all(&said).is_ok() {
        said = match reader.fill_buf() {
            Ok(bytes) if !bytes.is_empty() => bytes.to_vec(),
            _ => return,
        };
        reader.consume(said.len());
    }
}

fn answer(received: &Received) -> String {
    // Brevo's SDKs identify themselves; the tests' own requests do not.
    let (status, body) = match received.header("user-agent").concat().is_empty() {
        true => (status(&received.line), "backend\n"),
        false => brevo::answer(&received.line),
    };
    format!(
        "HTTP/1.1 {status} As Asked\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The status in a path such as `/answer/401`.
fn status(line: &str) -> u16 {
    let asked = line.split_once("/answer/").map(|(_, rest)| &rest[..3]);
    asked.map_or(200, |status| status.parse().unwrap())
}

fn receive(reader: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut received = Received {
        line: lines.remove(0),
        headers: lines
            .iter()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: Vec::new(),
    };
    received.body = body(&received, reader)?;
    Some(received)
}

fn body(received: &Received, reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    if let [length] = received.header("content-length")[..] {
        body.resize(length.parse().ok()?, 0);
        reader.read_exact(&mut body).ok()?;
    }
    while received.header("transfer-encoding") == ["chunked"] {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        body.extend(&chunk[..size]);
        if size == 0 {
            break;
        }
    }
    Some(body)
}
