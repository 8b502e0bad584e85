//! A diff for people.

use std::collections::BTreeMap;

use serde_json::Value;

use super::flow::Flow;
use crate::{
    cli::{
        console::{Console, Tone},
        exit::Failure,
        visible::visible,
    },
    review::diff::{
        CapabilityKind, Change, ChangeKind, Compared, Diff, Likeness, Outcome, Piece, Rename,
        Summary, Weight,
    },
};

/// Of more changes of one capability the others are counted. The heaviest come first.
const MAX_CHANGES: usize = 100;

/// Where sentences and values begin: after the longest weight.
const INDENT: usize = 13;

/// Renames by one of their names.
type Renames<'d> = BTreeMap<(CapabilityKind, &'d str), &'d Rename<'d>>;

/// Writes what differs, and how much does.
pub(super) fn print(diff: &Diff<'_>, console: &mut Console<'_>) -> Result<(), Failure> {
    let renames = diff.renames.iter();
    let old: Renames<'_> = renames
        .clone()
        .map(|one| ((one.kind, one.old), one))
        .collect();
    let new: Renames<'_> = renames.map(|one| ((one.kind, one.new), one)).collect();
    for compared in &diff.capabilities {
        let key = (compared.kind, compared.name);
        let rename = match compared.outcome {
            Outcome::Same => continue,
            Outcome::Added(_) => new.get(&key).map(|rename| ("was", rename.old, rename.same)),
            Outcome::Removed => old
                .get(&key)
                .map(|rename| ("becomes", rename.new, rename.same)),
            Outcome::Changed(_) => None,
        };
        heading(compared, console)?;
        if let Some((verb, other, same)) = rename {
            let shared = match same {
                Likeness::All => "all but the name",
                Likeness::Description => "the description",
                Likeness::Arguments => "what they take",
            };
            let said = format!(
                "  perhaps it {verb} `{}`: {shared} is the same",
                visible(other)
            );
            console.line(console.paint(&said, Tone::Doubtful))?;
        }
        let changes = compared.changes();
        for change in changes.iter().take(MAX_CHANGES) {
            print_change(change, console)?;
        }
        if let Some(more) = changes.get(MAX_CHANGES..).filter(|more| !more.is_empty()) {
            let said = format!("  … and {} more changes, which `-o json` shows", more.len());
            console.line(console.paint(&said, Tone::Bad))?;
        }
        console.line("")?;
    }
    let Summary {
        added,
        removed,
        changed,
        same,
    } = Summary::of(diff);
    console.line(format_args!(
        "{added} added, {removed} removed, {changed} changed, {same} same"
    ))
}

fn heading(compared: &Compared<'_>, console: &mut Console<'_>) -> Result<(), Failure> {
    let (sign, tone) = match compared.outcome {
        Outcome::Added(_) => ("+", Tone::Good),
        Outcome::Removed => ("-", Tone::Bad),
        Outcome::Changed(_) | Outcome::Same => ("~", Tone::Doubtful),
    };
    let kind = compared.kind.as_str().replace('_', " ");
    let name = match compared.kind {
        CapabilityKind::Server => String::new(),
        CapabilityKind::Tool
        | CapabilityKind::Prompt
        | CapabilityKind::Resource
        | CapabilityKind::ResourceTemplate => format!(" {}", visible(compared.name)),
    };
    let mut counts = Vec::new();
    for weight in Weight::ALL {
        let changes = compared.changes().iter();
        let count = changes.filter(|change| change.weight == weight).count();
        if count > 0 {
            counts.push(format!("{count} {}", weight.as_str()));
        }
    }
    let sign = console.paint(sign, tone);
    let title = console.paint(&format!("{kind}{name}"), Tone::Heading);
    let counts = if counts.is_empty() {
        compared.outcome.as_str().to_owned()
    } else {
        format!("{}: {}", compared.outcome.as_str(), counts.join(", "))
    };
    let counts = console.paint(&counts, Tone::Faint);
    console.line(format_args!("{sign} {title}  {counts}"))
}

fn print_change(change: &Change<'_>, console: &mut Console<'_>) -> Result<(), Failure> {
    let tone = match change.weight {
        Weight::Risk => Tone::Bad,
        Weight::Text | Weight::Unclear | Weight::Widening => Tone::Doubtful,
        Weight::Narrowing | Weight::Neutral => Tone::Faint,
    };
    let weight = console.paint(&format!("{:<9}", change.weight.as_str()), tone);
    let pointer = console.paint(&visible(&change.pointer), Tone::Heading);
    console.line(format_args!("  {weight}  {pointer}"))?;
    let mut lines = flow(console, |flow| flow.text(&change.sentence, Tone::Plain));
    if change.words.is_empty() {
        // The name is in the sentence already.
        if change.kind != ChangeKind::Name {
            for (value, sign, tone) in [
                (&change.old, "- ", Tone::Bad),
                (&change.new, "+ ", Tone::Good),
            ] {
                if let Some(value) = value {
                    lines.extend(flow(console, |flow| {
                        flow.mark(sign, tone);
                        flow.text(&shown(value), tone);
                    }));
                }
            }
        }
    } else {
        lines.extend(flow(console, |flow| words(&change.words, flow, console)));
    }
    for line in lines {
        console.line(line)?;
    }
    Ok(())
}

fn flow(console: &Console<'_>, fill: impl FnOnce(&mut Flow<'_, '_>)) -> Vec<String> {
    let mut flow = Flow::new(console, INDENT);
    fill(&mut flow);
    flow.finish()
}

/// A text as it is, all else as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// Old and new in one: by colours where there are some, by marks where not.
fn words(pieces: &[Piece], flow: &mut Flow<'_, '_>, console: &Console<'_>) {
    let has_marks = !console.has_colours();
    for piece in pieces {
        match piece {
            Piece::Kept(text) => flow.text(text, Tone::Plain),
            Piece::Removed(text) => marked(text, (has_marks, "[-", "-]"), Tone::Bad, flow),
            Piece::Added(text) => marked(text, (has_marks, "{+", "+}"), Tone::Good, flow),
            Piece::Skipped(count) => {
                flow.mark(&format!("… {count} words …"), Tone::Faint);
                flow.mark(" ", Tone::Plain);
            }
        }
    }
}

fn marked(
    text: &str,
    (has_marks, open, close): (bool, &str, &str),
    tone: Tone,
    flow: &mut Flow<'_, '_>,
) {
    if has_marks {
        flow.mark(open, tone);
    }
    flow.text(text, tone);
    if has_marks {
        flow.mark(close, tone);
    }
}
