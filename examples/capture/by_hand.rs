//! A command of one's own against the provider, to find out what can be captured at all.

use std::process::Command;
use std::time::Duration;

use crate::agents;
use crate::provider::{FILE, Failure, Provider, Script, Tool};

pub fn run(script: &str, command: &[String]) {
    let resets_in = Duration::from_secs(4000);
    let script = match script {
        "answers" => Script::Answers,
        "file" => Script::Says(FILE),
        "tool" => Script::Uses(Tool::Outside("echo forty-two > answer.txt")),
        "asks" => Script::Uses(Tool::Ask("Is it forty-two?")),
        "wrong_key" => Script::Fails(Failure::WrongKey),
        "rate_limited" => Script::Fails(Failure::RateLimited { resets_in: Duration::from_secs(2) }),
        "used_up" => Script::Fails(Failure::UsedUp { resets_in }),
        "broken" => Script::Fails(Failure::Broken),
        "slow" => Script::Slow(Duration::from_millis(300)),
        "hangs" => Script::Hangs,
        _ => panic!("no script {script}"),
    };
    let provider = Provider::start(script);
    let home = tempfile::tempdir().unwrap();
    agents::furnish(home.path(), provider.port);
    let status = Command::new(&command[0])
        .args(&command[1..])
        .env_clear()
        .envs(agents::environment(home.path(), provider.port))
        .current_dir(home.path())
        .status()
        .unwrap();
    println!("{status}, {} questions", provider.asked().len());
}
