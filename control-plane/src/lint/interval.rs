//! Where numbers are, as far as an `f64` tells them apart.

use chancery_proto::policy::v1::Bounds;
use serde_json::{Map, Value};

/// The numbers between two bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interval {
    lower: Bound,
    upper: Bound,
}

#[derive(Clone, Copy, Debug)]
struct Bound {
    at: f64,
    /// Whether the bound itself is outside.
    is_open: bool,
}

impl Interval {
    const ALL: Self = Self {
        lower: Bound {
            at: f64::NEG_INFINITY,
            is_open: false,
        },
        upper: Bound {
            at: f64::INFINITY,
            is_open: false,
        },
    };

    /// The numbers within the bounds of a condition.
    pub(super) fn of_bounds(bounds: &Bounds) -> Self {
        let Bounds { lt, le, gt, ge } = bounds;
        Self::within(
            [(gt.parse().ok(), true), (ge.parse().ok(), false)],
            [(lt.parse().ok(), true), (le.parse().ok(), false)],
        )
    }

    /// The numbers that fit a JSON Schema.
    pub(super) fn of_schema(schema: &Map<String, Value>) -> Self {
        let bounds = |plain: &str, exclusive: &str| {
            let number = |keyword| schema.get(keyword).and_then(Value::as_f64);
            // A flag in draft 4, a bound of its own since.
            let is_exclusive = schema.get(exclusive).and_then(Value::as_bool);
            [
                (number(plain), is_exclusive == Some(true)),
                (number(exclusive), true),
            ]
        };
        Self::within(
            bounds("minimum", "exclusiveMinimum"),
            bounds("maximum", "exclusiveMaximum"),
        )
    }

    fn within(lower: [(Option<f64>, bool); 2], upper: [(Option<f64>, bool); 2]) -> Self {
        let bound = |(at, is_open): (Option<f64>, bool)| at.map(|at| Bound { at, is_open });
        let lower = lower.into_iter().filter_map(bound);
        let upper = upper.into_iter().filter_map(bound);
        let all = lower.fold(Self::ALL, |all, lower| all.and(Self { lower, ..Self::ALL }));
        upper.fold(all, |all, upper| all.and(Self { upper, ..Self::ALL }))
    }

    /// What is in both.
    pub(super) fn and(self, other: Self) -> Self {
        let is_tighter = |one: Bound, other: Bound, is_beyond: bool| {
            is_beyond || one.at.total_cmp(&other.at).is_eq() && one.is_open
        };
        let lower = if is_tighter(self.lower, other.lower, self.lower.at > other.lower.at) {
            self.lower
        } else {
            other.lower
        };
        let upper = if is_tighter(self.upper, other.upper, self.upper.at < other.upper.at) {
            self.upper
        } else {
            other.upper
        };
        Self { lower, upper }
    }

    /// Whether no number is in it.
    pub(super) fn is_empty(self) -> bool {
        let Self { lower, upper } = self;
        lower.at > upper.at || lower.at >= upper.at && (lower.is_open || upper.is_open)
    }

    pub(super) fn contains(self, number: f64) -> bool {
        let point = Bound {
            at: number,
            is_open: false,
        };
        let point = Self {
            lower: point,
            upper: point,
        };
        !self.and(point).is_empty()
    }
}
