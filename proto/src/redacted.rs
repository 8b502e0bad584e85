//! Messages that carry secrets show themselves without them.

use std::fmt;

use crate::{admin::v1 as admin, node::v1 as node};

/// Shows whether there is a secret, and nothing of it.
struct Withheld(bool);

impl fmt::Debug for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "withheld" } else { "none" })
    }
}

/// Shows some fields as they are and of others only whether they hold anything.
macro_rules! redacted {
    ($($message:ty { $($shown:ident),*; $($secret:ident),+ })+) => {$(
        impl fmt::Debug for $message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // Taken apart, so that a new field is decided on.
                let Self { $($shown,)* $($secret),+ } = self;
                f.debug_struct(stringify!($message))
                    $(.field(stringify!($shown), $shown))*
                    $(.field(stringify!($secret), &Withheld(!$secret.is_empty())))+
                    .finish()
            }
        }
    )+};
}

redacted! {
    admin::ClientCredentials { token_uri, client_id, scopes, resource; client_secret }
    admin::TokenExchange { token_uri, client_id, audience, resource, scopes; client_secret }
    admin::StaticHeader { header, expire_time, approver, reason; value }
    admin::SigningSecret { ; secret }
    admin::DiscoverServerRequest { parent, server_id, url; bearer_token }
    admin::RotateCredentialRequest { name, overlap, etag; secret }
    node::CredentialRequest { request_id, server, principal, refused_digest; subject_token }
    node::CredentialAnswer { request_id, expire_time, error; header_value }
    node::SealingKeys { organization; keys }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_no_secret() {
        let answer = node::CredentialAnswer {
            request_id: 7,
            header_value: "Bearer hunter2".to_owned(),
            ..node::CredentialAnswer::default()
        };
        let shown = format!("{answer:?}");
        assert!(
            shown.contains("withheld") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
