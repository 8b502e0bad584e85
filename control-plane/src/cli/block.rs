//! `chancery block` and `unblock`.

use std::time::SystemTime;

use chancery_engine::id::Hex;
use chancery_proto::{
    admin::v1::{
        self as admin, CreateBlockRequest, block::Target, block_service_client::BlockServiceClient,
    },
    policy::v1::{BlockedCapability, BlockedKind},
};
use sha2::{Digest as _, Sha256};

use super::{
    Context,
    connect::Connection,
    console::{Console, Tone},
    exit::{Exit, Failure},
    name::{Kind, Scope},
    proposals, stored,
    time::parse_length,
    visible::visible,
};

/// Letters of a block's name that say what it is about.
const MAX_SLUG_BYTES: usize = 48;

/// Stop a server, one thing that it offers, a user, an agent or a host, at once and whatever the rules say
///
/// Streams that are open end, too. No second person is waited for; lifting a block is a change as any
/// other.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery block server notes -m 'leaks customer data, INC-42'
  chancery block tool notes delete_note -m 'called by mistake' --for 2h
  chancery block user ann@example.com -m 'laptop stolen'
  chancery block host mcp.evil.example -m 'not one of ours'
  chancery get blocks
  chancery unblock server-notes")]
pub(crate) struct BlockArgs {
    #[command(subcommand)]
    what: What,
}

