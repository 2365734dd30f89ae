//! Variables by which a harness is asked for its events.

use super::*;

fn launched(harness: &str, agent: &str) -> (BTreeMap<String, String>, crate::model::Fingerprint) {
    let text = format!("[harness.mine]\nprogram = \"x\"\n{harness}\n[agent]\nharness = \"mine\"\n{agent}\n");
    let desired = desired(&text);
    (only(&desired).launch.extra.env.clone(), only(&desired).fingerprint)
}

#[test]
fn they_are_beside_an_agents_own_environment_and_change_nobody() {
    let (none, plain) = launched("", "");
    let (added, told) = launched("interactive = { event_env = { A = \"{agentd} {hooks}/qwen.json\" } }", "");
    assert_eq!(none, BTreeMap::new());
    assert_eq!(added, BTreeMap::from([("A".to_owned(), "{agentd} {hooks}/qwen.json".to_owned())]));
    assert_eq!(plain, told, "who runs without them runs on");
    let asked = "interactive = { event_args = [\"--tell\"], event_env = { A = \"1\" } }";
    assert_eq!(launched(asked, "args = [\"--other\"]").0.len(), 1);
    assert_eq!(launched(asked, "args = [\"--tell=otherwise\"]").0.len(), 0);
}

#[test]
fn a_file_that_agentd_does_not_have_is_a_mistake() {
    let of = |env: &str| report(&format!("[harness.mine]\nprogram = \"x\"\n[harness.mine.interactive]\n{env}\n"));
    let reports = [
        "event_env = { A = \"{hooks}/claude.json\", B = \"{hooks}/qwen.json\" }",
        "event_env = { A = \"{hooks}\" }",
        "event_env = { A = 1 }",
        "event_env = [\"A=1\"]",
    ];
    insta::assert_snapshot!(reports.map(of).join("\n\n----\n"));
}
