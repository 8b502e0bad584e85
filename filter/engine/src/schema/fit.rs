//! Whether a value fits a schema.

use std::cmp::Ordering;

use super::{
    Arrays, Count, Misfit, Node, NodeIndex, Numbers, Objects, Parts, Schema, Texts, Types,
    equal::{are_unique, decimal, same},
    expected::{Expected, Step},
    pattern::LazyPattern,
};
use crate::{
    condition::decimal::Decimal,
    json::{Kind, Value},
    truth::Truth,
};

/// Most nodes within each other that a value is held against.
const MAX_DEPTH: usize = 256;

/// Characters of a text that are read in one step.
const STEP_BYTES: usize = 64;

/// Steps that a byte takes which is searched for a regular expression.
const SEARCH_STEPS: usize = 16;

/// It cannot be found out within bounds, and so counts as a misfit of the whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Exhausted;

/// Whether something fits; where not, what was expected is noted.
type Fits = Result<bool, Exhausted>;

/// How many steps are left.
#[derive(Debug)]
pub(super) struct Steps(usize);

impl Steps {
    pub(super) fn new(max: usize) -> Self {
        Self(max)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<(), Exhausted> {
        self.0 = self.0.checked_sub(count).ok_or(Exhausted)?;
        Ok(())
    }

    /// Those for reading a text as a whole.
    pub(super) fn take_text(&mut self, text: Value<'_>) -> Result<(), Exhausted> {
        self.take(text.span().len() / STEP_BYTES)
    }
}

impl Schema {
    pub(super) fn check(&self, value: Value<'_>, steps: &mut Steps) -> Result<(), Misfit> {
        let mut fitting = Fitting {
            nodes: &self.nodes,
            steps,
            path: Vec::new(),
            depth: 0,
            quiet: 0,
            misfit: None,
        };
        match fitting.fits(value, NodeIndex(0)) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let misfit = fitting.misfit.take();
                Err(misfit.unwrap_or_else(Misfit::unknown))
            }
            Err(Exhausted) => Err(Misfit::unknown()),
        }
    }
}

/// A value held against a schema.
struct Fitting<'s, 'w> {
    nodes: &'s [Node],
    steps: &'w mut Steps,
    /// Where it is at.
    path: Vec<Step<'s>>,
    /// How many nodes it is within.
    depth: usize,
    /// Within how many it may well not fit.
    quiet: usize,
    misfit: Option<Misfit>,
}

