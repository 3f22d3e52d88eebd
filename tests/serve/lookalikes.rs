//! Wrong secrets with the tail of a valid one.

/// Secrets with the same tail as a valid one, and so with the same checksum.
///
/// A CRC is linear: finding bits of the text that can be flipped without changing it means solving
/// 32 equations. The bits are the lowest ones of those hexadecimal digits that stay digits when
/// flipped.
pub struct Lookalikes {
    good: Vec<u8>,
    /// Sets of bits, by position, each of which may be flipped.
    turns: Vec<u64>,
    next: u64,
}

const BODY: std::ops::Range<usize> = 9..73;

impl Lookalikes {
    pub fn of(good: &str) -> Self {
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
