//! Finding secrets in any text: a stream of bytes that is taken in piece by piece, however long
//! it and its lines are, in memory of a fixed size.
//!
//! What stands around a secret does not matter: the checksum decides. In each piece escapes,
//! colours, line breaks and the like are undone, then base64, hex, dumps and lists, and what was
//! encoded in these (see [`walk()`]); each text that comes of it is searched for what a secret begins with.

mod base64;
mod candidate;
mod decoded;
mod dump;
mod escape;
mod layout;
mod likely;
mod list;
mod near;
mod parts;
mod pattern;
mod view;
mod walk;

use memchr::memchr_iter;
use strum::VariantArray;
use zeroize::Zeroizing;

pub(super) use candidate::spans;

use super::Kind;
use super::secret::{Malformed, Secret, find_shape};
use candidate::{Candidate, CandidateText, candidates};
use parts::MAX_WORD;
use walk::{TextReading, walk};

/// How much is taken in at once, in bytes.
const CHUNK: usize = 256 << 10;

/// How far behind its beginning a secret may end: enough for any two encodings of all of it. A
/// longer one is found unless a piece ends in it.
const OVERLAP: usize = 16 << 10;

/// Something that was found, and the line that it begins in, counted from 1.
#[derive(Debug)]
pub struct ScanFinding {
    /// A secret, or what is wrong with what looks like one.
    pub found: Result<Secret, Malformed>,
    /// The line.
    pub line: u64,
}

/// What could hold a secret and cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// What the first of them is, as in `gzip`.
    pub what: &'static str,
    /// The line that it begins in, counted from 1.
    pub line: u64,
}

/// A search through a stream.
#[derive(Debug)]
pub struct Scanner {
    /// What was taken in and may still begin a secret. It never grows, so that no copy of a
    /// secret stays behind.
    buffer: Zeroizing<Vec<u8>>,
    progress: ScanProgress,
    unreadable: Option<Unreadable>,
}

/// How far the search has come; places are counted from the buffer's beginning.
#[derive(Debug, Default)]
struct ScanProgress {
    /// Up to where there is text.
    filled: usize,
    /// From where on a secret is one that was not told.
    untold: usize,
    /// Up to where the last of what was told for good reaches.
    covered: usize,
    /// Up to where line ends were counted.
    counted: usize,
    line_ends: u64,
}

/// What was found at a place, before it is told.
struct ScanHit {
    start: usize,
    end: usize,
    what: HitKind,
}

enum HitKind {
    Secret(Secret),
    Fault(Malformed),
    Unreadable(&'static str),
}

impl Default for Scanner {
    fn default() -> Self {
        Self::with_buffer(CHUNK + OVERLAP)
    }
}

impl Scanner {
    fn with_buffer(buffer: usize) -> Self {
        Self {
            buffer: Zeroizing::new(vec![0; buffer]),
            progress: ScanProgress::default(),
            unreadable: None,
        }
    }

    /// All secrets that are whole in a text.
    pub fn secrets_in(text: &[u8]) -> Vec<Secret> {
        let (mut scanner, mut found, mut rest) = (Self::default(), Vec::new(), text);
        loop {
            let (buffer, read) = (scanner.buffer(), rest.len());
            let read = read.min(buffer.len());
            buffer[..read].copy_from_slice(&rest[..read]);
            rest = &rest[read..];
            scanner.advance(read, |finding| found.extend(finding.found));
            if read == 0 {
                return found;
            }
        }
    }

    /// Where the next bytes of the stream go.
    pub fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffer[self.progress.filled..]
    }

    /// Looks through what was read into [`Scanner::buffer`]; no bytes are the end of the stream.
    ///
    /// A secret is seen as soon as it is whole. What is none may become one with what comes
    /// next, and so is told a little later.
    pub fn advance(&mut self, read: usize, mut see: impl FnMut(ScanFinding)) {
        self.progress.filled += read;
        let filled = self.progress.filled;
        let decided = match read {
            0 => filled,
            _ => filled.saturating_sub(OVERLAP),
        };
        let text = &self.buffer[..filled];
        let progress = &mut self.progress;
        let mut covered = progress.covered;
        for ScanHit { start, end, what } in found(text) {
            let is_decided = start < decided;
            let found = match what {
                HitKind::Unreadable(what) if is_decided && self.unreadable.is_none() => {
                    let line = progress.line(text, start);
                    self.unreadable = Some(Unreadable { what, line });
                    continue;
                }
                HitKind::Secret(secret) => Ok(secret),
                HitKind::Fault(fault) if is_decided && start >= covered => Err(fault),
                _ => continue,
            };
            covered = covered.max(end);
            if is_decided {
                progress.covered = covered;
            }
            if found.is_ok() && start < progress.untold {
                continue;
            }
            progress.untold = progress.untold.max(end);
            let line = progress.line(text, start);
            see(ScanFinding { found, line });
        }
        self.forget(decided);
    }

