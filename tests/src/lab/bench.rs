//! `chancery-lab bench`: what the filter costs, beside what else one could put there.

mod cpu;
mod load;
mod target;
mod traffic;

use std::{num::NonZeroU32, process::ExitCode, time::Duration};

use clap::Args;

use super::{
    LabError,
    console::{Console, Style},
};
use load::Load;
use target::{Target, Targets};
use traffic::{Call, CallKind};

const CONNECTIONS: [usize; 2] = [16, 1];
/// One connection waits for every answer, so that as many requests would take far longer.
const FEWER_WHEN_ALONE: usize = 10;
const WARM_UP_REQUESTS: usize = 500;

/// Compare plain Envoy, this filter, and Envoy's own MCP and RBAC filters.
#[derive(Args, Debug)]
pub(super) struct Bench {
    /// How often everything is measured; medians are shown.
    #[arg(long, default_value = "5")]
    rounds: NonZeroU32,
    /// Requests per measurement with 16 connections.
    #[arg(long, default_value = "10000")]
    requests: NonZeroU32,
    /// Only the calls whose label contains this, such as `64 KB`.
    #[arg(long, default_value = "")]
    only: String,
}

/// One measurement of one target.
#[derive(Clone, Copy, Debug)]
struct Sample {
    cpu: Duration,
    p50: Duration,
    p99: Duration,
}

impl Bench {
    pub(super) async fn execute(self, console: &mut Console) -> Result<ExitCode, LabError> {
        let targets = Targets::start().await?;
        console.line("CPU time of Envoy per request (× that of plain Envoy) and latency, in µs.");
        console.line(&format!(
            "One worker, HTTP/1.1 on loopback, targets alternated, medians of {} rounds.",
            self.rounds,
        ));
        console.line("");
        let heading = format!(
            "{:<16} {:>3}  {:<22} {:>8} {:>6} {:>8} {:>8}",
            "call", "c", "through", "CPU", "×", "p50", "p99",
        );
        console.line(&console.styled(Style::Bold, &heading));

        let (mut judging, mut redacting) = (Vec::new(), Vec::new());
        let wanted = |kind: &CallKind| kind.label().contains(&self.only);
        for kind in CallKind::ALL.into_iter().filter(wanted) {
            for connections in CONNECTIONS {
                let row = self.row(&targets, kind, connections).await?;
                let plain = row.first().map_or(0.0, |(_, plain)| micros(plain.cpu));
                for (index, (target, sample)) in row.iter().enumerate() {
                    let (call, c) = match index {
                        0 => (kind.label(), connections.to_string()),
                        _ => ("", String::new()),
                    };
                    let ratio = micros(sample.cpu) / plain;
                    console.line(&format!(
                        "{call:<16} {c:>3}  {:<22} {:>8.1} {ratio:>6.2} {:>8.0} {:>8.0}",
                        target.label(),
                        micros(sample.cpu),
                        micros(sample.p50),
                        micros(sample.p99),
                    ));
                    if kind.figure_target() == Some(*target) && connections > 1 {
                        let figures = match target {
                            Target::ChanceryRedacting => &mut redacting,
                            Target::Chancery | Target::Plain | Target::Native => &mut judging,
                        };
                        let label = kind.label().replace(',', "");
                        figures.push(format!("{ratio:.2} at {label}"));
                    }
                }
            }
        }
        console.line("");
        console.line(&format!(
            "figure: CPU per request, Chancery / plain Envoy: {}; redacting both ways: {} (targets 1.6 at 4 KB, 6 at 64 KB)",
            judging.join(", "),
            redacting.join(", "),
        ));
        Ok(ExitCode::SUCCESS)
    }

    /// Every target's medians for one kind of call.
    async fn row(
        &self,
        targets: &Targets,
        kind: CallKind,
        connections: usize,
    ) -> Result<Vec<(Target, Sample)>, LabError> {
        let requests = usize::try_from(self.requests.get()).unwrap_or(usize::MAX);
        let requests = if connections == 1 {
            requests / FEWER_WHEN_ALONE
        } else {
            requests
        };
        let mut rounds: Vec<(Target, Vec<Sample>)> = kind
            .targets()
            .iter()
            .map(|target| (*target, Vec::new()))
            .collect();
        for round in 0..self.rounds.get() {
            for (target, samples) in &mut rounds {
                let call = Call::new(kind, *target, targets.token());
                let (address, process) = targets.of(*target)?;
                let load = Load {
                    address,
                    call,
                    connections,
                    requests,
                };
                let warm_up = if round == 0 { WARM_UP_REQUESTS } else { 0 };
                let measured = measure(load, warm_up, process).await;
                samples.push(measured.map_err(|error| {
                    LabError::Bench(format!("{}, {}: {error}", target.label(), kind.label()))
                })?);
            }
        }
        Ok(rounds
            .into_iter()
            .map(|(target, samples)| (target, medians(&samples)))
            .collect())
    }
}

async fn measure(load: Load, warm_up: usize, process: u32) -> Result<Sample, LabError> {
    Load {
        requests: warm_up,
        ..load.clone()
    }
    .run()
    .await?;
    let requests = u32::try_from(load.requests.max(1)).unwrap_or(u32::MAX);
    let before = cpu::time_of(process)?;
    let mut latencies = load.run().await?;
    let cpu = cpu::time_of(process)?.saturating_sub(before) / requests;
    latencies.sort_unstable();
    let at = |hundredths: usize| {
        latencies
            .get(latencies.len() * hundredths / 100)
            .copied()
            .unwrap_or_default()
    };
    Ok(Sample {
        cpu,
        p50: at(50),
        p99: at(99),
    })
}

fn medians(samples: &[Sample]) -> Sample {
    let median = |of: fn(&Sample) -> Duration| {
        let mut values: Vec<_> = samples.iter().map(of).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Sample {
        cpu: median(|s| s.cpu),
        p50: median(|s| s.p50),
        p99: median(|s| s.p99),
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
