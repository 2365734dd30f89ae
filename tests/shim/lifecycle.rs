//! Start, end, and everything that can be wrong with a program.

use agentd::shim::protocol::*;

use super::harness::*;

#[test]
fn exit_codes_and_signals_are_told_exactly() {
    let (mut shim, _daemon, mut link) = Shim::connected();
    for (script, status) in
        [("exit 0", 0), ("exit 3", 3 << 8), ("exit 255", 255 << 8), ("kill -TERM $$", 15), ("kill -KILL $$", 9)]
    {
        let ended = shim.run_script(&mut link, script);
        assert_eq!((ended.wait_status, ended.terminal_lost), (status, false), "{script}");
        assert!(ended.at > 0 && ended.max_rss_kib > 0);
    }
}
