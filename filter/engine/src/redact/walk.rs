//! Takes every string, number and key below a value, and every one in the JSON that a string holds,
//! and splices what takes the place of finds through the escapes of every level.

mod trail;

use std::{borrow::Cow, cell::LazyCell, ops::Range};

use super::{
    Blocked, Finding, MAX_FINDINGS, Redactor,
    columns::{self, Columns},
    keys::{KeyCache, Known},
    replace::replacement,
    reveal,
    scan::{self, Field, Find, Finder, Sought, Topics, Verdict},
};
use crate::{
    json::{Document, Kind, Value, escaped},
    limits::Limits,
    redact::Action,
};
use trail::Renamed;
pub(super) use trail::{Step, Trail};

/// How deep JSON may stand in strings of JSON for what it holds to be told apart.
const MAX_LEVELS: u32 = 3;

/// How far into a text JSON may begin to be looked for.
const MAX_WORDS_BEFORE: usize = 160;

/// What takes the place of which bytes of a text.
pub(super) type Splices = Vec<(Range<usize>, String)>;

/// What is known of a value before it is looked at.
#[derive(Clone, Copy)]
struct Spot<'t> {
    trail: &'t Trail<'t>,
    /// What the keys around it say.
    topics: Topics,
    /// What the columns of the rows in it are called.
    columns: Option<&'t Columns>,
    /// In how many strings within each other it stands.
    levels: u32,
}

/// A walk over what lies below a value.
pub(super) struct Walk<'w, 'p> {
    pub(super) redactor: &'w Redactor<'p>,
    pub(super) sought: Sought<'p>,
    pub(super) findings: &'w mut Vec<Finding>,
    /// The pointer to where the walk begins, found once it is needed.
    pub(super) base: LazyCell<String, &'w dyn Fn() -> String>,
    pub(super) blocked: Option<Blocked>,
    pub(super) keys: KeyCache,
    pub(super) finds: Vec<Find>,
}

impl Walk<'_, '_> {
    /// Walks from the top. Splices are in the order of the text.
    pub(super) fn run(&mut self, value: Value<'_>, splices: &mut Splices) {
        let trail = Trail {
            around: None,
            step: Step::Root,
        };
        let spot = Spot {
            trail: &trail,
            topics: Topics::default(),
            columns: None,
            levels: 0,
        };
        self.value(value, spot, splices);
    }

    fn value(&mut self, value: Value<'_>, spot: Spot<'_>, splices: &mut Splices) {
        match value.kind() {
            Kind::Null | Kind::Bool => {}
            Kind::Number => self.number(value, spot, splices),
            Kind::String => self.string(value, spot, splices),
            Kind::Array => self.array(value, spot, splices),
            Kind::Object => self.object(value, spot, splices),
        }
    }

    fn array(&mut self, array: Value<'_>, spot: Spot<'_>, splices: &mut Splices) {
        let named = match spot.columns {
            None => columns::of_first_row(array),
            Some(_) => None,
        };
        let is_rows = array
            .items()
            .next()
            .is_some_and(|item| item.kind() == Kind::Array);
        for (index, item) in array.items().enumerate() {
            let trail = Trail {
                around: Some(spot.trail),
                step: Step::Item(index),
            };
            let mut here = Spot {
                trail: &trail,
                ..spot
            };
            if is_rows {
                here.columns = spot.columns.or(named.as_ref());
            } else if let Some(columns) = spot.columns {
                (here.topics, here.columns) = (columns.topics(index), None);
            }
            self.value(item, here, splices);
        }
    }

    fn object(&mut self, object: Value<'_>, spot: Spot<'_>, splices: &mut Splices) {
        let named = columns::of_object(object);
        let mut renamed = Renamed::default();
        let mut about = None;
        for (key, value) in object.members() {
            let name = key.as_str().unwrap_or_default();
            let known = self.keys.look_up(&name, spot.topics);
            let mut trail = Trail {
                around: Some(spot.trail),
                step: Step::Key(&name),
            };
            let mut topics = known.topics;
            if known.is_clean != Some(true) {
                let found = Trail {
                    step: Step::Found(&name),
                    ..trail
                };
                let new = if self.may_hold(&name) {
                    self.renamed(&name, &found)
                } else {
                    self.finds.clear();
                    None
                };
                let is_clean = self.finds.is_empty();
                if !is_clean {
                    trail = found;
                }
                let known = Known {
                    is_clean: Some(is_clean),
                    ..known
                };
                self.keys.keep(&name, spot.topics, known);
                if let Some(new) = new {
                    let new = renamed.told_apart(object, &new);
                    let Range { start, end } = key.span();
                    splices.push((start.saturating_add(1)..end.saturating_sub(1), escaped(new)));
                }
            }
            if topics.is_bare_name() && !spot.topics.is_of_thing() {
                topics.add(*about.get_or_insert_with(|| self.about(object)));
            }
            if known.is_value {
                topics = columns::of_sibling(object).unwrap_or(topics);
            }
            let rows = named.as_ref().filter(|_| columns::holds_rows(&name));
            let spot = Spot {
                trail: &trail,
                topics,
                columns: rows,
                ..spot
            };
            self.value(value, spot, splices);
        }
    }

