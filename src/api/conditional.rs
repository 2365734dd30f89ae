//! Answers for clients that know what was: nothing if it is still so, or as soon as it isn't.

use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};
use tokio::time::timeout;

use super::query::{BadQuery, Query};
use super::respond::{self, Answer};
use super::routes::Router;
use crate::status::Snapshot;

/// Nobody waits for longer; who still wants to know asks again.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// The list of all agents: if the client has it already, that it has, after waiting for it to change for as long as it said.
pub(super) async fn agents(router: &Router, query: &Query<'_>, headers: &HeaderMap) -> Result<Answer, BadQuery> {
    let wait = query.duration("wait", LONGEST_WAIT)?.unwrap_or_default();
    let list = |snapshot: &Snapshot| respond::json(router.renderer.agents(snapshot));
    let snapshot = router.snapshot();
    let tag = tag(&snapshot);
    if !matches(headers, &tag) {
        return Ok(respond::tagged(list(&snapshot), &tag));
    }
    if wait.is_zero() {
        return Ok(respond::not_modified(&tag));
    }
    let Some(_held) = router.held.take() else {
        return Ok(respond::error(StatusCode::SERVICE_UNAVAILABLE, "too many clients wait"));
    };
    let revision = snapshot.revision;
    let (mut snapshots, mut stop) = (router.views.snapshots.clone(), router.stop.clone());
    let changed = async {
        tokio::select! {
            changed = snapshots.wait_for(|latest| latest.revision != revision) => changed.is_ok(),
            _ = stop.wait_for(Option::is_some) => false,
        }
    };
    if !timeout(wait, changed).await.unwrap_or(false) {
        return Ok(respond::not_modified(&tag));
    }
    let latest = router.snapshot();
    Ok(respond::tagged(list(&latest), &self::tag(&latest)))
}

/// Names a revision of this daemon: an earlier one has counted, too.
fn tag(snapshot: &Snapshot) -> HeaderValue {
    let tag = format!("\"{}-{}\"", super::instance(snapshot), snapshot.revision);
    // Hexadecimal digits are fine in a header.
    HeaderValue::from_maybe_shared(Bytes::from(tag)).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// Whether `If-None-Match` names it. A weak tag is as good: the comparison is the weak one (RFC 9110, 13.1.2).
fn matches(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known).as_bytes() == tag.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Now, Wall};

    #[test]
    fn a_revision_is_one_of_this_daemon() {
        let of = |wall, revision| {
            let started = Now { wall: Wall(wall), ..Now::default() };
            tag(&Snapshot { revision, started, ..Snapshot::default() })
        };
        assert_eq!(of(255, 7), "\"ff-7\"");
        assert_ne!(of(255, 7), of(254, 7));
    }

    #[test]
    fn any_way_to_name_it_counts() {
        let tag = HeaderValue::from_static("\"ff-7\"");
        let with = |values: &[&'static str]| {
            let values = values.iter().map(|value| (IF_NONE_MATCH, HeaderValue::from_static(value)));
            matches(&values.collect(), &tag)
        };
        for known in ["\"ff-7\"", "W/\"ff-7\"", "*", "\"a\", \"ff-7\"", "\"a\",W/\"ff-7\" "] {
            assert!(with(&[known]), "{known}");
        }
        for other in ["", "ff-7", "\"ff-8\"", "\"ff-7", "\"a\""] {
            assert!(!with(&[other]), "{other}");
        }
        assert!(!with(&[]));
    }
}
