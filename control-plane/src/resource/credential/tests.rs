use super::*;

fn credential(secret: &str, kind: fn(String) -> Kind) -> admin::Credential {
    admin::Credential {
        name: "organizations/o/credentials/c".to_owned(),
        servers: vec!["a".to_owned(), "b".to_owned()],
        kind: Some(kind(secret.to_owned())),
        ..admin::Credential::default()
    }
}

fn client(client_secret: String) -> Kind {
    Kind::ClientCredentials(admin::ClientCredentials {
        token_uri: "https://idp.test/token".to_owned(),
        client_id: "gateway".to_owned(),
        client_secret,
        ..admin::ClientCredentials::default()
    })
}

fn exchange(client_secret: String) -> Kind {
    Kind::TokenExchange(admin::TokenExchange {
        token_uri: "https://idp.test/token".to_owned(),
        client_id: "gateway".to_owned(),
        client_secret,
        audience: "a".to_owned(),
        ..admin::TokenExchange::default()
    })
}

fn header(value: String) -> Kind {
    Kind::StaticHeader(admin::StaticHeader {
        header: "x-api-key".to_owned(),
        value,
        ..admin::StaticHeader::default()
    })
}

type Making = fn(String) -> Kind;
type Change = fn(&mut admin::Credential);

fn of_client(credential: &mut admin::Credential) -> &mut admin::ClientCredentials {
    match credential.kind.as_mut() {
        Some(Kind::ClientCredentials(client)) => client,
        _ => panic!(),
    }
}

fn of_exchange(credential: &mut admin::Credential) -> &mut admin::TokenExchange {
    match credential.kind.as_mut() {
        Some(Kind::TokenExchange(exchange)) => exchange,
        _ => panic!(),
    }
}

#[test]
fn a_kept_secret_is_sent_nowhere_else() {
    let cases: [(Making, &str, Change); 7] = [
        (client, "servers", |it| it.servers.push("c".to_owned())),
        (client, "token_uri", |it| {
            of_client(it).token_uri = "https://evil.test".to_owned();
        }),
        (client, "client_id", |it| of_client(it).client_id.push('x')),
        (exchange, "token_uri", |it| {
            of_exchange(it).token_uri.push('x');
        }),
        (exchange, "audience", |it| {
            of_exchange(it).audience.push('x');
        }),
        (header, "servers", |it| {
            it.servers = vec!["a".to_owned(), "c".to_owned()];
        }),
        (header, "header", |it| {
            if let Some(Kind::StaticHeader(header)) = it.kind.as_mut() {
                header.header.push('x');
            }
        }),
    ];
    for (kind, field, change) in cases {
        let stored = credential("", kind);
        let mut changed = credential("", kind);
        change(&mut changed);
        let refused = take_secret(&mut changed, Some(&stored), Timestamp::default());
        let refused = refused.unwrap_err();
        let found = format!("nothing, while `{field}` changes");
        assert_eq!(refused.found, found, "{refused}");
        let mut known = credential("known", kind);
        change(&mut known);
        let taken = take_secret(&mut known, Some(&stored), Timestamp::default());
        assert!(taken.unwrap().is_some(), "{field}");
    }
}

#[test]
fn what_sends_it_to_nobody_new_keeps_it() {
    let cases: [(Making, Change); 3] = [
        (client, |it| it.servers.truncate(1)),
        (client, |it| of_client(it).scopes.push("notes".to_owned())),
        (header, |it| it.description.push('x')),
    ];
    for (kind, change) in cases {
        let stored = credential("", kind);
        let mut changed = credential("", kind);
        change(&mut changed);
        let taken = take_secret(&mut changed, Some(&stored), Timestamp::default());
        assert!(taken.unwrap().is_none());
    }
}
