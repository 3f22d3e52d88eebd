//! Secrets in pasted text: from standard input, however much there is, or typed unseen.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;

use crate::context::Context;
use crate::error::Error;
use crate::key::{Digest, HashMemory, Malformed, ScanFinding, Scanner, Secret, Tail, Unreadable};
use crate::vault::{PastOwner, StoredSecret, Vault};
use crate::verify::{SecretMatch, match_secret};

/// How many different secrets that are nobody's are told apart; of more, only the number is
/// known.
const MAX_CANDIDATES: usize = 10_000;

/// What was found in a text.
pub struct SecretSearch {
    /// Whether there was no text at all.
    pub is_empty: bool,
    /// Each secret once, in the order in which they were seen first.
    pub findings: Vec<SecretFinding>,
    /// What looks like a secret and is none.
    pub misspelt: Option<MalformedSecrets>,
    /// How often secrets of nobody were seen after the [`MAX_CANDIDATES`] that are told apart.
    pub uncounted: u64,
    /// What could hold a secret and could not be read.
    pub unreadable: Option<Unreadable>,
    /// How many lines the text had.
    pub lines: u64,
    /// The vault, if it had to be asked.
    pub vault: Option<Vault>,
    /// What ended the search before the text did.
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

/// A secret, and where it was seen.
pub struct SecretFinding {
    pub tail: Tail,
    pub matched: SecretMatch,
    /// How often.
    pub count: u64,
    /// In which line first.
    pub line: u64,
}

impl SecretSearch {
    /// Whose the secrets seem to have been that are nobody's now, by their tails.
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

    /// Says what a secret may be hidden in.
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
    /// Whether it is, or was, a key's of this vault.
    pub fn belongs_here(&self) -> bool {
        self.matched.secret().is_ok() || self.matched.dead().is_some()
    }
}

/// What looks like secrets with a mistake.
#[derive(Clone, Copy)]
pub struct MalformedSecrets {
    /// What is wrong with the first.
    pub why: Malformed,
    pub count: u64,
    pub line: u64,
}

/// What is asked on a terminal, and said where nobody can be asked.
pub struct PromptText {
    pub question: &'static str,
    pub hint: &'static str,
}

/// A search under way.
struct SearchRun<'a, A> {
    context: &'a Context,
    open: fn(&Context) -> Result<Vault, Error>,
    act: A,
    memory: HashMemory,
    /// Where in the findings a secret is, by its digest.
    places: HashMap<Digest, usize>,
    result: SecretSearch,
}

/// Looks for secrets in standard input, or in what is typed unseen.
///
/// The vault is opened by `open` when the first is found, and not locked while more text is
/// waited for. `act` learns at once of each that is a key's, current or not.
///
/// # Errors
/// If nobody can be asked. What goes wrong later is in [`SecretSearch::failure`].
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
    /// Not through std's buffer, in which a copy of a secret would stay.
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

    /// Each secret is looked up once, however often it is seen.
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
