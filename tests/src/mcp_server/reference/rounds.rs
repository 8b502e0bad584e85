//! Multi-round requests: what is answered with questions, until the client has answered them all.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rmcp::model::{
    ClientCapabilities, ErrorData, GetPromptResponse, GetPromptResult, InputRequest,
    InputRequiredResult, InputResponses, JsonObject, PromptMessage, Role,
};
use serde_json::Value;

use super::catalogue::Catalogue;

/// Those that keep the answers so far in a state that the client carries.
const WITH_STATE: [&str; 4] = [
    "test_input_required_result_request_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_tampered_state",
];
/// The one that asks one question a round.
const ONE_BY_ONE: &str = "test_input_required_result_multi_round";

/// The answers by name.
pub(super) type Answers = BTreeMap<String, Value>;

/// The states that clients carry: only their names, which nobody can guess.
#[derive(Clone, Debug, Default)]
pub(super) struct States(Arc<Mutex<HashMap<String, Answers>>>);

impl States {
    fn keep(&self, answers: Answers) -> String {
        let name = format!("{:032x}", rand::random::<u128>());
        self.lock().insert(name.clone(), answers);
        name
    }

    fn find(&self, name: &str) -> Result<Answers, ErrorData> {
        let answers = self.lock().get(name).cloned();
        answers.ok_or_else(|| ErrorData::invalid_params("requestState: there is no such", None))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Answers>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a request has come to.
pub(super) enum Round {
    /// These questions are open.
    Asks(InputRequiredResult),
    /// There is an answer to each; there are none where there was nothing to ask.
    Has(Answers),
}

/// A request for something that asks, as it came.
pub(super) struct Asked<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: &'a JsonObject,
    pub(super) responses: Option<InputResponses>,
    pub(super) state: Option<&'a str>,
    pub(super) client: ClientCapabilities,
}

impl Asked<'_> {
    /// Takes the answers, and asks for those that are missing.
    pub(super) fn round(self, catalogue: &Catalogue, states: &States) -> Result<Round, ErrorData> {
        let mut open = catalogue.questions(self.name, self.arguments)?;
        open.retain(|_, question| can_answer(&self.client, question));
        let mut answers = self
            .state
            .map_or(Ok(Answers::new()), |state| states.find(state))?;
        for (name, response) in self.responses.unwrap_or_default() {
            if open.contains_key(&name) && response.is_object() {
                answers.insert(name, response);
            }
        }
        open.retain(|name, _| !answers.contains_key(name));
        if open.is_empty() {
            return Ok(Round::Has(answers));
        }
        if self.name == ONE_BY_ONE {
            open = open.into_iter().take(1).collect();
        }
        let state = WITH_STATE
            .contains(&self.name)
            .then(|| states.keep(answers));
        Ok(Round::Asks(InputRequiredResult::new(Some(open), state)))
    }
}

fn can_answer(client: &ClientCapabilities, question: &InputRequest) -> bool {
    match question {
        InputRequest::CreateMessage(_) => client.sampling.is_some(),
        InputRequest::Elicitation(_) => client.elicitation.is_some(),
        InputRequest::ListRoots(_) => client.roots.is_some(),
        _ => false,
    }
}

/// A prompt about the answers.
pub(super) fn prompt(answers: &Answers) -> Result<GetPromptResponse, ErrorData> {
    let answers = serde_json::to_string(answers)
        .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    let message = PromptMessage::new_text(Role::User, format!("Answers: {answers}"));
    Ok(GetPromptResult::new(vec![message]).into())
}
