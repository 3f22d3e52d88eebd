//! Searches text for secrets: standard input of any size, or typed without echo.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;

use crate::context::Context;
use crate::error::Error;
use crate::key::{Digest, HashMemory, Malformed, ScanFinding, Scanner, Secret, Tail, Unreadable};
use crate::vault::{PastOwner, StoredSecret, Vault};
use crate::verify::{SecretMatch, match_secret};

/// How many different unknown secrets are listed; the rest are only counted.
const MAX_CANDIDATES: usize = 10_000;

/// The result of a search.
pub struct SecretSearch {
    /// Whether the input was empty.
    pub is_empty: bool,
    /// Each secret once, in the order of their first occurrence.
    pub findings: Vec<SecretFinding>,
    /// Malformed secrets.
    pub misspelt: Option<MalformedSecrets>,
    /// How many unknown secrets occurred after the first [`MAX_CANDIDATES`] different ones.
    pub uncounted: u64,
    /// Parts that may contain secrets, but could not be decoded.
    pub unreadable: Option<Unreadable>,
    /// The number of lines.
    pub lines: u64,
    /// The vault, if it was needed.
    pub vault: Option<Vault>,
    /// The error that ended the search early.
    pub failure: Option<Error>,
}

impl Default for SecretSearch {
    fn default() -> Self {
        Self {
            is_empty: true,
            findings: Vec::new(),
            misspelt: None,
            uncounted: 0,
            unreadable: None,
            lines: 0,
            vault: None,
            failure: None,
        }
    }
}

/// A secret and its occurrences.
pub struct SecretFinding {
    pub tail: Tail,
    pub matched: SecretMatch,
    /// The number of occurrences.
    pub count: u64,
    /// The line of the first occurrence.
    pub line: u64,
}

impl SecretSearch {
    /// Who probably owned unknown secrets in the past, by their tails.
    pub fn past_owners(&self) -> Result<HashMap<String, PastOwner>, Error> {
        let nobodys = self
            .findings
            .iter()
            .filter(|finding| !finding.belongs_here());
        let tails: Vec<&Tail> = nobodys.map(|finding| &finding.tail).collect();
        match &self.vault {
            Some(vault) => Ok(vault.past_owners(&tails)?),
            None => Ok(HashMap::new()),
        }
    }

    /// Warns of encodings in which a secret may be hidden.
    pub fn warn_of_unreadable(&self, context: &Context) {
        if let Some(Unreadable { what, line }) = self.unreadable {
            context.ui.warn(format!(
                "{what} data was not searched, first on line {line}: \
                 decode, decompress or decrypt it, and search the result"
            ));
        }
    }
}

impl SecretFinding {
    /// Whether it is or was a secret of this vault.
    pub fn belongs_here(&self) -> bool {
        self.matched.secret().is_ok() || self.matched.dead().is_some()
    }
}

/// Malformed secrets.
#[derive(Clone, Copy)]
pub struct MalformedSecrets {
    /// The defect of the first.
    pub why: Malformed,
    pub count: u64,
    pub line: u64,
}

/// The prompt on a terminal, and the error where there is none.
pub struct PromptText {
    pub question: &'static str,
    pub hint: &'static str,
}

/// A search in progress.
struct SearchRun<'a, A> {
    context: &'a Context,
    open: fn(&Context) -> Result<Vault, Error>,
    act: A,
    memory: HashMemory,
    /// The index of each secret's finding, by its digest.
    places: HashMap<Digest, usize>,
    result: SecretSearch,
}

/// Searches standard input, or text typed without echo, for secrets.
///
/// Opens the vault with `open` at the first secret, and does not lock it while waiting for more
/// text. Calls `act` as soon as a secret of a key is found, current or not.
///
/// # Errors
/// If prompting is impossible. Later errors are in [`SecretSearch::failure`].
pub fn search<A>(
    asking: &PromptText,
    context: &Context,
    open: fn(&Context) -> Result<Vault, Error>,
    act: A,
) -> Result<SecretSearch, Error>
where
    A: FnMut(&StoredSecret, &mut Vault) -> Result<(), Error>,
{
    context.expect_own_home()?;
    let mut search = SearchRun {
        context,
        open,
        act,
        memory: HashMemory::default(),
        places: HashMap::new(),
        result: SecretSearch::default(),
    };
    let outcome = if io::stdin().is_terminal() {
        let missing = "no secret given";
        context.ui.expect_interactive(missing, asking.hint)?;
        let typed = context.ui.hidden(asking.question)?.unwrap_or_default();
        search.read(typed.as_bytes())
    } else {
        search.read_input()
    };
    let outcome = match search.result.vault {
        Some(_) => outcome,
        None => outcome.and_then(|()| context.expect_vault()),
    };
    search.result.failure = outcome.err();
    Ok(search.result)
}

impl<A> SearchRun<'_, A>
where
    A: FnMut(&StoredSecret, &mut Vault) -> Result<(), Error>,
{
    /// Unbuffered, since std's buffer would keep a copy of a secret.
    fn read_input(&mut self) -> Result<(), Error> {
        let input = io::stdin().as_fd().try_clone_to_owned();
        self.read(File::from(input.map_err(|error| unreadable(&error))?))
    }

    fn read(&mut self, mut input: impl Read) -> Result<(), Error> {
        let mut scanner = Scanner::default();
        let mut findings = Vec::new();
        loop {
            let read = match input.read(scanner.buffer()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                outcome => outcome.map_err(|error| unreadable(&error))?,
            };
            self.result.is_empty &= read == 0;
            scanner.advance(read, |finding| findings.push(finding));
            for finding in findings.drain(..) {
                self.take(finding)?;
            }
            if read == 0 {
                self.result.lines = scanner.lines();
                self.result.unreadable = scanner.unreadable();
                return Ok(());
            }
        }
    }

    fn take(&mut self, finding: ScanFinding) -> Result<(), Error> {
        match finding.found {
            Ok(secret) => self.take_secret(&secret, finding.line),
            Err(why) => {
                let (line, count) = (finding.line, 0);
                let misspelt = &mut self.result.misspelt;
                misspelt
                    .get_or_insert(MalformedSecrets { why, count, line })
                    .count += 1;
                Ok(())
            }
        }
    }

    /// Each secret is looked up once, however often it occurs.
    fn take_secret(&mut self, secret: &Secret, line: u64) -> Result<(), Error> {
        let digest = Digest::of(secret);
        if let Some(&place) = self.places.get(&digest) {
            self.result.findings[place].count += 1;
            return Ok(());
        }
        let matched = self.match_secret(secret)?;
        if self.places.len() >= MAX_CANDIDATES && matched.secret().is_err() {
            self.result.uncounted += 1;
            return Ok(());
        }
        if let (Ok(presented), Some(vault)) = (matched.secret(), &mut self.result.vault) {
            (self.act)(presented, vault)?;
        }
        self.places.insert(digest, self.result.findings.len());
        self.result.findings.push(SecretFinding {
            tail: secret.tail(),
            matched,
            count: 1,
            line,
        });
        Ok(())
    }

    fn match_secret(&mut self, secret: &Secret) -> Result<SecretMatch, Error> {
        let opened = match self.result.vault.take() {
            Some(opened) => Ok(opened),
            None => (self.open)(self.context),
        };
        let vault = self.result.vault.insert(opened?);
        let look_up = |tail: &Tail| vault.stored(tail);
        Ok(match_secret(secret.expose(), look_up, &mut self.memory)?)
    }
}

fn unreadable(error: &io::Error) -> Error {
    Error::usage(format!("cannot read standard input: {error}"))
}
