//! The arguments of one start: those of what is declared, and what agentd adds to them.

use std::ffi::CString;

use crate::model::{AGENTD, Launch, SESSION};
use crate::reconcile::Begin;

/// All of them. Without a path of agentd's, nothing is added that has the program tell of itself.
pub(super) fn of(launch: &Launch, agentd: Option<&str>, begin: &Begin) -> Vec<Vec<u8>> {
    let extra = &launch.extra;
    let (declared, options, session, place) = match (begin, &extra.resume) {
        (Begin::Resumed { session }, Some(resume)) => (&resume.argv, &resume.options, session, resume.place),
        (Begin::Fresh { session }, Some(resume)) => (&launch.argv, &resume.fresh, session, extra.place),
        (Begin::Fresh { session } | Begin::Resumed { session }, None) => {
            (&launch.argv, &Vec::new(), session, extra.place)
        }
    };
    let mut argv: Vec<Vec<u8>> = declared.iter().map(|argument| argument.as_bytes().to_vec()).collect();
    // From the last to the first, as each moves what stands behind it.
    insert(&mut argv, place, options, SESSION, session);
    if let Some(path) = agentd {
        insert(&mut argv, extra.place, &extra.events, AGENTD, path);
    }
    argv
}

fn insert(argv: &mut Vec<Vec<u8>>, place: usize, words: &[CString], name: &str, value: &str) {
    let words = words.iter().map(|word| word.to_string_lossy().replace(name, value).into_bytes());
    let place = place.min(argv.len());
    argv.splice(place..place, words);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{Extra, Resume};

    fn words(text: &str) -> Vec<CString> {
        text.split_whitespace().map(|word| CString::new(word).unwrap()).collect()
    }

    fn launch(resume: Option<Resume>) -> Launch {
        let extra = Extra { place: 2, events: words("--hook={agentd}"), resume, ..Extra::default() };
        let (argv, prepare) = (words("x run --mine do-{session}"), Vec::new());
        Launch { argv, workdir: "/".into(), env: BTreeMap::new(), prepare, extra }
    }

    fn argv(launch: &Launch, agentd: Option<&str>, begin: &Begin) -> String {
        of(launch, agentd, begin).into_iter().map(|word| String::from_utf8(word).unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_added_stands_in_its_place_and_what_is_declared_stays_as_it_is() {
        let session = || "5f0c".to_owned();
        let (fresh, resumed) = (Begin::Fresh { session: session() }, Begin::Resumed { session: session() });
        let resume = |options: &str, place| {
            let (fresh, argv) = (words("--id {session}"), words("x run --mine go-on"));
            launch(Some(Resume { fresh, argv, options: words(options), place }))
        };
        let one = resume("--go={session}", 2);
        assert_eq!(argv(&one, Some("/a"), &fresh), "x run --hook=/a --id 5f0c --mine do-{session}");
        assert_eq!(argv(&one, Some("/a"), &resumed), "x run --hook=/a --go=5f0c --mine go-on");
        assert_eq!(argv(&one, None, &resumed), "x run --go=5f0c --mine go-on");
        assert_eq!(
            argv(&resume("resume {session}", 3), Some("/a"), &resumed),
            "x run --hook=/a --mine resume 5f0c go-on"
        );
        for begin in [fresh, resumed] {
            assert_eq!(argv(&launch(None), None, &begin), "x run --mine do-{session}");
        }
    }
}
