//! An Envoy's access log in JSON lines.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use prost_types::Timestamp;
use serde::Deserialize;

/// What Envoy writes where it has nothing to write.
const NOTHING: &str = "-";

/// One line, as far as it is looked at. Other members may be there.
#[derive(Debug, Deserialize)]
struct Written {
    start_time: String,
    #[serde(default)]
    duration_ms: Option<serde_json::Number>,
    #[serde(default)]
    upstream: Option<String>,
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default)]
    decision: Option<String>,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) start: Timestamp,
    /// Whether a server got it.
    pub(super) is_sent: bool,
    pub(super) request_id: String,
    /// 32 hexadecimal digits; empty where nothing was decided.
    pub(super) decision: String,
}

/// The requests of a log.
#[derive(Debug, Default)]
pub(super) struct Lines {
    requests: Vec<Line>,
    decisions: BTreeSet<String>,
    /// The first beginning and the last end.
    span: Option<(Timestamp, Timestamp)>,
}

impl Lines {
    /// Reads a file, or standard input where that is `-`. What is no line of an access log is passed over,
    /// such as what Envoy logs beside it.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return Self::of(io::stdin().lock());
        }
        Self::of(BufReader::new(File::open(path)?))
    }

    pub(super) fn of(reader: impl BufRead) -> io::Result<Self> {
        let mut lines = Self::default();
        for line in reader.lines() {
            if let Ok(written) = serde_json::from_str::<Written>(&line?) {
                lines.add(written);
            }
        }
        Ok(lines)
    }

    fn add(&mut self, written: Written) {
        let Ok(start) = written.start_time.parse::<Timestamp>() else {
            return;
        };
        let given = |text: Option<String>| text.filter(|text| text != NOTHING).unwrap_or_default();
        let duration_ms = written.duration_ms.and_then(|it| it.as_i64()).unwrap_or(0);
        let end = later(start, duration_ms);
        let (first, last) = self.span.unwrap_or((start, end));
        self.span = Some((
            if key(start) < key(first) {
                start
            } else {
                first
            },
            if key(end) > key(last) { end } else { last },
        ));
        let decision = given(written.decision);
        self.decisions.insert(decision.clone());
        self.requests.push(Line {
            start,
            // What the filter or Envoy has answered itself has none.
            is_sent: !given(written.upstream).is_empty(),
            request_id: given(written.request_id),
            decision,
        });
    }

    /// When the first began and the last ended. `None`: there is none.
    pub(super) fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.span
    }

    /// Whether a request of this time is surely in the log.
    pub(super) fn covers(&self, start: Timestamp, end: Timestamp) -> bool {
        self.span
            .is_some_and(|(first, last)| key(first) <= key(start) && key(end) <= key(last))
    }

    pub(super) fn has(&self, decision: &str) -> bool {
        self.decisions.contains(decision)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Line> {
        self.requests.iter()
    }

    /// What a server got.
    pub(super) fn sent_on(&self) -> impl Iterator<Item = &Line> {
        self.requests.iter().filter(|line| line.is_sent)
    }
}

fn later(time: Timestamp, milliseconds: i64) -> Timestamp {
    let nanos =
        i64::from(time.nanos).saturating_add((milliseconds % 1_000).saturating_mul(1_000_000));
    let seconds = (milliseconds / 1_000).saturating_add(nanos / 1_000_000_000);
    Timestamp {
        seconds: time.seconds.saturating_add(seconds),
        nanos: i32::try_from(nanos % 1_000_000_000).unwrap_or(0),
    }
}

fn key(time: Timestamp) -> (i64, i32) {
    (time.seconds, time.nanos)
}
