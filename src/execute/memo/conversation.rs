//! What a memo says of an agent's conversation.

use serde::{Deserialize, Serialize};

use crate::reconcile::Conversation;

/// What a later version has added is none that can be gone on with.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ConversationMemo {
    #[default]
    None,
    Begun(Option<String>),
    Named(String),
    Continued(String),
    Unfinished(String),
    Lost,
    Futile,
    #[serde(other)]
    Unknown,
}

impl From<&Conversation> for ConversationMemo {
    fn from(conversation: &Conversation) -> Self {
        match conversation.clone() {
            Conversation::None => Self::None,
            Conversation::Begun { session } => Self::Begun(session),
            Conversation::Named { session } => Self::Named(session),
            Conversation::Continued { session, .. } => Self::Continued(session),
            Conversation::Unfinished { session, .. } => Self::Unfinished(session),
            Conversation::Lost => Self::Lost,
            Conversation::Futile => Self::Futile,
        }
    }
}

impl ConversationMemo {
    /// With how often it was gone on with in vain, which came to be a field of its own.
    pub(super) fn read(self, in_vain: u32) -> Conversation {
        match self {
            Self::None | Self::Unknown => Conversation::None,
            Self::Begun(session) => Conversation::Begun { session },
            Self::Named(session) => Conversation::Named { session },
            Self::Continued(session) => Conversation::Continued { session, in_vain },
            Self::Unfinished(session) => Conversation::Unfinished { session, in_vain },
            Self::Lost => Conversation::Lost,
            Self::Futile => Conversation::Futile,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{encode, recall};
    use crate::model::{Child, Mono, Now, RunId, SessionName, Wall};
    use crate::reconcile::{AgentMemory, Conversation};

    #[test]
    fn a_conversation_is_read_as_it_was_written_and_a_memo_without_one_has_none() {
        let now = Now { mono: Mono(9), wall: Wall(9) };
        let child = Child::Running { run: RunId(7), pid: 3, at: Mono(5) };
        let session = || "5f0c".to_owned();
        for conversation in [
            Conversation::None,
            Conversation::Begun { session: None },
            Conversation::Begun { session: Some(session()) },
            Conversation::Named { session: session() },
            Conversation::Continued { session: session(), in_vain: 2 },
            Conversation::Unfinished { session: session(), in_vain: 0 },
            Conversation::Unfinished { session: session(), in_vain: 1 },
            Conversation::Lost,
            Conversation::Futile,
        ] {
            let unknown = AgentMemory::unknown(SessionName::new("a").unwrap());
            let memory = AgentMemory { run: RunId(7), conversation: conversation.clone(), ..unknown };
            let memo = encode(&memory);
            assert_eq!(recall(&memo, &child, now).unwrap().conversation, conversation);
            let mut memo: serde_json::Value = serde_json::from_slice(&memo).unwrap();
            memo["conversation"] = "later".into();
            let later = serde_json::to_vec(&memo).unwrap();
            memo.as_object_mut().unwrap().remove("conversation");
            for memo in [later, serde_json::to_vec(&memo).unwrap()] {
                assert_eq!(recall(&memo, &child, now).unwrap().conversation, Conversation::None);
            }
        }
    }
}
