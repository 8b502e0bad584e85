//! What the suite says about a server.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    ops::AddAssign,
    path::Path,
};

use serde::Deserialize;

/// In the folder of each scenario.
const FILE: &str = "checks.json";

/// How a check came out, from worst to best.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// It failed.
    Failure,
    /// It failed, where the specification says SHOULD.
    Warning,
    /// It was not made.
    Skipped,
    /// It says something and checks nothing.
    Info,
    /// It passed.
    Success,
}

/// Which check it is.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct CheckKey {
    /// The scenario.
    pub scenario: String,
    /// The check's id.
    pub id: String,
    /// Its name, which tells some checks of one id apart.
    pub name: String,
    /// How many of this id and name came before it.
    pub repetition: usize,
}

impl fmt::Display for CheckKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {} / {}", self.scenario, self.id, self.name)?;
        match self.repetition {
            0 => Ok(()),
            repetition => write!(f, " #{}", repetition + 1),
        }
    }
}

/// A check's outcome.
#[derive(Clone, Debug)]
pub struct Check {
    /// How it came out.
    pub status: Status,
    /// What was wrong; empty where nothing was.
    pub message: String,
}

/// The outcomes of a run.
#[derive(Debug, Default)]
pub struct Checks(pub(super) BTreeMap<CheckKey, Check>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    pub(super) status: Status,
    pub(super) error_message: Option<String>,
}

impl Checks {
    /// Whether nothing was checked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scenarios that were run.
    pub fn scenarios(&self) -> BTreeSet<&str> {
        self.0.keys().map(|key| key.scenario.as_str()).collect()
    }

    /// The scenarios of which not all is passed.
    pub fn failing_scenarios(&self) -> BTreeSet<&str> {
        let failing = self
            .0
            .iter()
            .filter(|(_, check)| check.status <= Status::Warning);
        failing.map(|(key, _)| key.scenario.as_str()).collect()
    }

    /// How many came out how.
    pub fn tally(&self) -> Tally {
        self.0.values().map(|check| check.status).collect()
    }

    /// How many of one scenario came out how.
    pub fn tally_of(&self, scenario: &str) -> Tally {
        let of_it = self.0.iter().filter(|(key, _)| key.scenario == scenario);
        of_it.map(|(_, check)| check.status).collect()
    }

    /// Reads the folders that the suite has written.
    pub(super) fn read(results: &Path) -> io::Result<Self> {
        let mut checks = Self::default();
        for folder in fs::read_dir(results)? {
            let folder = folder?;
            let file = folder.path().join(FILE);
            if file.is_file() {
                let scenario = scenario(&folder.file_name().to_string_lossy()).to_owned();
                checks.add(&scenario, serde_json::from_slice(&fs::read(file)?)?);
            }
        }
        Ok(checks)
    }

    pub(super) fn add(&mut self, scenario: &str, outcomes: Vec<Outcome>) {
        let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
        for outcome in outcomes {
            let Outcome {
                id,
                name,
                status,
                error_message,
            } = outcome;
            let repetition = seen.entry((id.clone(), name.clone())).or_default();
            let key = CheckKey {
                scenario: scenario.to_owned(),
                id,
                name,
                repetition: *repetition,
            };
            *repetition += 1;
            let message = error_message.unwrap_or_default();
            self.0.insert(key, Check { status, message });
        }
    }
}

/// `ping` of `server-ping-2026-11-24T13-16-03-123Z`.
fn scenario(folder: &str) -> &str {
    let name = folder.strip_prefix("server-").unwrap_or(folder);
    let Some((before, _)) = name.rsplit_once('T') else {
        return name;
    };
    // The date has three parts.
    before.rsplitn(4, '-').last().unwrap_or(before)
}

/// How many checks came out how.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Passed.
    pub passed: usize,
    /// Not passed, be it a MUST or a SHOULD.
    pub failed: usize,
}

impl Tally {
    /// How many were made.
    pub fn made(self) -> usize {
        self.passed + self.failed
    }
}

impl FromIterator<Status> for Tally {
    fn from_iter<T: IntoIterator<Item = Status>>(statuses: T) -> Self {
        let mut tally = Self::default();
        for status in statuses {
            match status {
                Status::Success => tally.passed += 1,
                Status::Failure | Status::Warning => tally.failed += 1,
                Status::Skipped | Status::Info => {}
            }
        }
        tally
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.passed, self.failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_after_its_scenario_and_when_it_ran() {
        let folder = "server-json-schema-2020-12-2026-11-24T13-16-03-123Z";
        assert_eq!(scenario(folder), "json-schema-2020-12");
        let folder = "server-server-stateless-2026-11-24T13-16-03-123Z";
        assert_eq!(scenario(folder), "server-stateless");
    }
}
