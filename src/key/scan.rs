//! Finding secrets in any text: a stream of bytes that is taken in piece by piece, however long
//! it and its lines are, in memory of a fixed size.
//!
//! What stands around a secret does not matter: the checksum decides. One that a mail program
//! or a terminal broke into lines is found, too.

use aho_corasick::AhoCorasick;
use memchr::memchr_iter;
use zeroize::Zeroizing;

use super::Kind;
use super::secret::{LONGEST, Malformed, Secret, shaped};
use super::text::has_secret_body;

/// How much is taken in at once, in bytes.
const PIECE: usize = 256 << 10;

/// How far behind its beginning a secret may end, with what was put between its characters.
const REACH: usize = LONGEST + 60;

/// Something that was found, and the line that it begins in, counted from 1.
#[derive(Debug)]
pub struct Sight {
    /// A secret, or what is wrong with what looks like one.
    pub found: Result<Secret, Malformed>,
    /// The line.
    pub line: u64,
}

/// A search through a stream.
#[derive(Debug)]
pub struct Scanner {
    prefixes: AhoCorasick,
    /// What was taken in and may still begin a secret. It never grows, so that no copy of a
    /// secret stays behind.
    buffer: Zeroizing<Vec<u8>>,
    progress: Progress,
}

/// How far the search has come; places are counted from the buffer's beginning.
#[derive(Debug, Default)]
struct Progress {
    /// Up to where there is text.
    filled: usize,
    /// Up to where every beginning was judged.
    judged: usize,
    /// Up to where the last secret reaches.
    covered: usize,
    /// Up to where line ends were counted.
    counted: usize,
    line_ends: u64,
}

impl Default for Scanner {
    fn default() -> Self {
        Self {
            prefixes: AhoCorasick::new(Kind::ALL.map(Kind::prefix))
                .expect("two short words can be searched for"),
            buffer: Zeroizing::new(vec![0; PIECE + REACH]),
            progress: Progress::default(),
        }
    }
}

impl Scanner {
    /// All secrets that are whole in a text.
    pub fn secrets_in(text: &[u8]) -> Vec<Secret> {
        let (mut scanner, mut found, mut rest) = (Self::default(), Vec::new(), text);
        loop {
            let (room, read) = (scanner.room(), rest.len());
            let read = read.min(room.len());
            room[..read].copy_from_slice(&rest[..read]);
            rest = &rest[read..];
            scanner.advance(read, |sight| found.extend(sight.found));
            if read == 0 {
                return found;
            }
        }
    }

    /// Where the next bytes of the stream go.
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.buffer[self.progress.filled..]
    }

    /// Looks through what was read into [`Scanner::room`]; no bytes are the end of the stream.
    ///
    /// A secret is seen as soon as it is whole. What is none may become one with what comes
    /// next, and so is told a little later.
    pub fn advance(&mut self, read: usize, mut see: impl FnMut(Sight)) {
        self.progress.filled += read;
        let filled = self.progress.filled;
        let decided = if read == 0 {
            filled
        } else {
            filled.saturating_sub(REACH)
        };
        let text = &self.buffer[..filled];
        let from = self.progress.judged;
        for prefix in self.prefixes.find_iter(&text[from..]) {
            let start = from + prefix.start();
            let window = &text[start..filled.min(start + REACH)];
            let found = examine(window);
            if start >= decided && !matches!(found, Some(Ok(_))) {
                break;
            }
            see_at(&mut self.progress, text, start, found, &mut see);
        }
        self.forget(decided);
    }

    /// How many lines there were, with one that has no end.
    pub fn lines(&self) -> u64 {
        self.progress.line_ends + 1
    }

    /// Drops the text before a place, which the next bytes cannot change any more.
    fn forget(&mut self, decided: usize) {
        let progress = &mut self.progress;
        progress.count(&self.buffer, decided);
        self.buffer.copy_within(decided..progress.filled, 0);
        progress.filled -= decided;
        progress.judged = progress.judged.saturating_sub(decided);
        progress.covered = progress.covered.saturating_sub(decided);
        progress.counted -= decided;
    }
}

