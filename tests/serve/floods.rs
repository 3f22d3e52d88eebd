//! Floods of wrong secrets.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::http::{Connection, request};
use super::server::Server;
use crate::sandbox::Sandbox;
use crate::secrecy::watch::wait_for;

/// How many connections the flood comes by.
const FLOODING: usize = 200;

/// How much memory it may cost at most, in KiB; hashes alone take 19 MiB each.
const MEMORY: u64 = 150_000;

const MISMATCHES: &str = "postkey_requests_total{path=\"/verify\",verdict=\"mismatch\"}";

#[test]
fn a_flood_for_one_key_keeps_no_other_waiting() {
    let sandbox = Sandbox::new();
    let target = sandbox.generate(["api", "target"]);
    let other = sandbox.generate(["api", "other"]);
    let server = Server::start(&sandbox);
    let forged: Vec<String> = Lookalikes::of(&target).take(20_000).collect();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for share in forged.chunks(forged.len() / FLOODING) {
            scope.spawn(|| flood(&server.address, share, &is_over));
        }
        wait_for("a flood", || server.metric(MISMATCHES) > 5);
        let before = server.metric(MISMATCHES);
        server.verify(&other).expect(200);
        let hashed = server.metric(MISMATCHES) - before;
        is_over.store(true, Ordering::SeqCst);
        assert!(hashed < 20, "it waited for {hashed} others");
    });
    server.verify(&target).expect(200);
    let status = fs::read_to_string(format!("/proc/{}/status", server.daemon.0.id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    let most: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(most < MEMORY, "{most} KiB");
}

fn flood(address: &str, secrets: &[String], is_over: &AtomicBool) {
    let mut connection = Connection::open(address);
    for secret in secrets {
        let head = request("GET", "/verify", &[("api-key", secret)]);
        connection.send(head.as_bytes()).unwrap();
        if is_over.load(Ordering::SeqCst) {
            return;
        }
        // Whoever floods may wait for longer than they care to.
        let Ok(answer) = connection.answer() else {
            return;
        };
        assert_eq!(answer.status, 401);
    }
}

/// Secrets with the same tail, and so the same checksum, as a good one.
///
/// A CRC is linear: which bits of the text it takes to leave it as it is, is a matter of
/// solving 32 equations. The bits are the lowest ones of those hexadecimal digits that are
/// still one with it turned.
struct Lookalikes {
    good: Vec<u8>,
    /// Sets of bits, by position, each of which may be turned.
    turns: Vec<u64>,
    next: u64,
}

const BODY: std::ops::Range<usize> = 9..73;

impl Lookalikes {
    fn of(good: &str) -> Self {
        let good = good.as_bytes().to_vec();
        let checksum = |text: &[u8]| crc32fast::hash(&text[..text.len() - 6]);
        let mut rows: Vec<(u32, u64)> = Vec::new();
        let mut turns = Vec::new();
        for at in BODY.filter(|&at| (good[at] ^ 1).is_ascii_hexdigit()) {
            let mut turned = good.clone();
            turned[at] ^= 1;
            let (mut change, mut set) =
                (checksum(&turned) ^ checksum(&good), 1 << (at - BODY.start));
            for (pivot, with) in &rows {
                if change & (1 << pivot.ilog2()) != 0 {
                    (change, set) = (change ^ pivot, set ^ with);
                }
            }
            if change == 0 {
                turns.push(set);
            } else {
                rows.push((change, set));
            }
        }
        Self {
            good,
            turns,
            next: 1,
        }
    }
}

impl Iterator for Lookalikes {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let chosen = self
            .turns
            .iter()
            .enumerate()
            .filter(|(bit, _)| self.next & (1 << bit) != 0);
        let set = chosen.fold(0, |all, (_, set)| all ^ set);
        self.next += 1;
        let mut text = self.good.clone();
        for at in BODY.filter(|at| set & (1 << (at - BODY.start)) != 0) {
            text[at] ^= 1;
        }
        Some(String::from_utf8(text).unwrap())
    }
}
