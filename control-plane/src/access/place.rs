//! Where a resource belongs: an organization, and perhaps one workspace of it.

/// An organization or a workspace, by id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place<'n> {
    /// The organization's id.
    pub organization: &'n str,
    /// The workspace's id. Absent: the organization as a whole.
    pub workspace: Option<&'n str>,
}

impl<'n> Place<'n> {
    /// A whole organization.
    pub fn whole(organization: &'n str) -> Self {
        Self {
            organization,
            workspace: None,
        }
    }

    /// Where the resource of this name is: `organizations/{o}[/workspaces/{w}][/…]`. Absent where
    /// the text begins in another way; what is nowhere belongs to nobody.
    pub fn of(name: &'n str) -> Option<Self> {
        let mut segments = name.split('/');
        let organization = (segments.next()? == "organizations")
            .then(|| segments.next())
            .flatten()
            .filter(|id| !id.is_empty())?;
        let workspace = match (segments.next(), segments.next()) {
            (Some("workspaces"), Some(id)) if !id.is_empty() => Some(id),
            // A collection of workspaces, or a name cut short, is in none.
            (Some("workspaces"), _) => return None,
            _ => None,
        };
        Some(Self {
            organization,
            workspace,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_where_it_is() {
        let place = |organization, workspace| {
            Some(Place {
                organization,
                workspace,
            })
        };
        for (name, expected) in [
            ("organizations/o", place("o", None)),
            ("organizations/o/rules/r", place("o", None)),
            ("organizations/o/workspaces/w", place("o", Some("w"))),
            (
                "organizations/o/workspaces/w/rules/r",
                place("o", Some("w")),
            ),
            ("organizations/o/workspaces", None),
            ("organizations/o/workspaces//servers/s", None),
            ("organizations/", None),
            ("organizations", None),
            ("Organizations/o", None),
            ("", None),
            ("/organizations/o", None),
        ] {
            assert_eq!(Place::of(name), expected, "{name}");
        }
    }
}