impl<'s> Fitting<'s, '_> {
    fn node(&self, index: NodeIndex) -> Result<&'s Node, Exhausted> {
        let position = usize::try_from(index.0).map_err(|_too_large| Exhausted)?;
        self.nodes.get(position).ok_or(Exhausted)
    }

    /// It does not fit.
    #[expect(clippy::unnecessary_wraps, reason = "what every check gives back")]
    fn miss(&mut self, expected: Expected<'_>) -> Fits {
        if self.quiet == 0 {
            self.misfit = Some(expected.misfit(&self.path));
        }
        Ok(false)
    }

    fn expect(&mut self, holds: bool, expected: Expected<'_>) -> Fits {
        if holds { Ok(true) } else { self.miss(expected) }
    }

    /// Whether a value fits that may well not.
    fn fits_quietly(&mut self, value: Value<'_>, index: NodeIndex) -> Fits {
        self.quiet = self.quiet.saturating_add(1);
        let fits = self.fits(value, index);
        self.quiet = self.quiet.saturating_sub(1);
        fits
    }

    fn fits_at(&mut self, step: Step<'s>, value: Value<'_>, index: NodeIndex) -> Fits {
        self.path.push(step);
        let fits = self.fits(value, index);
        self.path.pop();
        fits
    }

    fn fits(&mut self, value: Value<'_>, index: NodeIndex) -> Fits {
        self.steps.take(1)?;
        if self.depth == MAX_DEPTH {
            return Err(Exhausted);
        }
        let node = self.node(index)?;
        if !node.types.take(value) {
            return self.miss(Expected::Types(node.types));
        }
        self.depth = self.depth.saturating_add(1);
        let fits = self.fits_node(value, node);
        self.depth = self.depth.saturating_sub(1);
        fits
    }

    fn fits_node(&mut self, value: Value<'_>, node: &'s Node) -> Fits {
        if let Some(choices) = &node.choices {
            let mut is_one = false;
            for choice in choices.root().items() {
                is_one = is_one || same(choice, value, self.steps)?;
            }
            if !is_one {
                return self.miss(Expected::Choice);
            }
        }
        let fits = match (value.kind(), node) {
            (
                Kind::Number,
                Node {
                    number: Some(it), ..
                },
            ) => self.fits_number(value.raw(), it)?,
            (Kind::String, Node { text: Some(it), .. }) => self.fits_text(value, it)?,
            (
                Kind::Array,
                Node {
                    array: Some(it), ..
                },
            ) => self.fits_array(value, it)?,
            (
                Kind::Object,
                Node {
                    object: Some(it), ..
                },
            ) => self.fits_object(value, it)?,
            (
                Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Array | Kind::Object,
                _,
            ) => true,
        };
        match &node.parts {
            Some(parts) if fits => self.fits_parts(value, parts),
            Some(_) | None => Ok(fits),
        }
    }

    fn fits_number(&mut self, lexeme: &str, said: &'s Numbers) -> Fits {
        let Numbers {
            minimum,
            maximum,
            exclusive_minimum,
            exclusive_maximum,
            multiple_of,
        } = said;
        let number = decimal(lexeme).ok_or(Exhausted)?;
        let compares = |bound: &str, holds: fn(Ordering) -> bool| {
            decimal(bound).is_some_and(|bound| holds(number.compare(bound)))
        };
        if let Some(bound) = minimum
            .as_deref()
            .filter(|it| !compares(it, Ordering::is_ge))
        {
            return self.miss(Expected::AtLeast(bound));
        }
        if let Some(bound) = maximum
            .as_deref()
            .filter(|it| !compares(it, Ordering::is_le))
        {
            return self.miss(Expected::AtMost(bound));
        }
        let above = exclusive_minimum.as_deref();
        if let Some(bound) = above.filter(|it| !compares(it, Ordering::is_gt)) {
            return self.miss(Expected::MoreThan(bound));
        }
        let below = exclusive_maximum.as_deref();
        if let Some(bound) = below.filter(|it| !compares(it, Ordering::is_lt)) {
            return self.miss(Expected::LessThan(bound));
        }
        let is_multiple = |divisor: &&str| {
            let parts = decimal(divisor).and_then(Decimal::parts);
            parts.is_some_and(|parts| number.is_multiple_of(parts))
        };
        match multiple_of.as_deref().filter(|it| !is_multiple(it)) {
            Some(divisor) => self.miss(Expected::MultipleOf(divisor)),
            None => Ok(true),
        }
    }

    fn fits_text(&mut self, value: Value<'_>, said: &'s Texts) -> Fits {
        self.steps.take_text(value)?;
        let text = value.as_str().unwrap_or_default();
        if said.chars != Count::default() {
            // JSON Schema counts characters (validation, section 6.3).
            let count = text.chars().count();
            if !self.has_count(count, said.chars, "characters")? {
                return Ok(false);
            }
        }
        match &said.pattern {
            Some(pattern) if !self.matches(pattern, &text)? => self.miss(Expected::Matching),
            Some(_) | None => Ok(true),
        }
    }

    fn matches(&mut self, pattern: &LazyPattern, text: &str) -> Fits {
        self.steps.take(text.len().saturating_mul(SEARCH_STEPS))?;
        match pattern.find_in(text) {
            Truth::Holds => Ok(true),
            Truth::Fails => Ok(false),
            Truth::Unknown => Err(Exhausted),
        }
    }

    fn has_count(&mut self, count: usize, said: Count, things: &'static str) -> Fits {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if count < said.min {
            return self.miss(Expected::MinOf(said.min, things));
        }
        match said.max.filter(|max| count > *max) {
            Some(max) => self.miss(Expected::MaxOf(max, things)),
            None => Ok(true),
        }
    }

    fn fits_array(&mut self, array: Value<'_>, said: &'s Arrays) -> Fits {
        let mut count: usize = 0;
        for item in array.items() {
            if let Some(node) = said.first.get(count).copied().or(said.rest)
                && !self.fits_at(Step::Item(count), item, node)?
            {
                return Ok(false);
            }
            count = count.saturating_add(1);
        }
        if !self.has_count(count, said.items, "items")? {
            return Ok(false);
        }
        if let Some(node) = said.contains {
            let asked = said.contained;
            let mut found: u32 = 0;
            for item in array.items() {
                if self.fits_quietly(item, node)? {
                    found = found.saturating_add(1);
                }
            }
            if found < asked.min || asked.max.is_some_and(|max| found > max) {
                return self.miss(Expected::Containing);
            }
        }
        let is_asked = said.are_unique;
        let holds = !is_asked || are_unique(array, self.steps)?;
        self.expect(holds, Expected::Unique)
    }

    fn fits_object(&mut self, object: Value<'_>, said: &'s Objects) -> Fits {
        let (mut count, mut required): (usize, usize) = (0, 0);
        for (key, value) in object.members() {
            self.steps.take(1)?;
            count = count.saturating_add(1);
            let name = key.as_str().unwrap_or_default();
            let named = said
                .members
                .binary_search_by(|known| (*known.name).cmp(&name));
            let named = named.ok().and_then(|position| said.members.get(position));
            let mut step = Step::Other;
            let mut is_other = true;
            if let Some(member) = named {
                step = Step::Member(&member.name);
                required = required.saturating_add(usize::from(member.is_required));
                for needed in &member.needs {
                    if object.get(needed).is_none() {
                        return self.miss(Expected::Required(needed));
                    }
                }
                if let Some(node) = member.node {
                    is_other = false;
                    if !self.fits_at(step, value, node)? {
                        return Ok(false);
                    }
                }
                if let Some(node) = member.dependent
                    && !self.fits(object, node)?
                {
                    return Ok(false);
                }
            }
            for (pattern, node) in &said.patterns {
                if self.matches(pattern, &name)? {
                    is_other = false;
                    if !self.fits_at(step, value, *node)? {
                        return Ok(false);
                    }
                }
            }
            if let Some(node) = said.others.filter(|_| is_other) {
                if self.node(node)?.types == Types::NONE {
                    return self.miss(Expected::NoOthers);
                }
                if !self.fits_at(step, value, node)? {
                    return Ok(false);
                }
            }
            if let Some(node) = said.names
                && !self.fits_quietly(key, node)?
            {
                return self.miss(Expected::Named);
            }
        }
        if required < said.required {
            let mut members = said.members.iter().filter(|member| member.is_required);
            let missing = members.find(|member| object.get(&member.name).is_none());
            let name = missing.map_or("", |member| &*member.name);
            return self.miss(Expected::Required(name));
        }
        self.has_count(count, said.count, "members")
    }

    fn fits_parts(&mut self, value: Value<'_>, said: &'s Parts) -> Fits {
        for node in &said.all {
            if !self.fits(value, *node)? {
                return Ok(false);
            }
        }
        if !said.any.is_empty() && !self.fits_any(value, &said.any)? {
            return Ok(false);
        }
        if !said.one.is_empty() {
            let mut fitting = 0_usize;
            for node in &said.one {
                fitting = fitting.saturating_add(self.fits_quietly(value, *node)?.into());
            }
            if fitting != 1 {
                return self.miss(Expected::OnlyOne);
            }
        }
        if let Some(node) = said.none
            && self.fits_quietly(value, node)?
        {
            return self.miss(Expected::NotThis);
        }
        if let Some(condition) = said.condition {
            let node = if self.fits_quietly(value, condition)? {
                said.then
            } else {
                said.otherwise
            };
            return node.map_or(Ok(true), |node| self.fits(value, node));
        }
        Ok(true)
    }

    fn fits_any(&mut self, value: Value<'_>, nodes: &'s [NodeIndex]) -> Fits {
        let mut of_its_type = None;
        for node in nodes {
            let takes_it = self.node(*node)?.types.take(value);
            if takes_it && of_its_type.replace(*node).is_some() {
                of_its_type = None;
                break;
            }
        }
        // What is wrong with it, the only one that takes its type can tell.
        if let Some(node) = of_its_type {
            return self.fits(value, node);
        }
        for node in nodes {
            if self.fits_quietly(value, *node)? {
                return Ok(true);
            }
        }
        self.miss(Expected::OneOf)
    }
}
