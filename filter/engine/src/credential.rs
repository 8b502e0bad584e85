//! Credentials for servers, as an instance has them: asked for over its stream, kept in memory
//! until they expire, and handed to the exchanges that wait for them.
//!
//! Nothing correct depends on this memory: to lose it costs a question.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use crate::{
    id::{Digest, Time},
    limits::Limits,
    policy::Policy,
    principal::Principal,
    secret::Secret,
};

/// An exchange waits for no longer than this.
const WAITS_FOR_MS: u64 = 5_000;

/// That there is no credential is believed for this long.
const BELIEVED_FOR_MS: u64 = 1_000;

/// The header value that a server is called with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Credential {
    /// The header's value.
    pub value: Secret,
    /// Until when it may be used.
    pub expires: Time,
}

/// What an exchange needs to go on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Need {
    key: Key,
    /// The user's own token, for an exchange of it.
    token: Option<Secret>,
}

/// Which credential: the server's, and where it is a principal's, whose.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Key {
    server: Box<str>,
    credential: Box<str>,
    subject: Option<Subject>,
}

/// Whose it is.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Subject {
    acting: Acting,
    token: Option<Digest>,
}

/// Who acts, and in which workspace.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Acting {
    /// Who.
    pub principal: Arc<Principal>,
    /// The id of the workspace that the call belongs to.
    pub workspace: Box<str>,
}

impl Need {
    /// The gateway's own credential for a server.
    pub fn of_service(server: &str, credential: &str) -> Self {
        Self {
            key: Key {
                server: server.into(),
                credential: credential.into(),
                subject: None,
            },
            token: None,
        }
    }

    /// A principal's credential for a server.
    pub fn of_principal(
        server: &str,
        credential: &str,
        acting: Acting,
        token: Option<Secret>,
    ) -> Self {
        let digest = token.as_ref().map(|token| Digest::of(token.expose()));
        Self {
            key: Key {
                server: server.into(),
                credential: credential.into(),
                subject: Some(Subject {
                    acting,
                    token: digest,
                }),
            },
            token,
        }
    }
}

/// A question to the control plane.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Question {
    /// Repeated by the answer.
    pub request_id: u64,
    /// The server's resource name.
    pub server: Box<str>,
    /// The user's own token.
    pub token: Option<Secret>,
    /// Who acts. `None`: it does not matter.
    pub acting: Option<Acting>,
    /// Digest of the value that the server did not accept.
    pub refused: Option<Digest>,
}

/// A credential, or the stable word for why there is none.
pub type Answer = Result<Arc<Credential>, Box<str>>;

/// What comes of asking.
#[derive(Debug)]
pub enum Asked {
    /// It is known already.
    Answered(Answer),
    /// The waiter hears of it; the question goes to the control plane, unless it went before.
    Waits(Option<Question>),
}

/// An exchange that can go on, or must be refused.
#[derive(Debug)]
pub struct Release {
    /// Which, as it named itself.
    pub waiter: u32,
    /// What it waited for.
    pub answer: Answer,
}

/// Why nothing came in time.
const LATE: &str = "no_answer";

/// Why nothing is asked any more.
const OVERLOADED: &str = "overloaded";

/// The credentials of an instance.
#[derive(Debug)]
pub struct Credentials {
    capacity: usize,
    known: BTreeMap<Key, Known>,
    /// Oldest first; each key of `known` once.
    order: VecDeque<Key>,
    open: BTreeMap<Key, Open>,
    /// The newest question.
    last_id: u64,
    /// What servers did not accept, until it is asked about.
    refused: BTreeMap<Key, Digest>,
}

#[derive(Debug)]
struct Known {
    answer: Answer,
    until: Time,
}

/// A question that is not answered yet.
#[derive(Debug)]
struct Open {
    question: Question,
    waiters: Vec<(u32, Time)>,
}

impl Credentials {
    /// None yet.
    pub fn new(limits: &Limits) -> Self {
        Self {
            capacity: limits.max_cached_credentials,
            known: BTreeMap::new(),
            order: VecDeque::new(),
            open: BTreeMap::new(),
            last_id: 0,
            refused: BTreeMap::new(),
        }
    }