    /// Whether something may be found in a key: fewer letters than any token has are only a name.
    fn may_hold(&self, key: &str) -> bool {
        const MIN_TOKEN_BYTES: usize = 16;
        let is_name = key.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
        self.sought.has_custom() || key.len() >= MIN_TOKEN_BYTES || !is_name
    }

    /// What a `name` names, by the keys beside it.
    fn about(&mut self, object: Value<'_>) -> Topics {
        let mut beside = Topics::default();
        for (key, _) in object.members() {
            let name = key.as_str().unwrap_or_default();
            beside.add(self.keys.look_up(&name, Topics::default()).topics.beside());
        }
        beside.named()
    }

    /// What a key is called once what is found in it is replaced; `None` where nothing is.
    fn renamed(&mut self, name: &str, trail: &Trail<'_>) -> Option<String> {
        let mut splices = Splices::new();
        self.text(name, Field::default(), trail, &mut splices);
        let mut new = String::with_capacity(name.len());
        let mut at = 0;
        for (range, with) in &splices {
            new.push_str(name.get(at..range.start).unwrap_or_default());
            new.push_str(with);
            at = range.end;
        }
        new.push_str(name.get(at..).unwrap_or_default());
        (!splices.is_empty()).then_some(new)
    }

    fn number(&mut self, number: Value<'_>, spot: Spot<'_>, splices: &mut Splices) {
        /// Fewest digits of anything that is found in a number.
        const MIN_DIGITS: usize = 7;
        // Tables of floats hold whole numbers too.
        let lexeme = number.raw();
        let lexeme = lexeme.strip_suffix(".0").unwrap_or(lexeme);
        if lexeme.len() < MIN_DIGITS || !lexeme.bytes().all(|byte| byte.is_ascii_digit()) {
            return;
        }
        let mut plain = Splices::new();
        self.leaf(lexeme, spot, &mut plain);
        if !plain.is_empty() {
            splices.push((number.span(), "0".to_owned()));
        }
    }

    fn string(&mut self, string: Value<'_>, spot: Spot<'_>, splices: &mut Splices) {
        let text = string.as_str().unwrap_or_default();
        let mut inner = Splices::new();
        // What its field makes something is so as a whole.
        let may_be_part = spot.topics == Topics::default() && !self.sought.has_fields();
        let held = held_json(&text)
            .filter(|(held, _)| may_be_part || is_whole(&text, held))
            .filter(|_| spot.levels < MAX_LEVELS);
        match held {
            Some((held, json)) => {
                let trail = Trail {
                    around: Some(spot.trail),
                    step: Step::Text,
                };
                let within = Spot {
                    trail: &trail,
                    columns: None,
                    levels: spot.levels.saturating_add(1),
                    ..spot
                };
                self.leaf(text.get(..held.start).unwrap_or_default(), spot, &mut inner);
                let (before, end) = (inner.len(), held.end);
                self.value(json.root(), within, &mut inner);
                shift(&mut inner, before, held.start);
                let before = inner.len();
                self.leaf(text.get(end..).unwrap_or_default(), spot, &mut inner);
                shift(&mut inner, before, end);
            }
            None => self.leaf(&text, spot, &mut inner),
        }
        if inner.is_empty() {
            return;
        }
        string.place(&mut inner, |(range, _)| range);
        splices.extend(
            inner
                .into_iter()
                .map(|(place, with)| (place, escaped(with))),
        );
    }

    fn leaf(&mut self, text: &str, spot: Spot<'_>, splices: &mut Splices) {
        let keys = if self.sought.has_fields() {
            spot.trail.keys()
        } else {
            Vec::new()
        };
        let field = Field {
            topics: spot.topics,
            keys: &keys,
        };
        self.text(text, field, spot.trail, splices);
    }