impl Progress {
    /// Counts the line ends up to a place.
    fn count(&mut self, text: &[u8], place: usize) {
        if let Some(new) = text.get(self.counted..place) {
            self.line_ends += memchr_iter(b'\n', new).count() as u64;
            self.counted = place;
        }
    }
}

/// Tells what begins at a place, unless it is but a part of a secret that was told.
fn see_at(
    progress: &mut Progress,
    text: &[u8],
    start: usize,
    found: Option<Result<Secret, Malformed>>,
    see: &mut impl FnMut(Sight),
) {
    progress.judged = start + 1;
    let Some(found) = found.filter(|found| found.is_ok() || start >= progress.covered) else {
        return;
    };
    progress.count(text, start);
    let length = found.as_ref().map_or(1, |secret| secret.expose().len());
    progress.covered = progress.covered.max(start + length);
    let line = progress.line_ends + 1;
    see(Sight { found, line });
}

/// What the bytes begin with: a secret, something that was meant as one, or neither.
fn examine(window: &[u8]) -> Option<Result<Secret, Malformed>> {
    let secret = |text: &[u8]| Secret::parse(shaped(text)?).ok();
    let whole = || begins_well(window).then(|| joined(window));
    let found = secret(window).or_else(|| secret(&whole()?));
    found.map(Ok).or_else(|| misspelt(window).map(Err))
}

/// The bytes without what breaks a line: blanks, and the marks that mail programs (RFC 2045,
/// 6.7) and shells put before a line's end.
fn unbroken(window: &[u8]) -> impl Iterator<Item = u8> {
    let is_before_end = |at: usize| matches!(window.get(at + 1), Some(b'\r' | b'\n'));
    let is_mark = move |at, byte| matches!(byte, b'=' | b'\\') && is_before_end(at);
    let bytes = window.iter().copied().enumerate();
    let kept = bytes.filter(move |&(at, byte)| !byte.is_ascii_whitespace() && !is_mark(at, byte));
    kept.map(|(_, byte)| byte)
}

/// Whether a prefix and a brand are followed by a dash and hex digits, which few words are.
fn begins_well(window: &[u8]) -> bool {
    let mut bytes = unbroken(window);
    let dash = bytes
        .by_ref()
        .take(5 + 12 + 1)
        .find(|byte| !byte.is_ascii_alphanumeric());
    dash == Some(b'-') && bytes.take(8).all(|byte| byte.is_ascii_hexdigit())
}

fn joined(window: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut joined = Zeroizing::new(Vec::with_capacity(REACH));
    joined.extend(unbroken(window));
    joined
}

