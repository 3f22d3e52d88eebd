//! How often an API key may be used.

use std::fmt;
use std::str::FromStr;

use super::Invalid;

/// Requests a window of time, or no limit at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// As often as it likes.
    None,
    /// At most so many requests in each window.
    Requests {
        /// How many; at least 1.
        count: u32,
        /// In which window.
        window: Window,
    },
}

/// A fixed window on the clock, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// From second 0 to second 59.
    Minute,
    /// From minute 0 to minute 59.
    Hour,
    /// From midnight to midnight.
    Day,
}

impl Window {
    const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    fn word(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Requests { count, window } => write!(f, "{count}/{}", window.word()),
        }
    }
}

impl FromStr for Limit {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == "none" {
            return Ok(Self::None);
        }
        requests(text).ok_or_else(|| {
            let rule = "a limit is a number of requests from 1 to 4294967295 and a window";
            Invalid::new("a limit", text, rule)
                .hint("write `300/day`, `1000/hour`, `20/minute`, or `none`")
        })
    }
}

fn requests(text: &str) -> Option<Limit> {
    let (count, window) = text.split_once('/')?;
    let window = Window::ALL
        .into_iter()
        .find(|known| known.word() == window)?;
    let digits_only = count.bytes().all(|byte| byte.is_ascii_digit());
    let count = count
        .parse()
        .ok()
        .filter(|&count| count > 0 && digits_only)?;
    Some(Limit::Requests { count, window })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_read_back_as_they_are_written() {
        for text in [
            "300/day",
            "1000/hour",
            "20/minute",
            "none",
            "4294967295/day",
        ] {
            assert_eq!(text.parse::<Limit>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn nothing_else_is_a_limit() {
        for text in [
            "",
            "0/day",
            "-1/day",
            "+1/day",
            "300",
            "300/week",
            "1.5/day",
            "4294967296/day",
            "None",
        ] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }
}
