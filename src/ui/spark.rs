//! Counts as a line of small bars.

/// The bars, the lowest first.
const COLUMNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The character for a count of 0.
const ZERO: char = '.';

/// One character per count, scaled to the maximum; empty if all are 0.
pub(super) fn line(counts: &[u32]) -> String {
    let greatest = counts.iter().copied().max().unwrap_or(0);
    if greatest == 0 {
        return String::new();
    }
    counts
        .iter()
        .map(|&count| column(count, greatest))
        .collect()
}

/// A count above 0 never looks like 0.
fn column(count: u32, greatest: u32) -> char {
    let height = (u64::from(count) * COLUMNS.len() as u64).div_ceil(u64::from(greatest));
    match height {
        0 => ZERO,
        height => COLUMNS[height as usize - 1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bars_are_scaled_and_small_counts_visible() {
        assert_eq!(line(&[0, 1, 50, 100, 1000]), ".▁▁▁█");
        assert_eq!(line(&[1, 2, 3, 4, 5, 6, 7, 8]), "▁▂▃▄▅▆▇█");
        assert_eq!(line(&[0, 3]), ".█");
        assert_eq!(line(&[0, 0, 0]), "");
        assert_eq!(line(&[]), "");
    }

    proptest! {
        #[test]
        fn a_line_is_as_long_as_its_counts_and_keeps_their_order(
            counts in prop::collection::vec(any::<u32>(), 1..40)
        ) {
            let visible: Vec<char> = line(&counts).chars().collect();
            prop_assert!(visible.is_empty() || visible.len() == counts.len());
            let pairs: Vec<_> = counts.iter().zip(&visible).collect();
            for pair in pairs.windows(2) {
                let [(count, column), (next_count, next_column)] = pair else { continue };
                prop_assert!(count > next_count || column <= next_column);
            }
        }
    }
}
