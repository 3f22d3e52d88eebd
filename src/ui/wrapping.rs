//! Wraps sentences to fit the terminal.

use console::Term;
use textwrap::core::Word;
use textwrap::{Options, WordSeparator};

/// The text wrapped to fit the terminal on standard error; unchanged without a terminal.
pub(super) fn fitted(text: &str) -> String {
    match Term::stderr().size_checked() {
        Some((_, columns)) => wrapped(text, columns.into()),
        None => text.to_owned(),
    }
}

/// The text wrapped to this many columns. Text in backquotes, a command or a path, is never broken,
/// so that it can be copied.
fn wrapped(text: &str, columns: usize) -> String {
    let options = Options::new(columns)
        .break_words(false)
        .word_separator(WordSeparator::Custom(words));
    textwrap::fill(text, options)
}

fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut is_quoted = false;
    let ends_word = move |letter: char| {
        is_quoted ^= letter == '`';
        letter == ' ' && !is_quoted
    };
    Box::new(line.split_inclusive(ends_word).map(Word::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_between_words_but_not_within_backquotes() {
        for (text, lines) in [
            ("", vec![""]),
            ("short", vec!["short"]),
            ("one two three", vec!["one two", "three"]),
            ("one `two three`", vec!["one", "`two three`"]),
            (
                "`postkey list --names` shows them",
                vec!["`postkey list --names`", "shows them"],
            ),
            ("an unpaired ` in it", vec!["an", "unpaired", "` in it"]),
            ("übergröße wörter", vec!["übergröße", "wörter"]),
        ] {
            let wrapped = wrapped(text, 10);
            assert_eq!(wrapped.split('\n').collect::<Vec<_>>(), lines);
        }
    }
}
