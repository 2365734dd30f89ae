//! x
/// x
pub fn demo() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
