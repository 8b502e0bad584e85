//! A program under the harness's care: its output goes to a file, and it never outlives us.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::wait::{self, PATIENCE, Pauses, TimedOut};

const GRACE: Duration = Duration::from_secs(5);
const SHOWN_LOG_LINES: usize = 25;

/// Why a program could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It did not start.
    #[error("cannot start `{program}`: {source}")]
    Start {
        /// Which program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// Its state could not be asked for.
    #[error("cannot watch {name}: {source}")]
    Watch {
        /// Which program.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// It ended by itself.
    #[error("{name} ended ({status}); the end of its log:\n{log}")]
    Ended {
        /// Which program.
        name: String,
        /// How.
        status: ExitStatus,
        /// The last lines it wrote.
        log: String,
    },
    /// It did not do in time what it should.
    #[error("{name}: {source}; the end of its log:\n{log}")]
    Late {
        /// Which program.
        name: String,
        /// What it should have done.
        source: TimedOut,
        /// The last lines it wrote.
        log: String,
    },
}

/// A running program, in a process group of its own.
///
/// Dropping it ends the group. A watchdog ends the group should this process be killed.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
    watchdog: Child,
}

impl Process {
    /// Starts `command`; standard output and error are appended to `log`.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self, ProcessError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let failed = |source| ProcessError::Start {
            program: program.clone(),
            source,
        };
        let output = open_log(log).map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;
        command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0);
        let mut child = command.spawn().map_err(failed)?;
        match watchdog(child.id()) {
            Ok(watchdog) => Ok(Self {
                name: name.to_owned(),
                log: log.to_owned(),
                child,
                watchdog,
            }),
            Err(source) => {
                signal_group(&child, Signal::KILL);
                drop(child.wait());
                Err(ProcessError::Start {
                    program: "sh".to_owned(),
                    source,
                })
            }
        }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has written so far.
    pub fn log(&self) -> String {
        std::fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, ProcessError> {
        self.child.try_wait().map_err(|source| ProcessError::Watch {
            name: self.name.clone(),
            source,
        })
    }

    /// Fails if it has ended.
    pub fn check(&mut self) -> Result<(), ProcessError> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => {
                let (name, log) = (self.name.clone(), self.log_tail());
                Err(ProcessError::Ended { name, status, log })
            }
        }
    }

    /// Waits until `probe` has an answer, or says why there will be none.
    pub async fn until<T>(
        &mut self,
        what: &str,
        mut probe: impl AsyncFnMut(&Self) -> Option<T>,
    ) -> Result<T, ProcessError> {
        let mut pauses = Pauses::new(what, PATIENCE);
        loop {
            self.check()?;
            if let Some(answer) = probe(self).await {
                return Ok(answer);
            }
            if let Err(source) = pauses.pause().await {
                let (name, log) = (self.name.clone(), self.log_tail());
                return Err(ProcessError::Late { name, source, log });
            }
        }
    }

    /// Asks it to end and waits for that; after five seconds it is killed.
    pub fn stop(&mut self) {
        signal_group(&self.child, Signal::TERM);
        let ended = wait::until_blocking("its end", GRACE, || match self.child.try_wait() {
            Ok(None) => Ok(None),
            Ok(Some(_)) | Err(_) => Ok::<_, TimedOut>(Some(())),
        });
        if ended.is_err() {
            signal_group(&self.child, Signal::KILL);
        }
        self.reap();
    }

    /// Kills it with -9 and waits for its end.
    pub fn kill(&mut self) {
        signal_group(&self.child, Signal::KILL);
        self.reap();
    }

    fn reap(&mut self) {
        // The watchdog goes first: afterwards the group's id may belong to someone else.
        drop(self.watchdog.kill());
        drop(self.watchdog.wait());
        drop(self.child.wait());
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let skipped = lines.len().saturating_sub(SHOWN_LOG_LINES);
        lines
            .into_iter()
            .skip(skipped)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        } else {
            self.reap();
        }
    }
}

fn open_log(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Reads from a pipe that only we hold: it ends when we do, however that happens.
fn watchdog(group: u32) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", "read -r _; kill -9 \"-$0\"", &group.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

fn signal_group(child: &Child, signal: Signal) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It fails where the group has ended already, which is what is wanted.
        kill_process_group(pid, signal).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(folder: &Path) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", "echo asleep; sleep 1000; true"]);
        Process::start("sleeper", command, &folder.join("log")).unwrap()
    }

    #[tokio::test]
    async fn what_it_writes_can_be_waited_for_and_its_end_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = sleeper(folder.path());
        let asleep = async |process: &Process| process.log().contains("asleep").then_some(());
        process.until("it to sleep", asleep).await.unwrap();
        process.check().unwrap();
        process.kill();
        let error = process.check().unwrap_err().to_string();
        assert!(
            error.contains("sleeper ended") && error.contains("asleep"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn it_ends_when_we_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = sleeper(folder.path());
        // The kernel closes the pipe of a process that was killed, as here.
        drop(process.watchdog.stdin.take());
        wait::until("its end", PATIENCE, async || {
            Ok::<_, TimedOut>(process.ended().unwrap().map(|_| ()))
        })
        .await
        .unwrap();
    }
}
