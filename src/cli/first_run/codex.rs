//! Codex asks in its full-screen form how to sign in, whatever keys there are in its environment, and whether a repository
//! is trusted. The answers are in `config.toml`: of a key, that a provider finds it in the environment, as the key itself
//! belongs in no file.

use serde_json::{Value, json};

use super::document::{Format, Place};
use super::{Asked, Seed, Start, Weight};

/// The provider that is made of a key in the environment.
const PROVIDER: &str = "openai-env";
/// Where its own provider is.
const BASE_URL: &str = "https://api.openai.com/v1";

/// What it asks.
pub fn asks(start: &Start, asked: &mut Asked) {
    let directory = start.directory("CODEX_HOME", ".codex");
    let place = Place::new(directory.join("config.toml"), Format::Toml);
    let Some(document) = asked.read(&place) else { return };
    if !start.manner.is_headless {
        // Another provider needs none of its logins, and what a keyring holds is unknown.
        let store = document["cli_auth_credentials_store"].as_str();
        let may_have_login = directory.join("auth.json").exists() || matches!(store, Some("keyring" | "auto"));
        if document.get("model_provider").is_none() && !may_have_login {
            let what = "codex asks how to sign in; a key in its environment is not enough for its full-screen form";
            asked.ask(Weight::Waits, what, sign_in(start, &place, &document));
        }
        trust(start, &place, &document, asked);
    }
    let seeds = vec![Seed::value(&place, &document, &["check_for_update_on_startup"], false)];
    asked.ask(Weight::GoesOn, "codex looks for a newer version of itself", seeds);
}

fn sign_in(start: &Start, place: &Place, document: &Value) -> Vec<Seed> {
    let variable = ["OPENAI_API_KEY", "CODEX_API_KEY"].into_iter().find(|name| start.has(name));
    let is_refused = document["forced_login_method"] == "chatgpt";
    let Some(variable) = variable.filter(|_| !is_refused) else { return Vec::new() };
    // A key of another service must not be sent to this one.
    let own = document["openai_base_url"].as_str().map(ToOwned::to_owned).or(start.text("OPENAI_BASE_URL"));
    let provider = json!({
        "name": "OpenAI",
        "base_url": own.as_deref().unwrap_or(BASE_URL),
        "env_key": variable,
        "wire_api": "responses",
    });
    vec![
        Seed::value(place, document, &["model_provider"], PROVIDER),
        Seed::value(place, document, &["model_providers", PROVIDER], provider),
    ]
}

fn trust(start: &Start, place: &Place, document: &Value, asked: &mut Asked) {
    let is_known =
        |dir: &std::path::Path| document["projects"][dir.to_string_lossy().as_ref()]["trust_level"].is_string();
    let repository = start.repository();
    if is_known(&start.workdir) || repository.is_some_and(is_known) {
        return;
    }
    let seed = |key: String| Seed::value(place, document, &["projects", &key, "trust_level"], "trusted");
    let seeds = start.workdir_key().map(seed).into_iter().collect();
    let shown = start.workdir.display();
    if repository.is_some() && !start.manner.bypasses {
        asked.ask(Weight::Waits, format!("codex asks whether {shown} is trusted"), seeds);
    } else {
        // Some versions ask, some don't.
        asked.ask(Weight::Doubts, format!("codex does not know whether {shown} is trusted, and may ask"), seeds);
    }
}
