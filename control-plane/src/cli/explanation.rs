//! Why something is decided, for a person.

use chancery_proto::{
    admin::v1::{Explanation, NearMiss},
    audit::v1::{Fact, Finding, Provenance, Verdict},
};

use super::{
    console::{Console, Tone},
    exit::{Exit, Failure},
    name::Name,
    table::{self, Cell},
    visible::visible,
};

/// No more near misses are shown; `-o json` has all of them.
const MAX_MISSES: usize = 10;

/// No value takes more columns than this.
const VALUE_COLUMNS: usize = 48;

/// What a verdict comes to for scripts.
pub(crate) fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Allow => Exit::Success,
        Verdict::Deny | Verdict::RequireApproval | Verdict::Unspecified => Exit::Negative,
    }
}

/// A verdict's word and its colour.
pub(crate) fn word(verdict: Verdict) -> (&'static str, Tone) {
    match verdict {
        Verdict::Allow => ("allow", Tone::Good),
        Verdict::Deny => ("deny", Tone::Bad),
        Verdict::RequireApproval => ("require_approval", Tone::Doubtful),
        Verdict::Unspecified => ("unknown", Tone::Doubtful),
    }
}

/// `rule/dev-reads`, where the name is a resource's.
pub(crate) fn short(name: &str) -> String {
    Name::parse(name).map_or_else(|| name.to_owned(), |name| name.short())
}

/// `denied_by_rule by rule/a, rule/b`
pub(crate) fn why(reason: &str, rules: &[String]) -> String {
    let rules: Vec<_> = rules.iter().map(|rule| short(rule)).collect();
    let by = if rules.is_empty() {
        String::new()
    } else {
        format!("by {}", rules.join(", "))
    };
    [reason, &by].join(" ").trim().to_owned()
}

/// `deny: denied_by_rule by rule/a`, `allow by rule/b`
pub(crate) fn said(verdict: Verdict, reason: &str, rules: &[String]) -> String {
    let (word, _) = word(verdict);
    let colon = if reason.is_empty() { "" } else { ":" };
    let why = why(reason, rules);
    format!("{word}{colon} {why}").trim().to_owned()
}

/// `when[0] found "other/x", expected glob acme/*`
pub(crate) fn miss(miss: &NearMiss) -> String {
    let NearMiss {
        rule,
        field,
        found,
        expected,
    } = miss;
    format!(
        "{} {field}: found {found}, expected {expected}",
        short(rule)
    )
}

/// Writes the verdict, then what bears on it, then what nearly did.
pub(crate) fn write(explanation: &Explanation, console: &mut Console<'_>) -> Result<(), Failure> {
    let (_, tone) = word(explanation.verdict());
    let said = said(
        explanation.verdict(),
        &explanation.reason,
        &explanation.rules,
    );
    console.line(console.paint(&visible(&said), tone))?;
    for rule in &explanation.shadow_rules {
        let rule = short(rule);
        let line = format!("in shadow, {rule} would decide otherwise");
        console.line(visible(&line))?;
    }
    if let Some(masked) = masked(&explanation.findings) {
        console.line(format_args!("masks {}", visible(&masked)))?;
    }
    write_misses(&explanation.near_misses, console)?;
    write_facts(&explanation.facts, console)
}

fn masked(findings: &[Finding]) -> Option<String> {
    let all: Vec<_> = findings
        .iter()
        .map(|found| format!("{}×{} at {}", found.detector, found.count, found.pointer))
        .collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn write_misses(misses: &[NearMiss], console: &mut Console<'_>) -> Result<(), Failure> {
    if misses.is_empty() {
        return Ok(());
    }
    let row = |miss: &NearMiss| {
        vec![
            Cell::new(&short(&miss.rule)),
            Cell::new(&miss.field),
            Cell::cut(&miss.found, VALUE_COLUMNS),
            Cell::cut(&miss.expected, VALUE_COLUMNS),
        ]
    };
    let rows: Vec<_> = misses.iter().take(MAX_MISSES).map(row).collect();
    console.line("")?;
    table::write(&["NEAR MISS", "FIELD", "FOUND", "EXPECTED"], &rows, console)?;
    let more = misses.len().saturating_sub(MAX_MISSES);
    if more > 0 {
        console.line(format_args!("and {more} more; -o json shows them"))?;
    }
    Ok(())
}

/// The values that rules read of the call. Where it goes is asked for, and no news.
fn write_facts(facts: &[Fact], console: &mut Console<'_>) -> Result<(), Failure> {
    let is_news = |fact: &&Fact| !fact.key.starts_with("endpoint.");
    let row = |fact: &Fact| {
        let how = match fact.provenance() {
            Provenance::Verified => "verified",
            Provenance::Claimed => "claimed",
            Provenance::Derived => "derived",
            Provenance::Absent => "absent",
            Provenance::Unspecified => "",
        };
        vec![
            Cell::new(&fact.key),
            Cell::cut(&fact.value, VALUE_COLUMNS),
            Cell::new(how).tone(Tone::Faint),
        ]
    };
    let rows: Vec<_> = facts.iter().filter(is_news).map(row).collect();
    if rows.is_empty() {
        return Ok(());
    }
    console.line("")?;
    table::write(&["FACT", "VALUE", "KNOWN"], &rows, console)
}
