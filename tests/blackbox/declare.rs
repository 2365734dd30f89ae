//! Writes what tests declare, and reads what the scripted agent recorded of itself.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::Host;

/// A table for one agent that does what the words say, with further fields.
pub fn agent(name: &str, words: &[&str], fields: &str) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let (name, words) = (quoted(name), words.join(", "));
    format!("[[agents]]\nname = {name}\nharness = \"custom\"\ncommand = [{words}]\nworkdir = \"$DIR/work\"\n{fields}\n")
}

/// A text as a TOML string.
pub fn quoted(text: &str) -> String {
    // A string of JSON is one of TOML but for DEL.
    serde_json::to_string(text).unwrap().replace('\x7f', "\\u007F")
}

/// What an agent saw.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    pub pid: u32,
    pub directory: Vec<u8>,
    pub arguments: Vec<Vec<u8>>,
    pub environment: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Record {
    /// What the agent wrote to this file, once it has.
    pub fn read(host: &Host, name: &str) -> Self {
        let record: Value = serde_json::from_slice(&host.file(name)).unwrap();
        let texts = |field: &str| record[field].as_array().unwrap().iter().map(bytes).collect::<Vec<_>>();
        let variable = |entry: Vec<u8>| {
            let equals = entry.iter().position(|byte| *byte == b'=').unwrap();
            (entry[..equals].to_vec(), entry[equals + 1..].to_vec())
        };
        Self {
            pid: u32::try_from(record["pid"].as_u64().unwrap()).unwrap(),
            directory: bytes(&record["directory"]),
            arguments: texts("arguments"),
            environment: texts("environment").into_iter().map(variable).collect(),
        }
    }

    /// A variable as text.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(name.as_bytes()).map(|value| String::from_utf8(value.clone()).unwrap())
    }
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
