//! Another user of the machine.

use std::process::Command;

use crate::harness::Host;
use crate::threats::Siege;

#[test]
fn another_user_can_open_no_socket_and_read_no_file_and_change_nothing() {
    for host in Host::both() {
        if host.uid.is_none() && host.account.is_none() {
            eprintln!("SKIPPED: only root can be another user");
            return;
        }
        host.secret("TOKEN", "value");
        let siege = Siege::begin(host, "exec sleep 1000", "");
        let seen = |test: &str, below: &str| {
            let mut find = Command::new("setpriv");
            find.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--", "find"]);
            find.arg(siege.host.at(below)).args(test.split(' '));
            String::from_utf8(find.output().unwrap().stdout).unwrap()
        };
        assert_eq!(seen("-type s -writable", "run"), "", "sockets to connect to");
        // What agents' hooks run is the same on every host.
        assert_eq!(seen("-type f -readable -not -path */agentd.hooks/*", "run"), "", "files to read");
        assert_eq!(seen("-not -type l -writable", "run"), "", "places to write to");
        assert_eq!(seen("-not -type l -writable", "secrets"), "", "places to write to");
        siege.the_rest_still_works();
    }
}
