//! Load, and death at random points: what was acknowledged stays on the record, once, and what is lost
//! with an instance is said to be.

mod envoy;
mod instance;
mod judge;

use std::time::Duration;

use chancery::ledger::{
    checkpoint::{KeyError, LogKeys},
    verify::VerifyError,
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use self::{
    envoy::Traffic,
    instance::{Fate, Instance},
    judge::Judge,
};
use crate::{
    control_plane::{ControlPlane, ControlPlaneError},
    wait::TimedOut,
};

/// Instances that send at once, beside those of Envoy.
const INSTANCES: usize = 4;

/// Longest that a cycle lets everything run before something dies.
const LONGEST_RUN_MS: u64 = 250;

/// How many cycles there are on one log.
const CYCLES_OF_A_LOG: u64 = 100;

/// One in so many cycles an instance dies, or Envoy does, or the control plane with an instance.
const INSTANCE_DIES_EVERY: u64 = 6;
const ENVOY_DIES_EVERY: u64 = 20;

/// In one of so many cycles it is waited for until every loss is recorded.
const LOSSES_SEEN_EVERY: u64 = 60;

/// Why the torture did not go on, or what it found.
#[derive(Debug, thiserror::Error)]
pub enum TortureError {
    /// The control plane.
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
    /// Envoy, or what it takes to send it something.
    #[error("Envoy: {0}")]
    Envoy(String),
    /// The log's key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Something that should have happened.
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
    /// The log is not what was signed.
    #[error("after cycle {cycle}: {error}")]
    Verify {
        /// The cycle.
        cycle: u64,
        /// What is wrong.
        error: VerifyError,
    },
    /// What the log should hold, and does not.
    #[error("after cycle {cycle}: {problem}")]
    Record {
        /// The cycle.
        cycle: u64,
        /// What is wrong.
        problem: String,
    },
    /// A file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What was done, and seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Cycles.
    pub cycles: u64,
    /// Times that the control plane was killed.
    pub control_planes: u64,
    /// Instances that died without a word.
    pub instances: u64,
    /// Times that Envoy was killed.
    pub envoys: u64,
    /// Entries that were acknowledged.
    pub acknowledged: u64,
    /// Records of the log at the end.
    pub records: u64,
    /// Instances whose loss the log says.
    pub losses: u64,
}

/// Runs so many cycles. Randomness is that of the seed.
///
/// # Errors
/// With the first thing that is wrong.
pub async fn run(cycles: u64, seed: u64, with_envoy: bool) -> Result<Tally, TortureError> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut tally = Tally::default();
    while tally.cycles < cycles {
        // A log of its own for each hundred, as every cycle verifies all of it.
        let mut scene = Scene::open(with_envoy, &mut random).await?;
        let last = cycles.min(tally.cycles + CYCLES_OF_A_LOG);
        while tally.cycles < last {
            tally.cycles += 1;
            scene.cycle(&mut random, &mut tally).await?;
        }
        scene.close(&mut tally).await?;
    }
    Ok(tally)
}

/// A control plane, and who sends to it.
struct Scene {
    control_plane: ControlPlane,
    judge: Judge,
    traffic: Option<Traffic>,
    instances: Vec<Instance>,
}

impl Scene {
    async fn open(with_envoy: bool, random: &mut StdRng) -> Result<Self, TortureError> {
        let control_plane = ControlPlane::start().await?;
        let key = control_plane.succeed(&["audit", "key"]).await?;
        let keys = LogKeys::parse(&key)?;
        let judge = Judge::new(control_plane.data().join("ledger"), keys);
        let traffic = if with_envoy {
            Some(Traffic::start(&control_plane).await?)
        } else {
            None
        };
        let start = |number| Instance::start(control_plane.address(), number, random.r#gen());
        Ok(Self {
            instances: (0..INSTANCES).map(start).collect(),
            control_plane,
            judge,
            traffic,
        })
    }

    async fn cycle(&mut self, random: &mut StdRng, tally: &mut Tally) -> Result<(), TortureError> {
        let cycle = tally.cycles;
        let run = Duration::from_millis(random.gen_range(5..=LONGEST_RUN_MS));
        // The point is random, so there is nothing to wait for.
        tokio::time::sleep(run).await;
        let victim = Victim::of(cycle, self.traffic.is_some());
        if matches!(victim, Victim::Instance | Victim::Both) {
            let number = random.gen_range(0..self.instances.len());
            let fresh = Instance::start(self.control_plane.address(), number, random.r#gen());
            if let Some(place) = self.instances.get_mut(number) {
                let died = std::mem::replace(place, fresh);
                self.judge.died(died.end(Fate::Death).await);
                tally.instances += 1;
            }
        }
        if let Some(traffic) = self.traffic.as_mut().filter(|_| victim == Victim::Envoy) {
            self.judge.lost_for_good(traffic.kill());
            tally.envoys += 1;
        }
        let is_dead = matches!(victim, Victim::ControlPlane | Victim::Both);
        if is_dead {
            self.control_plane.kill();
            tally.control_planes += 1;
            self.judge.control_plane_died();
            let sent = self.instances.iter().map(Instance::sent);
            self.judge.look(cycle, sent)?;
            self.control_plane.restart().await?;
        }
        // A control plane that was killed, too, says so of whoever does not come back in 15 s.
        if !is_dead || cycle.is_multiple_of(LOSSES_SEEN_EVERY) {
            self.judge.wait_for_losses(cycle, is_dead).await?;
        }
        if let Some(traffic) = self.traffic.as_mut().filter(|_| victim == Victim::Envoy) {
            traffic.restart(&self.control_plane).await?;
        }
        Ok(())
    }

    async fn close(mut self, tally: &mut Tally) -> Result<(), TortureError> {
        self.judge.wait_for_losses(tally.cycles, true).await?;
        for instance in self.instances {
            self.judge.ended(instance.end(Fate::Goodbye).await);
        }
        if let Some(traffic) = self.traffic {
            traffic.end();
        }
        self.control_plane.stop();
        self.judge.look(tally.cycles, std::iter::empty())?;
        tally.acknowledged += self.judge.acknowledged();
        tally.records += self.judge.records();
        tally.losses += self.judge.losses();
        Ok(())
    }
}

/// What dies in a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    ControlPlane,
    Instance,
    /// An instance, which the control plane does not see.
    Both,
    Envoy,
}

impl Victim {
    fn of(cycle: u64, with_envoy: bool) -> Self {
        if with_envoy && cycle.is_multiple_of(ENVOY_DIES_EVERY) {
            Self::Envoy
        } else if cycle.is_multiple_of(2 * INSTANCE_DIES_EVERY) {
            Self::Both
        } else if cycle.is_multiple_of(INSTANCE_DIES_EVERY) {
            Self::Instance
        } else {
            Self::ControlPlane
        }
    }
}
