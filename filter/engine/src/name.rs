//! Resource names (AIP-122).

/// The organization of a resource name, `organizations/{o}`, or the name itself where it is shorter.
pub fn organization_of(name: &str) -> &str {
    match name.match_indices('/').nth(1) {
        Some((second_slash, _)) => name.get(..second_slash).unwrap_or_default(),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_what_the_name_begins_with() {
        for name in [
            "organizations/o",
            "organizations/o/rules/r",
            "organizations/o/workspaces/w/servers/s",
        ] {
            assert_eq!(organization_of(name), "organizations/o");
        }
    }
}
