//! Clients that are slow, large, odd or hostile.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use super::http::{Connection, request};
use super::logins::proof;
use super::server::Server;
use crate::sandbox::Sandbox;

#[test]
fn a_slow_client_is_disconnected_and_delays_nobody() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    let start = Instant::now();
    let mut slow: Vec<Connection> = (0..64).map(|_| Connection::open(&server.address)).collect();
    for connection in &mut slow {
        connection
            .send(b"GET /verify HTTP/1.1\r\nHost: a\r\nx: ")
            .unwrap();
    }
    let mut report = Connection::open(&server.address);
    let proof = proof(&sandbox);
    let proof = ("Authorization", &*proof);
    let head = request("POST", "/dovecot", &[proof, ("Content-Length", "100")]);
    report.send((head + "{").as_bytes()).unwrap();
    while start.elapsed() < Duration::from_secs(2) {
        let asked = Instant::now();
        server.verify(&secret).expect(200);
        assert!(asked.elapsed() < Duration::from_secs(4));
        std::thread::sleep(Duration::from_millis(100));
    }
    for connection in &mut slow {
        while let Ok(answer) = connection.answer() {
            assert_eq!(answer.status, 408, "{answer:?}");
        }
        assert!(connection.is_at_end());
    }
    // The connection is closed or refused, without a response.
    assert_eq!(report.answer().map_or(400, |answer| answer.status), 400);
    let took = start.elapsed().as_secs();
    assert!((5..16).contains(&took), "{took} s");
    server.verify(&secret).expect(200);
}

#[test]
fn a_request_head_of_a_megabyte_is_refused() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    let large = "a".repeat(1 << 20);
    let many: Vec<(&str, &str)> = (0..1000).map(|_| ("x", "y")).collect();
    let long = format!("/verify?{large}");
    for (target, headers) in [
        ("/verify", vec![("api-key", &*large)]),
        ("/verify", vec![("api-key", &*secret), ("x", &large)]),
        ("/verify", many),
        (&long, vec![("api-key", &secret)]),
    ] {
        let mut connection = Connection::open(&server.address);
        // The response may come before the request was read completely.
        let _ = connection.send(request("GET", target, &headers).as_bytes());
        if let Ok(answer) = connection.answer() {
            assert!([414, 431].contains(&answer.status), "{answer:?}");
        }
    }
    server.verify(&secret).expect(200);
}

#[test]
fn a_key_of_thirty_kilobytes_is_malformed() {
    let sandbox = Sandbox::with_three_keys();
    let server = Server::start(&sandbox);
    server.verify(&"a".repeat(30_000)).expect_refusal(401);
}

#[test]
fn the_many_ways_to_say_http_are_understood() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    let key = [("api-key", &*secret)];
    let mut connection = Connection::open(&server.address);
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        connection.ask(method, "/verify", &key).expect(200);
    }
    connection
        .send(request("HEAD", "/verify", &key).as_bytes())
        .unwrap();
    connection.head().unwrap().expect(200);
    connection
        .send(request("HEAD", "/verify", &[]).as_bytes())
        .unwrap();
    connection.head().unwrap().expect(401);
    connection
        .ask("GET", "http://elsewhere/verify", &key)
        .expect(200);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    let mut connection = Connection::open(&server.address);
    let good = request("GET", "/verify", &[("api-key", &secret)]);
    let bad = request("GET", "/verify", &[]);
    let all = [&*good, &bad, &good, &bad, &good].concat();
    connection.send(all.as_bytes()).unwrap();
    for status in [200, 401, 200, 401, 200] {
        connection.answer().unwrap().expect(status);
    }
}

#[test]
fn an_unexpected_body_is_not_parsed_as_the_next_request() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    let smuggled = request("GET", "/verify", &[("api-key", &secret)]);
    let size = format!("{:x}", smuggled.len());
    let chunked = format!("{size}\r\n{smuggled}\r\n0\r\n\r\n");
    let length = smuggled.len().to_string();
    for (header, body) in [
        (("Transfer-Encoding", "chunked"), &chunked),
        (("Content-Length", &*length), &smuggled),
    ] {
        let mut connection = Connection::open(&server.address);
        let head = request("POST", "/verify", &[header]);
        connection.send((head + body).as_bytes()).unwrap();
        connection.answer().unwrap().expect(401);
        // Either the connection ends, or the next request follows.
        if connection
            .send(request("GET", "/healthz", &[]).as_bytes())
            .is_ok()
            && let Ok(answer) = connection.answer()
        {
            assert_eq!((answer.status, &*answer.body), (200, "ok\n"));
        }
    }
    let two = [("Content-Length", "5"), ("Transfer-Encoding", "chunked")];
    let mut connection = Connection::open(&server.address);
    let head = request("POST", "/verify", &two);
    connection.send((head + "0\r\n\r\n").as_bytes()).unwrap();
    assert_ne!(
        connection
            .answer()
            .map(|answer| answer.status)
            .unwrap_or(400),
        200
    );
}

#[test]
fn http_1_0_clients_are_answered_and_disconnected() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    for request in [
        format!("GET /verify HTTP/1.0\r\napi-key: {secret}\r\n\r\n"),
        request(
            "GET",
            "/verify",
            &[("api-key", &secret), ("Connection", "close")],
        ),
    ] {
        let mut connection = Connection::open(&server.address);
        connection.send(request.as_bytes()).unwrap();
        connection.answer().unwrap().expect(200);
        assert!(connection.is_at_end());
    }
    for garbage in [
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "\0\u{1}\u{2}",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut connection = Connection::open(&server.address);
        connection.send(garbage.as_bytes()).unwrap();
        connection.send(b"\r\n\r\n").unwrap();
        if let Ok(answer) = connection.answer() {
            assert!((400..600).contains(&answer.status), "{answer:?}");
        }
    }
    server.verify(&secret).expect(200);
}

#[test]
fn a_client_that_closes_its_sending_side_is_answered() {
    let sandbox = Sandbox::new();
    let secret = sandbox.generate(["api", "ci"]);
    let server = Server::start(&sandbox);
    let verify = request("GET", "/verify", &[("api-key", &secret)]);
    let health = request("GET", "/healthz", &[]);
    let proof = proof(&sandbox);
    let proof = ("Authorization", &*proof);
    let report = request("POST", "/dovecot", &[proof, ("Content-Length", "2")]) + "{}";
    // The first one takes a hash.
    for (asked, answers) in [
        (verify.clone(), 1),
        (verify.clone() + &health + &verify, 3),
        (health.clone(), 1),
        (request("GET", "/metrics", &[]), 1),
        (report.clone(), 1),
        (verify.clone() + "GET /verify HTTP/1.1\r\nHost: a\r\n", 1),
        (report[..report.len() - 1].to_owned(), 0),
        (String::new(), 0),
    ] {
        let start = Instant::now();
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.write_all(asked.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let count = answer.matches("HTTP/1.1 200 OK").count();
        let refused = answer.matches("HTTP/1.1 40").count();
        assert!(
            count + refused >= answers && count <= answers,
            "{asked}: {answer}"
        );
        assert!(start.elapsed() < Duration::from_secs(5), "{asked}");
    }
}