/// What is wrong with what looks like a secret; `None` for what does not, or holds another
/// beginning, which tells more.
fn misspelt(window: &[u8]) -> Option<Malformed> {
    let is_within = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let length = window.iter().take_while(|byte| is_within(byte)).count();
    let text = std::str::from_utf8(&window[..length]).ok()?;
    let dash = text.find('-')?;
    let begins_again = Kind::ALL
        .iter()
        .any(|kind| text[1..dash].contains(kind.prefix()));
    if begins_again || !has_secret_body(&text.to_ascii_lowercase()) {
        return None;
    }
    Secret::parse(text).err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::rngs::SysRng;

    /// What is found in a text that comes in pieces: secrets, and lines.
    fn found(text: &[u8], piece: usize) -> Vec<(Result<String, Malformed>, u64)> {
        let mut scanner = Scanner::default();
        let mut all = Vec::new();
        for piece in text.chunks(piece).chain([&[][..]]) {
            scanner.room()[..piece.len()].copy_from_slice(piece);
            scanner.advance(piece.len(), |sight| {
                let found = sight.found.map(|secret| secret.expose().to_owned());
                all.push((found, sight.line));
            });
        }
        all
    }

    fn secret(kind: Kind, brand: &str) -> String {
        let brand = brand.parse().expect("a good brand");
        let secret = Secret::generate(kind, &brand, &mut SysRng);
        secret.expect("random numbers").expose().to_owned()
    }

    #[test]
    fn a_secret_is_found_whatever_stands_around_it() {
        let secret = secret(Kind::Api, "post");
        for (before, after) in [
            ("", ""),
            ("  \"", "\"  \r\n"),
            ("Authorization: Bearer ", "\n"),
            ("export KEY=\"", "\";"),
            ("{\"a\":\"\\n", "\\n\"}"),
            ("xkey", "xkey"),
            ("xkeypost-", "abc"),
            ("https://user:", "@example.com/"),
            ("xkeypost-0123456789ab", "-"),
        ] {
            let text = format!("{before}{secret}{after}");
            let all = found(text.as_bytes(), 7);
            let good: Vec<_> = all.iter().filter(|(found, _)| found.is_ok()).collect();
            assert_eq!(good, [&(Ok(secret.clone()), 1)], "{before:?} {after:?}");
        }
    }

    #[test]
    fn a_secret_that_was_broken_into_lines_is_found() {
        let secret = secret(Kind::Smtp, "post");
        for gap in ["\n", "\r\n  ", "=\r\n", "\\\n", " "] {
            for at in 5..secret.len() {
                let text = format!("\n{}{gap}{}\n", &secret[..at], &secret[at..]);
                assert_eq!(found(text.as_bytes(), 9), [(Ok(secret.clone()), 2)], "{at}");
            }
        }
    }

    #[test]
    fn what_was_mistyped_or_cut_short_is_told_once_with_its_line() {
        let good = secret(Kind::Api, "post");
        let wrong = good.replace(&good[20..21], if &good[20..21] == "a" { "b" } else { "a" });
        for (text, why) in [
            (wrong.clone(), Malformed::Checksum),
            (good[..60].to_owned(), Malformed::Short),
            (format!("xkey{wrong}"), Malformed::Checksum),
            (
                good.to_uppercase().replacen("XKEY", "xkey", 1),
                Malformed::Shape,
            ),
        ] {
            let text = format!("one\ntwo {text}\nthree");
            assert_eq!(found(text.as_bytes(), 50), [(Err(why), 2)], "{text}");
        }
    }

    #[test]
    fn a_brand_may_hold_a_prefix() {
        for brand in ["axkeyb", "xsmtp", "xkey", "xkeyxkeyxk"] {
            let secret = secret(Kind::Api, brand);
            assert_eq!(found(secret.as_bytes(), 1), [(Ok(secret.clone()), 1)]);
        }
    }

    #[test]
    fn ordinary_words_are_no_secrets() {
        let text = b"xkey xsmtp xkey-production-eu xkeypost- xkeypost-\xff\xfe0123 XKEYPOST";
        assert_eq!(found(text, 3), []);
    }

    proptest! {
        #[test]
        fn every_secret_is_found_wherever_the_pieces_end(
            piece in 1..400_usize,
            gaps in prop::collection::vec("[ -~\n]{0,300}", 1..6),
        ) {
            let mut text = String::new();
            let mut expected = Vec::new();
            for gap in gaps {
                text.push_str(&gap.replace('x', "y"));
                let line = text.matches('\n').count() as u64 + 1;
                let secret = secret(Kind::Smtp, "acme");
                text.push_str(&secret);
                text.push(' ');
                expected.push((Ok(secret), line));
            }
            prop_assert_eq!(found(text.as_bytes(), piece), expected);
        }

        #[test]
        fn any_bytes_are_looked_through(text in any::<Vec<u8>>(), piece in 1..50_usize) {
            found(&text, piece);
        }
    }
}