    /// Asks for what an exchange needs. Whoever waits is told by a [`Release`].
    pub fn ask(&mut self, need: &Need, waiter: u32, now: Time) -> Asked {
        if let Some(known) = self.known.get(&need.key).filter(|known| known.until > now) {
            return Asked::Answered(known.answer.clone());
        }
        let until = now.plus_ms(WAITS_FOR_MS);
        if let Some(open) = self.open.get_mut(&need.key) {
            open.waiters.push((waiter, until));
            return Asked::Waits(None);
        }
        if self.open.len() >= self.capacity {
            return Asked::Answered(Err(OVERLOADED.into()));
        }
        self.last_id = self.last_id.wrapping_add(1);
        let subject = need.key.subject.as_ref();
        let question = Question {
            request_id: self.last_id,
            server: need.key.server.clone(),
            token: need.token.clone(),
            acting: subject.map(|subject| subject.acting.clone()),
            refused: self.refused.remove(&need.key),
        };
        let open = Open {
            question: question.clone(),
            waiters: vec![(waiter, until)],
        };
        self.open.insert(need.key.clone(), open);
        Asked::Waits(Some(question))
    }

    /// Takes an answer to a question. One that nobody waits for any more is passed over.
    pub fn answered(&mut self, request_id: u64, answer: &Answer, now: Time) -> Vec<Release> {
        let mut open = self.open.iter();
        let found = open.find(|(_, open)| open.question.request_id == request_id);
        let Some(key) = found.map(|(key, _)| key.clone()) else {
            return Vec::new();
        };
        let until = match answer {
            Ok(credential) => credential.expires,
            Err(_) => now.plus_ms(BELIEVED_FOR_MS),
        };
        let answer = match answer {
            Ok(credential) if credential.expires <= now => Err("expired".into()),
            Ok(_) | Err(_) => answer.clone(),
        };
        let waiters = self.open.remove(&key).map(|open| open.waiters);
        self.keep(
            key,
            Known {
                answer: answer.clone(),
                until,
            },
        );
        let release = |(waiter, _)| Release {
            waiter,
            answer: answer.clone(),
        };
        waiters.into_iter().flatten().map(release).collect()
    }

    fn keep(&mut self, key: Key, known: Known) {
        if self.known.insert(key.clone(), known).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > self.capacity {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    /// Time passes: whoever waited for too long is told so.
    pub fn tick(&mut self, now: Time) -> Vec<Release> {
        let mut late = Vec::new();
        self.open.retain(|_, open| {
            open.waiters.retain(|(waiter, until)| {
                let is_late = *until <= now;
                if is_late {
                    late.push(Release {
                        waiter: *waiter,
                        answer: Err(LATE.into()),
                    });
                }
                !is_late
            });
            !open.waiters.is_empty()
        });
        late
    }

    /// What is asked and not answered, for a stream on which nobody knows of it yet.
    pub fn questions(&self) -> impl Iterator<Item = &Question> {
        self.open.values().map(|open| &open.question)
    }

    /// Somebody is there again: what changed meanwhile was not heard, so everything is asked anew.
    pub fn forget_all(&mut self) {
        self.known.clear();
        self.order.clear();
    }

    /// The server did not accept a credential: it is not used again.
    pub fn refused(&mut self, need: &Need, credential: &Credential) {
        let is_held = self.known.get(&need.key).is_some_and(|known| {
            known
                .answer
                .as_ref()
                .is_ok_and(|known| **known == *credential)
        });
        if !is_held {
            return;
        }
        self.forget(|key| *key == need.key);
        if self.refused.len() >= self.capacity {
            self.refused.clear();
        }
        let digest = Digest::of(credential.value.expose());
        self.refused.insert(need.key.clone(), digest);
    }

    /// Everything known for a server ends no later than this.
    pub fn expire(&mut self, server: &str, until: Time) {
        for (key, known) in &mut self.known {
            if *key.server == *server {
                known.until = known.until.min(until);
            }
        }
    }

    /// Keeps what another policy has still a use for.
    pub fn keep_for(&mut self, policy: &Policy) {
        let mut servers = BTreeMap::new();
        servers.extend(policy.upstreams());
        self.forget(|key| {
            let upstream = servers.get(&*key.server);
            upstream.is_none_or(|upstream| upstream.credential != key.credential)
        });
    }

    fn forget(&mut self, is_gone: impl Fn(&Key) -> bool) {
        self.known.retain(|key, _| !is_gone(key));
        self.order.retain(|key| !is_gone(key));
    }
}

#[cfg(test)]
mod tests;
