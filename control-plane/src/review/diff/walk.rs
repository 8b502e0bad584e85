//! A walk through two definitions at once that notes what differs.

use std::{borrow::Cow, cmp::Reverse};

use chancery_engine::json::push_token;
use serde_json::Value;

use super::{
    change::{Change, ChangeKind, Weight},
    unseen::{Count, mixed_scripts},
    value::{canonical, same},
    words::{self, Budget},
};

/// JSON that is no longer than this reads best as a whole.
const SHORT_BYTES: usize = 60;

/// What is there before and after.
pub(super) type Pair<'v> = (Option<&'v Value>, Option<&'v Value>);

/// A walk through two definitions.
#[derive(Debug)]
pub(super) struct Walk<'v, 'b> {
    pub(super) changes: Vec<Change<'v>>,
    /// Where the walk is.
    pointer: String,
    /// The capability is new: only what it says of itself is noted.
    pub(super) is_new: bool,
    budget: &'b mut Budget,
}

impl<'v, 'b> Walk<'v, 'b> {
    pub(super) fn new(budget: &'b mut Budget) -> Self {
        Self {
            changes: Vec::new(),
            pointer: String::new(),
            is_new: false,
            budget,
        }
    }

    /// The changes, heaviest first; those of one weight in the order of the definition.
    pub(super) fn finish(self) -> Vec<Change<'v>> {
        let mut changes = self.changes;
        changes.sort_by_key(|change| Reverse(change.weight));
        changes
    }

    /// Does something one step further.
    pub(super) fn within(&mut self, token: &str, visit: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        push_token(&mut self.pointer, token);
        visit(self);
        self.pointer.truncate(length);
    }

    /// Notes a change.
    pub(super) fn note(
        &mut self,
        (kind, weight): (ChangeKind, Weight),
        (old, new): Pair<'v>,
        sentence: impl Into<String>,
    ) {
        self.note_all(
            (kind, weight),
            (old.map(Cow::Borrowed), new.map(Cow::Borrowed)),
            sentence.into(),
        );
    }

    /// Notes a change of several values.
    pub(super) fn note_all(
        &mut self,
        (kind, weight): (ChangeKind, Weight),
        (old, new): (Option<Cow<'v, Value>>, Option<Cow<'v, Value>>),
        mut sentence: String,
    ) {
        let before = Count::of(old.as_deref());
        let after = Count::of(new.as_deref());
        let unseen = after.beyond(&before);
        let mut weight = weight;
        if !unseen.is_empty() {
            weight = Weight::Risk;
            sentence = format!("{} {sentence}", after.explain(&unseen));
        }
        let words = self.words(old.as_deref(), new.as_deref());
        self.changes.push(Change {
            pointer: self.pointer.clone(),
            kind,
            weight,
            sentence,
            old,
            new,
            words,
            unseen,
        });
    }

    /// Word by word, where there are many.
    fn words(&mut self, old: Option<&Value>, new: Option<&Value>) -> Vec<words::Piece> {
        match (old, new) {
            (Some(Value::String(old)), Some(Value::String(new)))
                if [old, new]
                    .iter()
                    .any(|text| text.contains(char::is_whitespace)) =>
            {
                words::compare(old, new, self.budget)
            }
            (Some(old @ (Value::Array(_) | Value::Object(_))), Some(new))
            | (Some(old), Some(new @ (Value::Array(_) | Value::Object(_)))) => {
                let (old, new) = (spaced(old), spaced(new));
                if old.len().max(new.len()) <= SHORT_BYTES {
                    return Vec::new();
                }
                words::compare(&old, &new, self.budget)
            }
            (Some(_) | None, Some(_) | None) => Vec::new(),
        }
    }

    /// Notes what deceives in a name that is new.
    pub(super) fn name(&mut self, name: &str) {
        let mut count = Count::default();
        count.text(name);
        let unseen = count.beyond(&Count::default());
        let mut said = Vec::new();
        if !unseen.is_empty() {
            said.push(count.explain(&unseen));
        }
        if let Some(scripts) = mixed_scripts(name) {
            said.push(format!(
                "The name has letters of several scripts, some of which look like others: {}.",
                scripts.join(", ")
            ));
        }
        if said.is_empty() {
            return;
        }
        self.changes.push(Change {
            pointer: self.pointer.clone(),
            kind: ChangeKind::Name,
            weight: Weight::Risk,
            sentence: said.join(" "),
            old: None,
            new: Some(Cow::Owned(Value::String(name.to_owned()))),
            words: Vec::new(),
            unseen,
        });
    }

    /// Notes a change of a text.
    pub(super) fn text(&mut self, what: &str, (old, new): Pair<'v>) {
        let is_text = |value: Option<&Value>| value.is_none_or(Value::is_string);
        if !is_text(old) || !is_text(new) {
            let said = format!("The {what} is no text; who reads it may read anything.");
            return self.note((ChangeKind::Text, Weight::Unclear), (old, new), said);
        }
        let said = match (old, new) {
            (None, _) if self.is_new => format!("Agents will read this {what}."),
            (None, _) => format!("Agents read this {what} now; there was none."),
            (_, None) => format!("The {what} is gone."),
            (Some(_), Some(_)) => format!("The {what} that agents read says something else."),
        };
        self.note((ChangeKind::Text, Weight::Text), (old, new), said);
    }

    /// Notes a change that nothing here understands.
    pub(super) fn unclear(&mut self, pair: Pair<'v>) {
        let said = "What this means is not known here: a person must read it.";
        self.by_hand(ChangeKind::Field, pair, said);
    }

    /// Notes a change that a person must read.
    pub(super) fn by_hand(&mut self, kind: ChangeKind, pair: Pair<'v>, said: &str) {
        if texts(pair.0) == texts(pair.1) {
            return self.note((kind, Weight::Unclear), pair, said);
        }
        let said = format!("{said} Texts in it that agents read say something else.");
        self.note((kind, Weight::Text), pair, said);
    }

    /// Notes a difference of order or spelling alone, where that is one. Whether it was.
    pub(super) fn reordered(&mut self, pair: Pair<'v>) -> bool {
        let (Some(Value::Array(old)), Some(Value::Array(new))) = pair else {
            return false;
        };
        let sorted = |items: &[Value]| {
            let mut items: Vec<_> = items.iter().map(canonical).collect();
            items.sort_unstable();
            items.dedup();
            items
        };
        if sorted(old) != sorted(new) {
            return false;
        }
        let said = "The same in another order.";
        self.note((ChangeKind::Reordered, Weight::Neutral), pair, said);
        true
    }

    /// Walks where both differ, and notes that something does if the visit finds nothing.
    pub(super) fn differing(
        &mut self,
        token: &str,
        pair: Pair<'v>,
        visit: impl FnOnce(&mut Self) -> Told,
    ) {
        if let (Some(old), Some(new)) = pair
            && same(old, new)
        {
            return;
        }
        if pair == (None, None) {
            return;
        }
        self.within(token, |walk| {
            let before = walk.changes.len();
            let told = visit(walk);
            if told == Told::Here && walk.changes.len() == before && !walk.reordered(pair) {
                walk.unclear(pair);
            }
        });
    }
}

