//! How much work scanning a text is.

use super::*;

/// How many bytes are scanned for a text: those of all its readings, and of the candidates in them.
fn work(text: &[u8]) -> usize {
    let mut work = 0;
    walk(text, &mut |reading| {
        work += reading.view.bytes().len() + MAX_WORD * candidates(reading).count();
    });
    work
}

#[test]
fn the_work_is_linear_in_the_text() {
    const SHORT: usize = 32 << 10;
    for filler in [
        "xkeyaa-0123456789",
        "xkeyaa-0123456789\n",
        "xkeyaa-",
        "xkey",
        "eGtleX",
        "UTFGQlFV",
        "AAAA",
        "7878",
        "00000000: 7878\n",
        "00000000: 7878\nnone\n",
        "120,",
        "120, 0x78, 78, 01111000, ",
        "%25",
        "\\u005c",
        "\\\\",
        "&amp;",
        "-\n",
        "\n-abcdefghijklmnop",
        "\n+abcdefghijklmnop",
        "\u{ad}",
        "\x1b]",
        "\"   ",
        "\" + \"",
        "a\0",
    ] {
        let of =
            |length: usize| work(&filler.repeat(1 + length / filler.len()).as_bytes()[..length]);
        let (short, long) = (of(SHORT), of(4 * SHORT));
        assert!(long <= 5 * short, "{filler:?}: {short}, {long}");
        assert!(long <= 50 * 4 * SHORT, "{filler:?}: {long}");
    }
}
