//! What each program asks, and what answers it.

use std::collections::BTreeMap;
use std::fs;

use serde_json::json;

use super::*;
use crate::desired::harness::PREPARED;

const KEY: &str = "sk-ant-0123456789abcdefghij";
const PLAIN: Manner = Manner { is_headless: false, bypasses: false };
const HEADLESS: Manner = Manner { is_headless: true, ..PLAIN };
const BYPASS: Manner = Manner { bypasses: true, ..PLAIN };

/// A home with a workdir.
struct Ground {
    home: tempfile::TempDir,
    env: BTreeMap<String, OsString>,
}

impl Ground {
    fn new(env: &[(&str, &str)]) -> Self {
        let ground = Self { home: tempfile::tempdir().unwrap(), env: BTreeMap::new() };
        fs::create_dir(ground.work()).unwrap();
        ground.with(env)
    }

    fn with(self, env: &[(&str, &str)]) -> Self {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect();
        Self { env, ..self }
    }

    fn work(&self) -> PathBuf {
        self.home.path().join("work")
    }

    fn key(&self) -> String {
        self.work().to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn asked(&self, known_as: &str, manner: Manner) -> Asked {
        let variable = |name: &str| self.env.get(name).cloned();
        let home = self.home.path().to_owned();
        asked(known_as, &Start { home, workdir: self.work(), manner, variable: &variable })
    }

    /// The third word of each question, `!` behind it if it waits, and `-` if nothing answers it.
    fn asks(&self, known_as: &str, manner: Manner) -> String {
        let asked = self.asked(known_as, manner);
        let of = |ask: &Ask| {
            let words: Vec<&str> = ask.what.split(' ').collect();
            let waits = if ask.weight == Weight::Waits { "!" } else { "" };
            format!("{}{waits}{}", words[2], if ask.is_answerable() { "" } else { "-" })
        };
        let broken = asked.broken.iter().map(|broken| broken.path.file_name().unwrap().to_string_lossy().into_owned());
        asked.asks.iter().map(of).chain(broken).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn the_loader_knows_the_same_names() {
    assert_eq!(KNOWN.map(|(name, _)| name), PREPARED);
}

#[test]
fn claude() {
    let ground = Ground::new(&[("ANTHROPIC_API_KEY", KEY)]);
    let asks = |manner| ground.asks("claude-code", manner);
    let whats = ground.asked("claude-code", BYPASS).asks.into_iter().map(|ask| ask.what).collect::<Vec<_>>();
    assert_eq!(whats.len(), 4, "{whats:?}");
    assert!(whats.iter().all(|what| !what.contains("abcdefghij")), "{whats:?}");
    assert_eq!(asks(PLAIN), "how! whether! whether!");
    assert_eq!(asks(BYPASS), "whether! how! whether! whether!");
    assert_eq!(asks(HEADLESS), "");
    ground.write(".claude.json", "{");
    assert_eq!(asks(PLAIN), ".claude.json");
    ground.write(".claude.json", "[1]");
    assert_eq!(asks(PLAIN), "how!- whether!- whether!-", "of another shape");
    let settings = json!({
        "hasCompletedOnboarding": true,
        "customApiKeyResponses": { "approved": ["0123456789abcdefghij"] },
        "projects": { ground.home.path().to_str().unwrap(): { "hasTrustDialogAccepted": true } },
    });
    ground.write(".claude.json", settings.to_string());
    assert_eq!(asks(PLAIN), "");
    ground.write(".claude/settings.json", "{\"skipDangerousModePermissionPrompt\": true}");
    assert_eq!(asks(BYPASS), "");
    // A repository asks anew.
    fs::create_dir(ground.work().join(".git")).unwrap();
    assert_eq!(asks(PLAIN), "whether!");
    let spaced = Ground { env: [("ANTHROPIC_API_KEY".into(), format!("{KEY}\n").into())].into(), ..ground };
    assert_eq!(spaced.asks("claude-code", PLAIN), "whether!");
}

#[test]
fn what_claude_was_told_is_not_answered_in_its_place() {
    let ground = Ground::new(&[("ANTHROPIC_API_KEY", KEY)]);
    let settings = json!({
        "hasCompletedOnboarding": false,
        "customApiKeyResponses": { "rejected": ["0123456789abcdefghij"] },
        "projects": { ground.key(): { "hasTrustDialogAccepted": false } },
    });
    ground.write(".claude.json", settings.to_string());
    ground.write(".claude/settings.json", "{\"skipDangerousModePermissionPrompt\": false}");
    assert_eq!(ground.asks("claude-code", BYPASS), "whether!- how!- whether!-");
}

#[test]
fn claude_asks_of_the_programs_of_a_project() {
    let ground = Ground::new(&[]);
    let project = json!({ "hasTrustDialogAccepted": true, "enabledMcpjsonServers": ["a"] });
    let settings = json!({ "hasCompletedOnboarding": true, "projects": { ground.key(): project } });
    ground.write(".claude.json", settings.to_string());
    let asks = || ground.asks("claude-code", PLAIN);
    for (servers, asked) in [("{", ""), ("{}", ""), ("{\"mcpServers\": {\"a\": {}, \"b\": {}}}", "whether!-")] {
        ground.write("work/.mcp.json", servers);
        assert_eq!(asks(), asked, "{servers}");
    }
    ground.write("work/.claude/settings.local.json", "{\"disabledMcpjsonServers\": [\"b\"]}");
    assert_eq!(asks(), "");
    ground.write("work/.claude/settings.local.json", "{\"disabledMcpjsonServers\": []}");
    ground.write(".claude/settings.json", "{\"enableAllProjectMcpServers\": true}");
    assert_eq!(asks(), "");
    ground.write(".claude/settings.json", "{\"skipDangerousModePermissionPrompt\": true}");
    assert_eq!((asks(), ground.asks("claude-code", BYPASS)), ("whether!-".to_owned(), String::new()));
}

#[test]
fn claude_has_its_files_where_it_was_told_or_had_them() {
    let ground = Ground::new(&[]);
    let moved = ground.home.path().join("moved");
    let ground = ground.with(&[("CLAUDE_CONFIG_DIR", moved.to_str().unwrap())]);
    let files = |ground: &Ground| {
        let asked = ground.asked("claude-code", BYPASS);
        let files = asked.asks.iter().flat_map(|ask| &ask.seeds).map(|seed| seed.place.path.clone());
        files.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(files(&ground), [moved.join(".claude.json"), moved.join("settings.json")]);
    ground.write("moved/.config.json", "{}");
    assert_eq!(files(&ground)[0], moved.join(".config.json"));
    ground.write("moved/.config.json", "");
    assert_eq!(files(&ground)[0], moved.join(".claude.json"));
}

#[test]
fn codex() {
    let ground = Ground::new(&[]);
    let asks = |ground: &Ground, manner| ground.asks("codex", manner);
    assert_eq!(asks(&ground, PLAIN), "how!- not for", "no key, no repository");
    assert_eq!(asks(&ground, HEADLESS), "for");
    fs::create_dir(ground.work().join(".git")).unwrap();
    assert_eq!(asks(&ground, PLAIN), "how!- whether! for");
    assert_eq!(asks(&ground, BYPASS), "how!- not for");
    let ground = ground.with(&[("CODEX_API_KEY", "x"), ("OPENAI_BASE_URL", "https://own/v1")]);
    let asked = ground.asked("codex", PLAIN);
    let provider = &asked.asks[0].seeds[1];
    let Put::Value(value) = &provider.put else { panic!("{provider:?}") };
    assert_eq!((&value["env_key"], &value["base_url"]), (&json!("CODEX_API_KEY"), &json!("https://own/v1")));
    ground.write(".codex/config.toml", "forced_login_method = \"chatgpt\"\ncheck_for_update_on_startup = true");
    assert_eq!(asks(&ground, PLAIN), "how!- whether! for-");
    ground.write(".codex/config.toml", "cli_auth_credentials_store = \"keyring\"\nprojects = 3");
    assert_eq!(asks(&ground, PLAIN), "whether!- for");
    ground.write(".codex/auth.json", "{}");
    ground.write(".codex/config.toml", format!("[projects.{:?}]\ntrust_level = \"untrusted\"\n", ground.key()));
    assert_eq!(asks(&ground, PLAIN), "for");
    ground.write(".codex/config.toml", "projects = = x");
    assert_eq!(asks(&ground, PLAIN), "config.toml");
}

#[test]
fn copilot() {
    let ground = Ground::new(&[]);
    let asks = |ground: &Ground| ground.asks("copilot", BYPASS);
    assert_eq!((asks(&ground), ground.asks("copilot", HEADLESS)), ("whether!".to_owned(), String::new()));
    for list in ["trustedFolders", "trusted_folders"] {
        ground.write(".copilot/config.json", format!("// its own\n{{ {list:?}: [\"/x\", {:?}] }}", ground.home.path()));
        assert_eq!(asks(&ground), "", "{list}");
    }
    ground.write(".copilot/config.json", "{ \"trustedFolders\": [\"/x\"] }");
    assert_eq!(asks(&ground), "whether!");
    ground.write(".copilot/config.json", "{ \"trustedFolders\": false }");
    assert_eq!(asks(&ground), "whether!-");
    assert_eq!(asks(&ground.with(&[("COPILOT_ALLOW_ALL", "true")])), "");
}

#[test]
fn gemini() {
    let ground = Ground::new(&[("GEMINI_API_KEY", "x")]);
    let asks = |ground: &Ground, manner| ground.asks("gemini-cli", manner);
    assert_eq!(asks(&ground, PLAIN), "how! whether! itself");
    assert_eq!(asks(&ground, HEADLESS), "how not itself");
    ground.write(
        ".gemini/settings.json",
        "{ /* mine */ \"security\": { \"auth\": { \"selectedType\": \"oauth-personal\" } } }",
    );
    assert_eq!(asks(&ground, PLAIN), "whether! itself");
    for rule in ["DO_NOT_TRUST", "TRUST_FOLDER"] {
        ground.write(".gemini/trustedFolders.json", json!({ ground.home.path().to_str().unwrap(): rule }).to_string());
        assert_eq!(asks(&ground, PLAIN), "itself", "{rule}");
    }
    ground.write(
        ".gemini/trustedFolders.json",
        json!({ ground.work().join("sub").to_str().unwrap(): "TRUST_PARENT" }).to_string(),
    );
    assert_eq!(asks(&ground, PLAIN), "itself");
    ground.write(
        ".gemini/trustedFolders.json",
        json!({ ground.work().join("sub").to_str().unwrap(): "TRUST_FOLDER" }).to_string(),
    );
    assert_eq!(asks(&ground, PLAIN), "whether! itself");
    ground.write(".gemini/settings.json", "{\"security\": {\"folderTrust\": {\"enabled\": false}}}");
    assert_eq!(asks(&ground, PLAIN), "how! itself");
    let ground = ground.with(&[("GEMINI_CLI_TRUST_WORKSPACE", "true")]);
    fs::remove_file(ground.home.path().join(".gemini/settings.json")).unwrap();
    assert_eq!(asks(&ground, PLAIN), "how!- itself", "no key");
}

#[test]
fn a_key_says_how_to_log_in_to_gemini() {
    let kind = |env: &[(&str, &str)]| {
        let asked = Ground::new(env).asked("gemini-cli", PLAIN);
        let put = asked.asks[0].seeds.first().map(|seed| seed.put.clone());
        put.map(|put| if let Put::Value(Value::String(kind)) = put { kind } else { panic!("{put:?}") })
    };
    assert_eq!(kind(&[("GEMINI_API_KEY", "x"), ("GOOGLE_API_KEY", "x")]).as_deref(), Some("gemini-api-key"));
    assert_eq!(kind(&[("GOOGLE_API_KEY", "x")]).as_deref(), Some("vertex-ai"));
    assert_eq!(kind(&[("GOOGLE_GENAI_USE_VERTEXAI", "true"), ("GEMINI_API_KEY", "x")]).as_deref(), Some("vertex-ai"));
    assert_eq!(kind(&[("GOOGLE_GENAI_USE_GCA", "true"), ("GEMINI_API_KEY", "x")]), None);
}

#[test]
fn qwen() {
    let ground = Ground::new(&[("OPENAI_API_KEY", "x")]);
    let asks = |ground: &Ground| ground.asks("qwen-code", PLAIN);
    assert_eq!(asks(&ground), "how! itself");
    ground.write(".qwen/settings.json", "{\"selectedAuthType\": \"openai\", \"disableAutoUpdate\": false}");
    assert_eq!(asks(&ground), "");
    ground.write(".qwen/settings.json", "{\"security\": {\"folderTrust\": {\"enabled\": true}}}");
    assert_eq!(asks(&ground), "how! whether! itself");
    ground.write(".qwen/trustedFolders.json", json!({ ground.key(): "DO_NOT_TRUST" }).to_string());
    assert_eq!(asks(&ground), "how! itself");
    let ground = ground.with(&[("OPENAI_API_KEY", "x"), ("OPENAI_MODEL", "m"), ("OPENAI_BASE_URL", "u")]);
    assert_eq!(asks(&ground), "itself");
    assert_eq!(asks(&ground.with(&[("GEMINI_API_KEY", "x")])), "how!- itself");
}

#[test]
fn a_place_is_open_if_nothing_is_there_and_something_could_be() {
    let document = json!({ "a": { "b": false, "n": null }, "l": [] });
    let open = |at: &[&str]| is_open(&document, &at.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>());
    assert!(open(&["x"]) && open(&["x", "y"]) && open(&["a", "x", "y"]));
    assert!(
        !open(&["a"]) && !open(&["a", "b"]) && !open(&["a", "b", "c"]) && !open(&["l", "x"]) && !open(&["a", "n", "x"])
    );
    assert!(is_open(&Value::Null, &["x".to_owned()]));
    assert!(!is_open(&json!([1]), &["x".to_owned()]));
}