/// What is blocked.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// Everything of a server
    Server {
        /// Which server
        mcp_server: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// One tool of a server
    Tool(OfferedArgs),
    /// One prompt of a server
    Prompt(OfferedArgs),
    /// One resource of a server
    Resource(OfferedArgs),
    /// A user, at every server of the organization
    User {
        /// The user's id, as tokens have it
        id: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// An agent, at every server of the organization
    Agent {
        /// The agent's id, as tokens or certificates have it
        id: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// A host that nobody registered, at every Envoy that serves the organization
    Host {
        /// As requests name it; without a port: at every port
        host: String,
        #[command(flatten)]
        terms: Terms,
    },
}

/// One thing that a server offers.
#[derive(Debug, clap::Args)]
struct OfferedArgs {
    /// Of which server
    mcp_server: String,
    /// Its exact name, or URI
    name: String,
    #[command(flatten)]
    terms: Terms,
}

/// Why, and for how long.
#[derive(Debug, clap::Args)]
struct Terms {
    /// Why, for the record
    #[arg(short = 'm', long = "message", value_name = "WHY")]
    reason: String,
    /// For how long, such as 30m, 2h, 7d; until it is lifted where left out
    #[arg(long = "for", value_name = "TIME", value_parser = parse_length)]
    length: Option<std::time::Duration>,
    /// What to call the block; made from what it is about where left out
    #[arg(long = "name", value_name = "ID")]
    block_id: Option<String>,
}

/// Lift a block
#[derive(Debug, clap::Args)]
pub(crate) struct UnblockArgs {
    /// The block's id, as `get blocks` shows it
    block: String,
}

pub(crate) async fn run(
    args: &BlockArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let (target, words, terms) = args.what.read(&context.scope)?;
    let id = terms.block_id.clone().unwrap_or_else(|| slug(&words));
    let name = context.scope.read(Kind::Block, &id)?;
    let expire_time = terms.length.map(|length| {
        let end = SystemTime::now().checked_add(length);
        end.map(prost_types::Timestamp::from)
            .ok_or_else(|| Failure::Usage("found a time that never comes".to_owned()))
    });
    let block = admin::Block {
        name: name.to_string(),
        reason: terms.reason.clone(),
        target: Some(target),
        expire_time: expire_time.transpose()?,
        ..admin::Block::default()
    };
    let connection = Connection::open(&context.address).await?;
    let mut client = BlockServiceClient::new(connection.channel.clone());
    let call = client.create_block(CreateBlockRequest {
        block: Some(block),
        validate_only: false,
    });
    let action = format!("block {}", visible(&words.join(" ")));
    connection.answer(&action, call).await?;
    let word = console.paint("blocked", Tone::Bad);
    console.line(format_args!(
        "{} {word}: lift it with `chancery unblock {}`",
        visible(&words.join(" ")),
        visible(&id)
    ))?;
    Ok(Exit::Success)
}

pub(crate) async fn lift(
    args: &UnblockArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let name = context.scope.read(Kind::Block, &args.block)?;
    let connection = Connection::open(&context.address).await?;
    if let Some(proposal) = stored::delete(&connection, &name, false).await? {
        let waits = proposals::waits(&proposal);
        console.line(format_args!("{} {waits}", visible(&name.short())))?;
    } else {
        let word = console.paint("lifted", Tone::Good);
        console.line(format_args!("{} {word}", visible(&name.short())))?;
    }
    Ok(Exit::Success)
}

impl What {
    /// What is blocked, in words too, and why.
    fn read(&self, scope: &Scope) -> Result<(Target, Vec<String>, &Terms), Failure> {
        let server = |text: &str| scope.read(Kind::Server, text);
        let offered = |kind: BlockedKind, word: &str, args: &OfferedArgs| {
            let server = server(&args.mcp_server)?;
            let words = vec![word.to_owned(), server.id.clone(), args.name.clone()];
            let target = Target::Capability(BlockedCapability {
                server: server.to_string(),
                kind: kind.into(),
                name: args.name.clone(),
            });
            Ok::<_, Failure>((target, words))
        };
        Ok(match self {
            Self::Server { mcp_server, terms } => {
                let server = server(mcp_server)?;
                let words = vec!["server".to_owned(), server.id.clone()];
                (Target::Server(server.to_string()), words, terms)
            }
            Self::Tool(args) => {
                let (target, words) = offered(BlockedKind::Tool, "tool", args)?;
                (target, words, &args.terms)
            }
            Self::Prompt(args) => {
                let (target, words) = offered(BlockedKind::Prompt, "prompt", args)?;
                (target, words, &args.terms)
            }
            Self::Resource(args) => {
                let (target, words) = offered(BlockedKind::Resource, "resource", args)?;
                (target, words, &args.terms)
            }
            Self::User { id, terms } => {
                let words = vec!["user".to_owned(), id.clone()];
                (Target::User(id.clone()), words, terms)
            }
            Self::Agent { id, terms } => {
                let words = vec!["agent".to_owned(), id.clone()];
                (Target::Agent(id.clone()), words, terms)
            }
            Self::Host { host, terms } => {
                let host = host.to_ascii_lowercase();
                let words = vec!["host".to_owned(), host.clone()];
                (Target::Host(host), words, terms)
            }
        })
    }
}

/// An id made of words: they themselves where they can be one, else with a digest of them, so that no
/// two things share it.
fn slug(words: &[String]) -> String {
    let whole = words.join("-");
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if whole.bytes().all(is_plain) && whole.len() <= MAX_SLUG_BYTES && !whole.ends_with('-') {
        return whole;
    }
    let letters = whole.chars().map(|letter| {
        let letter = letter.to_ascii_lowercase();
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '-'
        }
    });
    let start: String = letters.take(MAX_SLUG_BYTES).collect();
    let digest = Sha256::digest(words.join("\n"));
    let short = digest.first_chunk::<4>().map_or(&[][..], |bytes| bytes);
    format!("{}-{}", start.trim_matches('-'), Hex(short))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_called_by_what_it_is_about() {
        let slug = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
            slug(&words)
        };
        assert_eq!(slug(&["server", "notes"]), "server-notes");
        assert_ne!(slug(&["tool", "n", "a_b"]), slug(&["tool", "n", "a.b"]));
        for words in [
            &["user", "Ann@example.com"][..],
            &["agent", &"x".repeat(500)],
        ] {
            let id = slug(words);
            assert!(crate::resource::name::is_id(&id), "{id}");
        }
    }
}
