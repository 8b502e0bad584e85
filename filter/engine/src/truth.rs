//! Whether something holds, where that cannot always be known.

/// Whether something holds. What cannot be known opens nothing: it satisfies no rule that allows
/// and every rule that denies.
///
/// Combined as in Kleene's logic: a conjunction fails where one part surely fails, whatever the
/// others come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Truth {
    /// It does.
    Holds,
    /// It does not.
    Fails,
    /// It cannot be evaluated.
    Unknown,
}

impl Truth {
    /// Whether both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fails, _) | (_, Self::Fails) => Self::Fails,
            (Self::Holds, Self::Holds) => Self::Holds,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
        }
    }

    /// Whether one of them holds.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        !(!self).and(!other)
    }

    /// Whether all hold; nothing holds altogether.
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::Holds;
        for part in parts {
            all = all.and(part);
            if all == Self::Fails {
                break;
            }
        }
        all
    }

    /// Whether any holds; of nothing, none does.
    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        !Self::all(parts.into_iter().map(|part| !part))
    }

    /// What all readers of a value find; unknown where they differ, or there is none.
    pub fn agreed(readings: impl IntoIterator<Item = Self>) -> Self {
        let mut readings = readings.into_iter();
        let first = readings.next().unwrap_or(Self::Unknown);
        if readings.all(|reading| reading == first) {
            first
        } else {
            Self::Unknown
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Fails }
    }
}

impl std::ops::Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Holds => Self::Fails,
            Self::Fails => Self::Holds,
            Self::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{self, Fails, Holds, Unknown};

    #[test]
    fn what_is_unknown_stays_so_unless_the_rest_settles_it() {
        for (left, right, and, or) in [
            (Holds, Holds, Holds, Holds),
            (Holds, Fails, Fails, Holds),
            (Fails, Fails, Fails, Fails),
            (Unknown, Holds, Unknown, Holds),
            (Unknown, Fails, Fails, Unknown),
            (Unknown, Unknown, Unknown, Unknown),
        ] {
            for (left, right) in [(left, right), (right, left)] {
                assert_eq!(left.and(right), and, "{left:?} {right:?}");
                assert_eq!(left.or(right), or, "{left:?} {right:?}");
                assert_eq!(Truth::all([left, right]), and);
                assert_eq!(Truth::any([left, right]), or);
            }
        }
        assert_eq!(Truth::all([]), Holds);
        assert_eq!(Truth::any([]), Fails);
    }
}
