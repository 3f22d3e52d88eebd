//! Finds secrets in a stream of bytes of any length, with lines of any length, in constant memory.
//!
//! The context of a secret does not matter, since the checksum decides. In each chunk, escapes,
//! colors, line breaks and the like are undone, then base64, hex, dumps and lists, and what was
//! encoded in these (see [`walk()`]); each resulting text is searched for prefixes of secrets.

mod base64;
mod candidate;
mod decoded;
mod dump;
mod escape;
mod layout;
mod list;
mod malformed;
mod parts;
mod pattern;
mod text_score;
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

/// How much is read at once, in bytes.
const CHUNK: usize = 256 << 10;

/// How far from its start an encoded secret may end: enough for any two nested encodings. A longer
/// one is found unless it crosses the end of a chunk.
const OVERLAP: usize = 16 << 10;

/// A finding and its line, from 1.
#[derive(Debug)]
pub struct ScanFinding {
    /// A secret, or the defect of a malformed one.
    pub found: Result<Secret, Malformed>,
    /// The line.
    pub line: u64,
}

/// Something that may contain a secret, but cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// What the first such is: `gzip`
    pub what: &'static str,
    /// The line of the first, from 1.
    pub line: u64,
}

/// Scans a stream for secrets.
#[derive(Debug)]
pub struct Scanner {
    /// The text in which a secret may still begin. It never grows, which would leave copies of a
    /// secret behind.
    buffer: Zeroizing<Vec<u8>>,
    progress: ScanProgress,
    unreadable: Option<Unreadable>,
}

/// The progress of the search, as offsets in the buffer.
#[derive(Debug, Default)]
struct ScanProgress {
    /// The end of the text.
    filled: usize,
    /// Secrets before this offset have been reported.
    unreported: usize,
    /// The end of the last secret that was finally reported.
    covered: usize,
    /// Up to where line ends were counted.
    counted: usize,
    line_ends: u64,
}

/// A finding at an offset, before it is reported.
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

    /// All valid secrets in a text.
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

    /// The buffer for the next bytes of the stream.
    pub fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffer[self.progress.filled..]
    }

    /// Scans the bytes that were read into [`Scanner::buffer`]; none are the end of the stream.
    ///
    /// A secret is reported as soon as it is complete. A malformed one is reported later, since
    /// more text could complete it.
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
            if found.is_ok() && start < progress.unreported {
                continue;
            }
            progress.unreported = progress.unreported.max(end);
            let line = progress.line(text, start);
            see(ScanFinding { found, line });
        }
        self.forget(decided);
    }

    /// The number of lines, including an unterminated one.
    pub fn lines(&self) -> u64 {
        self.progress.line_ends + 1
    }

    /// The first thing that may contain a secret, but cannot be decoded.
    pub fn unreadable(&self) -> Option<Unreadable> {
        self.unreadable
    }

    /// Drops the text before an offset, which further bytes cannot affect.
    fn forget(&mut self, decided: usize) {
        let progress = &mut self.progress;
        progress.count(&self.buffer, decided);
        self.buffer.copy_within(decided..progress.filled, 0);
        progress.filled -= decided;
        progress.unreported = progress.unreported.saturating_sub(decided);
        progress.covered = progress.covered.saturating_sub(decided);
        progress.counted -= decided;
    }
}

/// All findings in a text, in order.
fn found(text: &[u8]) -> Vec<ScanHit> {
    let mut all = Vec::new();
    let left = walk(text, &mut |reading| {
        all.extend(candidates(reading).filter_map(|(at, one)| judge(at, &one, reading, text)));
    });
    all.extend(left.map(|start| ScanHit {
        start,
        end: start,
        what: HitKind::Unreadable("deeply encoded"),
    }));
    // A secret takes precedence over another reading of the same text.
    all.sort_by_key(|found| (found.start, !matches!(found.what, HitKind::Secret(_))));
    all
}

fn judge(
    at: usize,
    candidate: &Candidate<'_>,
    reading: &TextReading<'_>,
    text: &[u8],
) -> Option<ScanHit> {
    let start = reading.layer.raw_range(at..at + 1).start;
    let (what, length) = match candidate {
        Candidate::Unreadable(what) => (HitKind::Unreadable(what), 1),
        Candidate::Secret(text_score) => match text_score.secret() {
            Some(secret) => (HitKind::Secret(secret), text_score.malformed_length()?),
            None => (HitKind::Fault(fault(text_score, &text[start..])?), 1),
        },
    };
    let end = reading.layer.raw_range(at..at + length).end;
    Some(ScanHit { start, end, what })
}

impl ScanProgress {
    /// The line of an offset.
    fn line(&mut self, text: &[u8], reading: usize) -> u64 {
        self.count(text, reading);
        self.line_ends + 1 - line_ends(&text[reading..self.counted])
    }

    /// Counts the line ends up to an offset.
    fn count(&mut self, text: &[u8], reading: usize) {
        if let Some(new) = text.get(self.counted..reading) {
            self.line_ends += line_ends(new);
            self.counted = reading;
        }
    }
}

fn line_ends(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}

impl CandidateText<'_> {
    /// The secret, if its checksum matches.
    fn secret(&self) -> Option<Secret> {
        Secret::parse(find_shape(self.0)?).ok()
    }

    /// The defect of a malformed secret.
    fn fault(&self) -> Option<Malformed> {
        let text = &self.0[..malformed::length(self.0)?];
        Secret::parse(std::str::from_utf8(text).ok()?).err()
    }
}

/// The defect of something that looks like a secret, at the start of a text.
fn fault(text_score: &CandidateText<'_>, text: &[u8]) -> Option<Malformed> {
    let mut prefixes = Kind::VARIANTS.iter().map(|kind| kind.prefix().as_bytes());
    if prefixes.any(|prefix| text.starts_with(prefix)) {
        return misspelt(&text[..text.len().min(MAX_WORD)]);
    }
    text_score.fault()
}

/// The defect of a word that looks like a secret; `None` if it does not, or contains another
/// prefix, which gives a better answer.
fn misspelt(text: &[u8]) -> Option<Malformed> {
    let is_within = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let length = text.iter().take_while(|byte| is_within(byte)).count();
    let text = std::str::from_utf8(&text[..length]).ok()?;
    let brand = text.split('-').next()?;
    let begins_again = |kind: &Kind| brand[1..].contains(kind.prefix());
    if Kind::VARIANTS.iter().any(begins_again) || malformed::length(text.as_bytes()).is_none() {
        return None;
    }
    Secret::parse(text).err()
}

#[cfg(test)]
mod tests;
