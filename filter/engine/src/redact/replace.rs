//! What takes the place of a find.

use super::{Action, reveal::token};
use crate::seal::Binding;

/// How many letters and digits [`Action::Partial`] leaves.
const KEPT: usize = 4;

/// What takes the place of a value that a detector, named by its id, found: text, not escaped yet.
///
/// Hashes and tokens need the organization's keys; where there are none (yet), the name of the
/// detector takes the place, which protects more.
pub(super) fn replacement(
    binding: Option<&Binding<'_>>,
    detector: &str,
    action: Action,
    value: &str,
) -> String {
    let sealed = match action {
        Action::Mask => return masked(value, 0),
        Action::Partial => return masked(value, KEPT),
        Action::Hash => binding.map(|binding| {
            let hash = binding.hash(detector, value)?;
            Ok(format!("[{detector}:{hash}]"))
        }),
        Action::Token => binding.map(|binding| {
            let sealed = binding.seal_value(detector, value)?;
            Ok(token(detector, &sealed))
        }),
        Action::Replace | Action::Block => None,
    };
    let sealed = sealed.and_then(Result::<_, crate::seal::SealError>::ok);
    sealed.unwrap_or_else(|| ["[redacted:", detector, "]"].concat())
}

/// A text with `*` for every letter and digit but the last `kept`; of so few that half of them could
/// be guessed, none is kept. Beyond ASCII everything counts as a letter.
fn masked(value: &str, kept: usize) -> String {
    let is_masked = |c: &char| c.is_ascii_alphanumeric() || !c.is_ascii();
    let count = value.chars().filter(is_masked).count();
    let kept = if count > kept.saturating_mul(2) {
        kept
    } else {
        0
    };
    let mut left = count.saturating_sub(kept);
    let mask = |c: char| {
        if is_masked(&c) && left > 0 {
            left = left.saturating_sub(1);
            return '*';
        }
        c
    };
    value.chars().map(mask).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{principal::Principal, seal::Keyring};

    #[test]
    fn shows_as_much_as_the_action_says() {
        let value = "4111-1111 1111 1234";
        let of = |action| replacement(None, "payment_card", action, value);
        assert_eq!(of(Action::Replace), "[redacted:payment_card]");
        assert_eq!(of(Action::Mask), "****-**** **** ****");
        assert_eq!(of(Action::Partial), "****-**** **** 1234");
        let partial = |value| replacement(None, "person", Action::Partial, value);
        assert_eq!(partial("12345678"), "********");
        assert_eq!(partial("123456789"), "*****6789");
        assert_eq!(partial("Zoé Ünal"), "*** ****");
        assert_eq!(partial(""), "");
    }

    #[test]
    fn without_a_key_the_name_takes_the_place() {
        let (keys, principal) = (Keyring::default(), Principal::anonymous());
        let binding = Binding {
            keys: &keys,
            organization: "organizations/o",
            server: "s",
            principal: &principal,
        };
        for binding in [None, Some(&binding)] {
            for action in [Action::Hash, Action::Token] {
                let text = replacement(binding, "email", action, "a@b.io");
                assert_eq!(text, "[redacted:email]");
            }
        }
    }
}
