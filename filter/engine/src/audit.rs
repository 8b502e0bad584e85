//! When what is allowed goes on: at once, or only once its decision is durable.

/// When a message goes on whose decision is recorded; the later is the stricter.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum AuditLevel {
    /// At once.
    #[default]
    Standard,
    /// Once its decision is durable; it is refused where that cannot be.
    WriteAhead,
}

/// When calls of a server's tools go on, where no rule says so.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum CallAudit {
    /// At once.
    #[default]
    Standard,
    /// Once their decision is durable, but for those of some tools.
    WriteAhead {
        /// These tools, in the order of their names' bytes.
        but: Box<[Box<str>]>,
    },
}

impl CallAudit {
    /// When a call of a tool goes on.
    pub fn of(&self, tool: &str) -> AuditLevel {
        match self {
            Self::WriteAhead { but } if but.binary_search_by(|it| (**it).cmp(tool)).is_err() => {
                AuditLevel::WriteAhead
            }
            Self::Standard | Self::WriteAhead { .. } => AuditLevel::Standard,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_waits_unless_its_tool_is_left_out() {
        let but = ["get", "list"].map(Box::from).into();
        let audit = CallAudit::WriteAhead { but };
        let of = ["get", "list", "lis", "wipe"].map(|tool| audit.of(tool));
        let (at_once, waits) = (AuditLevel::Standard, AuditLevel::WriteAhead);
        assert_eq!(of, [at_once, at_once, waits, waits]);
        assert_eq!(CallAudit::Standard.of("wipe"), at_once);
    }
}
