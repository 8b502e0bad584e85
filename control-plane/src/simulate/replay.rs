//! Recorded decisions, judged again by other rules.

use std::collections::BTreeMap;

use chancery_engine::{
    circumstances::Circumstances,
    decide,
    id::Time,
    reason::Reason,
    rule::{Act, Target},
};
use chancery_proto::{
    admin::v1::{ReplayCounts, ShadowCount},
    audit::v1::{Decision, Verdict},
};

use super::{Bounds, Partial, Recall, Sent, Simulated, recall};

/// What is asked of the record.
#[derive(Debug)]
pub struct Replay {
    rules: Bounds,
    max_samples: usize,
    counts: ReplayCounts,
    sampled: Sampled,
    shadow: BTreeMap<String, ShadowCount>,
}

#[derive(Debug, Default)]
struct Sampled {
    newly_denied: usize,
    newly_allowed: usize,
    undecidable: usize,
}

/// A decision that would be another, or of which nobody can tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What would be decided. Unspecified: nobody can tell.
    pub verdict: Verdict,
    /// Why, or why nobody can tell.
    pub reason: String,
    /// The rules that would decide.
    pub rules: Vec<String>,
}

/// What became of a decision.
#[derive(Debug)]
enum Judged {
    PassedOver,
    Undecidable(String),
    Decided(Box<Decision>),
}

/// Reasons that say something of rules and registry, rather than of how well a call was recalled.
const DECIDED: [Reason; 13] = [
    Reason::DeniedByRule,
    Reason::NoMatchingRule,
    Reason::NotOffered,
    Reason::Unapproved,
    Reason::Blocked,
    Reason::Quarantined,
    Reason::ServerProposed,
    Reason::ServerSuspended,
    Reason::ServerRetired,
    Reason::InsufficientScope,
    Reason::UnknownServer,
    Reason::ServerMismatch,
    Reason::NoToken,
];

impl Replay {
    /// Nothing is judged yet. `max_samples` bounds the samples of each kind.
    pub fn new(rules: Bounds, max_samples: usize) -> Self {
        Self {
            rules,
            max_samples,
            counts: ReplayCounts::default(),
            sampled: Sampled::default(),
            shadow: BTreeMap::new(),
        }
    }

    /// Judges a recorded decision of this time again. It comes back where it is worth showing.
    pub fn judge(&mut self, recorded: &Decision, time: Time) -> Option<Sample> {
        let weight = recorded.count.max(1);
        let (count, sampled, sample) = match judge(&self.rules, recorded, time) {
            Judged::PassedOver => {
                add(&mut self.counts.passed_over, weight);
                return None;
            }
            Judged::Undecidable(reason) => (
                &mut self.counts.undecidable,
                &mut self.sampled.undecidable,
                Sample {
                    verdict: Verdict::Unspecified,
                    reason,
                    rules: Vec::new(),
                },
            ),
            Judged::Decided(decided) => {
                count_shadow(&mut self.shadow, &decided, weight);
                let verdict = decided.verdict();
                let is_allowed = verdict == Verdict::Allow;
                if is_allowed == (recorded.verdict() == Verdict::Allow) {
                    add(&mut self.counts.same, weight);
                    return None;
                }
                let (count, sampled) = if is_allowed {
                    (
                        &mut self.counts.newly_allowed,
                        &mut self.sampled.newly_allowed,
                    )
                } else {
                    (
                        &mut self.counts.newly_denied,
                        &mut self.sampled.newly_denied,
                    )
                };
                let sample = Sample {
                    verdict,
                    reason: decided.reason,
                    rules: decided.rules,
                };
                (count, sampled, sample)
            }
        };
        add(count, weight);
        let is_wanted = *sampled < self.max_samples;
        *sampled = sampled.saturating_add(1);
        is_wanted.then_some(sample)
    }

    /// How many came out how.
    pub fn into_counts(self) -> ReplayCounts {
        ReplayCounts {
            shadow: self.shadow.into_values().collect(),
            ..self.counts
        }
    }
}

