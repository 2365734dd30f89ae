//! What a launch is made of: a short digest of each field that later is only a part of the arguments. It is for showing
//! which fields changed. Whether anything did is told by the fingerprint alone.

use sha2::{Digest, Sha256};
use toml::de::DeValue;

use crate::model::Origin;

use super::fields::{Fields, entries};
use super::prompt::Prompt;

/// The fields, beside the prompt, that become arguments.
const FIELDS: [&str; 5] = ["mode", "model", "args", "command", "permissions"];

/// Of fields that are right; of others it isn't used. A field that is empty is one that isn't there.
pub fn of(fields: &Fields, prompt: Option<&Prompt>) -> Origin {
    let mut origin = Origin::default();
    if let Some(prompt) = prompt {
        origin.fields.insert("prompt", digest([prompt.bytes.as_slice()]));
    }
    for field in FIELDS {
        let texts = fields.entry(field).map(|entry| texts(entry.value.get_ref())).unwrap_or_default();
        if !texts.is_empty() {
            origin.fields.insert(field, digest(texts.iter().map(|text| text.as_bytes())));
        }
    }
    if fields.entry("prepare").is_some_and(|entry| entry.value.get_ref().as_bool() == Some(true)) {
        origin.fields.insert("prepare", digest([]));
    }
    if let Some(DeValue::Table(env)) = fields.entry("env").map(|entry| entry.value.get_ref()) {
        origin.env = entries(env).into_keys().map(Into::into).collect();
    }
    origin
}

fn texts<'t>(value: &'t DeValue<'t>) -> Vec<&'t str> {
    match value {
        DeValue::String(text) => vec![text.as_ref()],
        DeValue::Array(items) => items.iter().flat_map(|item| texts(item.get_ref())).collect(),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Table(_) => {
            Vec::new()
        }
    }
}

/// Each text after its length, as in the fingerprint.
fn digest<'t>(texts: impl IntoIterator<Item = &'t [u8]>) -> u64 {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().first_chunk().copied().map_or(0, u64::from_be_bytes)
}