    /// How many lines there were, with one that has no end.
    pub fn lines(&self) -> u64 {
        self.progress.line_ends + 1
    }

    /// The first of what could hold a secret and could not be read.
    pub fn unreadable(&self) -> Option<Unreadable> {
        self.unreadable
    }

    /// Drops the text before a place, which the next bytes cannot change any more.
    fn forget(&mut self, decided: usize) {
        let progress = &mut self.progress;
        progress.count(&self.buffer, decided);
        self.buffer.copy_within(decided..progress.filled, 0);
        progress.filled -= decided;
        progress.untold = progress.untold.saturating_sub(decided);
        progress.covered = progress.covered.saturating_sub(decided);
        progress.counted -= decided;
    }
}

/// All that is in a text, from left to right.
fn found(text: &[u8]) -> Vec<ScanHit> {
    let mut all = Vec::new();
    let left = walk(text, &mut |place| {
        all.extend(candidates(place).filter_map(|(at, one)| judge(at, &one, place, text)));
    });
    all.extend(left.map(|start| ScanHit {
        start,
        end: start,
        what: HitKind::Unreadable("deeply encoded"),
    }));
    // A secret says more than what another reading makes of it.
    all.sort_by_key(|found| (found.start, !matches!(found.what, HitKind::Secret(_))));
    all
}

fn judge(
    at: usize,
    candidate: &Candidate<'_>,
    place: &TextReading<'_>,
    text: &[u8],
) -> Option<ScanHit> {
    let start = place.layer.raw_range(at..at + 1).start;
    let (what, length) = match candidate {
        Candidate::Unreadable(what) => (HitKind::Unreadable(what), 1),
        Candidate::Secret(likely) => match likely.secret() {
            Some(secret) => (HitKind::Secret(secret), likely.nearly()?),
            None => (HitKind::Fault(fault(likely, &text[start..])?), 1),
        },
    };
    let end = place.layer.raw_range(at..at + length).end;
    Some(ScanHit { start, end, what })
}

impl ScanProgress {
    /// The line that a place is in.
    fn line(&mut self, text: &[u8], place: usize) -> u64 {
        self.count(text, place);
        self.line_ends + 1 - line_ends(&text[place..self.counted])
    }

    /// Counts the line ends up to a place.
    fn count(&mut self, text: &[u8], place: usize) {
        if let Some(new) = text.get(self.counted..place) {
            self.line_ends += line_ends(new);
            self.counted = place;
        }
    }
}

fn line_ends(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}

impl CandidateText<'_> {
    /// The secret that it is, if its checksum is right.
    fn secret(&self) -> Option<Secret> {
        Secret::parse(find_shape(self.0)?).ok()
    }

    /// What is wrong with what is nearly a secret.
    fn fault(&self) -> Option<Malformed> {
        let text = &self.0[..near::length(self.0)?];
        Secret::parse(std::str::from_utf8(text).ok()?).err()
    }
}

/// What is wrong with what looks like a secret; the text begins where it does.
fn fault(likely: &CandidateText<'_>, text: &[u8]) -> Option<Malformed> {
    let mut prefixes = Kind::VARIANTS.iter().map(|kind| kind.prefix().as_bytes());
    if prefixes.any(|prefix| text.starts_with(prefix)) {
        return misspelt(&text[..text.len().min(MAX_WORD)]);
    }
    likely.fault()
}

/// What is wrong with a word that looks like a secret; `None` for what does not, or holds another
/// beginning, which tells more.
fn misspelt(text: &[u8]) -> Option<Malformed> {
    let is_within = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let length = text.iter().take_while(|byte| is_within(byte)).count();
    let text = std::str::from_utf8(&text[..length]).ok()?;
    let brand = text.split('-').next()?;
    let begins_again = |kind: &Kind| brand[1..].contains(kind.prefix());
    if Kind::VARIANTS.iter().any(begins_again) || near::length(text.as_bytes()).is_none() {
        return None;
    }
    Secret::parse(text).err()
}

#[cfg(test)]
mod tests;