fn add(count: &mut u64, weight: u64) {
    *count = count.saturating_add(weight);
}

fn count_shadow(shadow: &mut BTreeMap<String, ShadowCount>, decided: &Decision, weight: u64) {
    for rule in &decided.shadow_rules {
        let counted = shadow.entry(rule.clone()).or_insert_with(|| ShadowCount {
            rule: rule.clone(),
            ..ShadowCount::default()
        });
        match decided.verdict() {
            Verdict::Allow => add(&mut counted.denied, weight),
            Verdict::Deny | Verdict::RequireApproval | Verdict::Unspecified => {
                add(&mut counted.allowed, weight);
            }
        }
    }
}

fn judge(rules: &Bounds, recorded: &Decision, time: Time) -> Judged {
    match recall(&rules.exact, recorded, time) {
        Recall::PassedOver => Judged::PassedOver,
        Recall::Unknown(why) => Judged::Undecidable(why.to_owned()),
        Recall::Sent(sent) => judge_sent(rules, recorded, &sent, time),
        Recall::Whole(call) => match rules.exact.judge(&call) {
            Ok(simulated) => decided(simulated),
            Err(error) => Judged::Undecidable(error.to_string()),
        },
        Recall::Partial(partial) => judge_partial(rules, &partial),
    }
}

/// What was read then may be all that is read now. Else arguments do not matter only where the
/// strictest and the most generous reading of the rules agree.
fn judge_partial(rules: &Bounds, partial: &Partial) -> Judged {
    if let Ok(simulated) = rules.exact.judge(&partial.known)
        && partial.suffices_for(&simulated.decision)
    {
        return decided(simulated);
    }
    let unknown = || Judged::Undecidable(partial.why.to_owned());
    let bare = &partial.bare;
    match (rules.strict.judge(bare), rules.generous.judge(bare)) {
        (Ok(strict), Ok(generous)) if strict.decision.verdict == generous.decision.verdict => {
            decided(strict)
        }
        (Ok(_) | Err(_), Ok(_) | Err(_)) => unknown(),
    }
}

fn decided(simulated: Simulated) -> Judged {
    let decision = simulated.decision;
    let is_of_rules = DECIDED
        .iter()
        .any(|reason| reason.as_str() == decision.reason);
    if decision.verdict() == Verdict::Allow || is_of_rules {
        Judged::Decided(Box::new(decision))
    } else {
        let reason = format!("not enough of it is recorded ({})", decision.reason);
        Judged::Undecidable(reason)
    }
}

/// What a server sends by itself is asked about alone, as it is where it is judged.
fn judge_sent(rules: &Bounds, recorded: &Decision, sent: &Sent, time: Time) -> Judged {
    let policy = rules.exact.policy();
    let Some((index, server)) = policy
        .find(&recorded.server)
        .and_then(|index| Some((index, policy.server(index)?)))
    else {
        return Judged::Undecidable("its server is no longer registered".to_owned());
    };
    let workspace = recorded
        .principal
        .as_ref()
        .and_then(|p| p.workspace.as_ref());
    let workspace = workspace.map_or_else(|| server.workspace(), |workspace| &workspace.value);
    let circumstances = Circumstances {
        workspace,
        source: sent.source.map(|source| source.ip().to_canonical()),
        now: time,
    };
    let act = if recorded.capability.is_empty() {
        Act::on_server(Some(sent.method))
    } else {
        Act::using(Target::Resource(&recorded.capability))
    };
    let rules = policy.rules_for(index, &sent.principal, &circumstances);
    let judgement = rules.judge(act);
    let (verdict, reason) = match judgement.verdict {
        decide::Verdict::Allow => (Verdict::Allow, String::new()),
        decide::Verdict::Deny(reason) => (Verdict::Deny, reason.as_str().to_owned()),
    };
    Judged::Decided(Box::new(Decision {
        verdict: verdict.into(),
        reason,
        rules: judgement.rules.into_iter().map(str::to_owned).collect(),
        ..Decision::default()
    }))
}
