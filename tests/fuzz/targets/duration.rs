//! Durations: what is read is read back from how humantime writes it, and spaces around it change nothing.
#![no_main]

use agentd::desired::duration::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match parse(text) {
        Ok(duration) => {
            assert_eq!(parse(&format!(" {text}\n")), Ok(duration));
            // humantime counts months and years as so many days, as the reader does.
            assert_eq!(parse(&humantime::format_duration(duration).to_string()), Ok(duration));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
