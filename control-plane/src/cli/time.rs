//! Times, as they are shown and as they are given.

use std::time::{Duration, SystemTime};

use prost_types::Timestamp;

/// A point in time, given as it is or as a distance before now.
#[derive(Clone, Debug)]
pub(crate) enum When {
    Before(Duration),
    At(Timestamp),
}

/// A text is no time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidTime {
    /// Neither form.
    #[error(
        "expected a time before now such as 90s, 15m, 1h or 7d, or a time such as 2026-07-03T10:15:00Z"
    )]
    When,
    /// Not a length.
    #[error("expected a length such as 500ms, 90s, 15m, 1h or 7d")]
    Length,
}

impl When {
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidTime> {
        if let Ok(length) = parse_length(text) {
            return Ok(Self::Before(length));
        }
        text.parse()
            .map(Self::At)
            .map_err(|_not_a_time| InvalidTime::When)
    }

    pub(crate) fn resolve(&self, now: SystemTime) -> Timestamp {
        match self {
            Self::At(time) => *time,
            Self::Before(length) => {
                Timestamp::from(now.checked_sub(*length).unwrap_or(SystemTime::UNIX_EPOCH))
            }
        }
    }
}

/// Reads `90s`, `15m`, `1h`, `7d` and `500ms`.
pub(crate) fn parse_length(text: &str) -> Result<Duration, InvalidTime> {
    const UNITS: [(&str, u64); 5] = [
        ("ms", 1),
        ("s", 1_000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
    ];
    let milliseconds = UNITS.iter().find_map(|(unit, factor)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(*factor)
    });
    milliseconds
        .map(Duration::from_millis)
        .ok_or(InvalidTime::Length)
}

/// How old something is, in its largest whole unit.
pub(crate) fn age(made: &Timestamp, now: &Timestamp) -> String {
    const UNITS: [(&str, i64); 3] = [("d", 86_400), ("h", 3_600), ("m", 60)];
    let seconds = now.seconds.saturating_sub(made.seconds).max(0);
    let unit = UNITS.iter().find(|(_, length)| seconds >= *length);
    unit.map_or_else(
        || format!("{seconds}s"),
        |(unit, length)| format!("{}{unit}", seconds / length),
    )
}

/// RFC 3339 in UTC, to the second.
pub(crate) fn seconds(time: &Timestamp) -> String {
    Timestamp {
        seconds: time.seconds,
        nanos: 0,
    }
    .to_string()
}

/// RFC 3339 in UTC, always to the millisecond.
pub(crate) fn milliseconds(time: &Timestamp) -> String {
    let seconds = seconds(time);
    let whole = seconds.strip_suffix('Z').unwrap_or(&seconds);
    format!(
        "{whole}.{:03}Z",
        time.nanos.clamp(0, 999_999_999) / 1_000_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_distance_or_a_point() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        for (text, shown) in [
            ("0s", "2001-09-09T01:46:40Z"),
            ("90s", "2001-09-09T01:45:10Z"),
            ("1h", "2001-09-09T00:46:40Z"),
            ("7d", "2001-09-02T01:46:40Z"),
            ("2026-07-03T10:15:00Z", "2026-07-03T10:15:00Z"),
            ("2026-07-03T12:15:00+02:00", "2026-07-03T10:15:00Z"),
            ("2026-07-03", "2026-07-03T00:00:00Z"),
        ] {
            assert_eq!(
                seconds(&When::parse(text).unwrap().resolve(now)),
                shown,
                "{text}"
            );
        }
        for text in [
            "",
            "h",
            "1",
            "1y",
            "-1h",
            "yesterday",
            "99999999999999999999d",
        ] {
            assert!(When::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_age_is_shown_in_its_largest_whole_unit() {
        let at = |seconds| Timestamp { seconds, nanos: 0 };
        for (seconds, shown) in [
            (0, "0s"),
            (59, "59s"),
            (119, "1m"),
            (7_200, "2h"),
            (200_000, "2d"),
        ] {
            assert_eq!(age(&at(10), &at(10 + seconds)), shown);
        }
        assert_eq!(age(&at(10), &at(5)), "0s");
    }

    #[test]
    fn milliseconds_are_always_shown() {
        for (nanos, shown) in [
            (0, "1970-01-01T00:00:01.000Z"),
            (2_999_999, "1970-01-01T00:00:01.002Z"),
        ] {
            assert_eq!(milliseconds(&Timestamp { seconds: 1, nanos }), shown);
        }
    }
}