/// Where a difference is noted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Told {
    /// Where it is, or nowhere yet.
    Here,
    /// With something else.
    Elsewhere,
}

/// The titles and descriptions in a value, in one order.
fn texts(value: Option<&Value>) -> Vec<&str> {
    let mut texts = Vec::new();
    let mut values: Vec<_> = value.into_iter().collect();
    while let Some(value) = values.pop() {
        match value {
            Value::Array(items) => values.extend(items),
            Value::Object(members) => {
                let is_text = |key: &str| matches!(key, "title" | "description" | "$comment");
                let said = members.iter().filter(|(key, _)| is_text(key));
                texts.extend(said.filter_map(|(_, text)| text.as_str()));
                values.extend(members.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    texts.sort_unstable();
    texts
}

/// JSON with spaces between its parts, so that they are words.
fn spaced(value: &Value) -> String {
    let mut text = String::new();
    space(value, &mut text);
    text
}

fn space(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (number, item) in items.iter().enumerate() {
                if number > 0 {
                    out.push_str(", ");
                }
                space(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            // The order of keys is no difference.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (number, (key, member)) in members.into_iter().enumerate() {
                if number > 0 {
                    out.push_str(", ");
                }
                space(&Value::from(&**key), out);
                out.push_str(": ");
                space(member, out);
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&value.to_string());
        }
    }
}