    /// Looks at a decoded text, and says what takes the place of finds in it.
    fn text(&mut self, text: &str, field: Field<'_>, trail: &Trail<'_>, splices: &mut Splices) {
        self.finds.clear();
        scan::scan(text, field, &self.sought, &mut self.finds);
        if self.finds.is_empty() {
            return;
        }
        let binding = self.redactor.binding.as_ref();
        reveal::spare_tokens(text, binding, &mut self.finds);
        let finds = std::mem::take(&mut self.finds);
        let mut here = None;
        for find in &finds {
            let value = text.get(find.range.clone()).unwrap_or_default();
            let action = match self.sought.verdict(find.finder, value) {
                Verdict::Left => continue,
                Verdict::Recorded => None,
                Verdict::Changed(action) => Some(action),
            };
            let id = self.sought.id(find.finder);
            self.note(find.finder, action, trail, &mut here);
            let Some(action) = action else { continue };
            if action == Action::Block && self.blocked.is_none() {
                self.blocked = Some(Blocked {
                    detector: id.into(),
                });
            }
            splices.push((find.range.clone(), replacement(binding, id, action, value)));
        }
        self.finds = finds;
    }

    /// Records a find, counted with those of the same at the same place. `here` is the position of
    /// a finding at this place, once there is one.
    fn note(
        &mut self,
        finder: Finder,
        action: Option<Action>,
        trail: &Trail<'_>,
        here: &mut Option<usize>,
    ) {
        let id = self.sought.id(finder);
        let is_full = self.findings.len() >= MAX_FINDINGS;
        let of_here = here.and_then(|at| self.findings.get(at));
        let pointer = match of_here {
            _ if is_full => Cow::Borrowed(""),
            Some(finding) => Cow::Borrowed(&*finding.pointer),
            None => Cow::Owned(trail.pointer(&self.base)),
        };
        let is_same = |finding: &Finding| {
            finding.detector == id && finding.action == action && finding.pointer == *pointer
        };
        let mut near = self.findings.iter().enumerate().rev().take(NEAR_FINDINGS);
        let same = near.find(|(_, finding)| is_same(finding));
        if let Some((at, _)) = same {
            *here = Some(at);
            if let Some(finding) = self.findings.get_mut(at) {
                finding.count = finding.count.saturating_add(1);
            }
            return;
        }
        let finding = Finding {
            detector: match finder {
                Finder::BuiltIn(detector) => Cow::Borrowed(detector.as_str()),
                Finder::Custom(..) => Cow::Owned(id.to_owned()),
            },
            pointer: pointer.into_owned(),
            count: 1,
            action,
        };
        *here = Some(self.findings.len());
        self.findings.push(finding);
    }
}

/// How many findings are looked through for one that is the same.
const NEAR_FINDINGS: usize = 64;

/// Moves the splices from one on to where the text that they are of begins.
fn shift(splices: &mut Splices, from: usize, by: usize) {
    for (range, _) in splices.iter_mut().skip(from) {
        *range = range.start.saturating_add(by)..range.end.saturating_add(by);
    }
}

/// Whether only white space is around a part of a text.
fn is_whole(text: &str, held: &Range<usize>) -> bool {
    text.trim_ascii().len() == held.len()
}

/// The JSON that a text is, or that stands in it after a few words, and where: an object, an array,
/// or a string that may hold more.
fn held_json(text: &str) -> Option<(Range<usize>, Document<'_>)> {
    let bytes = text.as_bytes();
    let head = bytes.get(..MAX_WORDS_BEFORE).unwrap_or(bytes);
    let first = memchr::memchr3(b'{', b'[', b'"', head)?;
    let close = match bytes.get(first)? {
        b'{' => b'}',
        b'[' => b']',
        _ => b'"',
    };
    let last = memchr::memrchr(close, bytes).filter(|last| *last > first.saturating_add(1))?;
    let range = first..last.saturating_add(1);
    // A quoted word in prose is no JSON of its own.
    if close == b'"' && !is_whole(text, &range) {
        return None;
    }
    let json = text.get(range.clone())?;
    let json = Document::parse(json.as_bytes(), json.len(), &Limits::DEFAULT).ok()?;
    Some((range, json))
}

#[cfg(test)]
mod tests;
