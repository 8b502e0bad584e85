//! How much CPU time a process has used.

use std::{fs, io, time::Duration};

/// User and system time of all its threads so far (proc(5), `/proc/PID/stat`).
pub(super) fn time_of(process: u32) -> io::Result<Duration> {
    let path = format!("/proc/{process}/stat");
    let stat = fs::read_to_string(&path)?;
    ticks(&stat)
        .map(|ticks| Duration::from_secs(ticks) / ticks_per_second())
        .ok_or_else(|| io::Error::other(format!("{path} is not as proc(5) says")))
}

/// Fields 14 and 15; the second field is a name that may hold anything, but ends at the last `)`.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let user: u64 = times.next()?.parse().ok()?;
    let system: u64 = times.next()?.parse().ok()?;
    Some(user + system)
}

fn ticks_per_second() -> u32 {
    u32::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_added() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 31 11 0 0 20 0 1 0 5 6 7";
        assert_eq!(ticks(stat), Some(42));
    }
}
