//! The query of a request: typed, with a sentence for each that can't be used. What isn't known is passed over, as the
//! older API did.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;

/// The parameters of a request.
pub(super) struct Query<'a>(&'a str);

/// Why a query can't be used; one sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadQuery(pub(super) String);

impl<'a> Query<'a> {
    pub(super) fn new(query: Option<&'a str>) -> Self {
        Self(query.unwrap_or_default())
    }

    /// The value of a parameter, which may be given once.
    pub(super) fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, BadQuery> {
        let mut values = self.0.split('&').filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then_some(value)
        });
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(BadQuery(format!("{name} is given more than once")));
        }
        let text = percent_decode_str(value).decode_utf8();
        text.map(Some).map_err(|_| BadQuery(format!("{name} is not UTF-8")))
    }

    /// A whole number from `least` to `most`.
    pub(super) fn number(&self, name: &str, least: u32, most: u32) -> Result<Option<u32>, BadQuery> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match u32::from_str(&text) {
            Ok(number) if (least..=most).contains(&number) && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok(Some(number))
            }
            Ok(_) | Err(_) => Err(BadQuery(format!("{name} must be a whole number from {least} to {most}"))),
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, BadQuery> {
        match self.text(name)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(BadQuery(format!("{name} must be true or false"))),
        }
    }

    /// A duration as in the configuration, up to a limit.
    pub(super) fn duration(&self, name: &str, most: Duration) -> Result<Option<Duration>, BadQuery> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match humantime::parse_duration(&text) {
            Ok(duration) if duration <= most => Ok(Some(duration)),
            Ok(_) | Err(_) => {
                let most = humantime::format_duration(most);
                Err(BadQuery(format!("{name} must be a duration such as 30s, {most} at most")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Query<'_> {
        Query::new(Some(query))
    }

    #[test]
    fn values_are_decoded_and_others_passed_over() {
        assert_eq!(of("a=1&name=a%20b%2F%c3%a4&b").text("name"), Ok(Some("a b/ä".into())));
        assert_eq!(of("b").text("b"), Ok(Some("".into())));
        assert_eq!(of("b=1").text("a"), Ok(None));
        assert_eq!(Query::new(None).text("a"), Ok(None));
        assert!(of("a=%ff").text("a").is_err());
        assert!(of("a=1&a=1").text("a").is_err());
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        assert_eq!(of("n=7").number("n", 1, 10), Ok(Some(7)));
        for bad in ["n=", "n=0", "n=11", "n=+7", "n=-1", "n=1e1", "n=99999999999999", "n= 7"] {
            assert_eq!(
                of(bad).number("n", 1, 10),
                Err(BadQuery("n must be a whole number from 1 to 10".into())),
                "{bad}"
            );
        }
        assert_eq!(of("w=1m30s").duration("w", Duration::from_secs(300)), Ok(Some(Duration::from_secs(90))));
        for bad in ["w=", "w=30", "w=6m", "w=-1s", "w=x"] {
            let error = of(bad).duration("w", Duration::from_secs(300)).unwrap_err().0;
            assert_eq!(error, "w must be a duration such as 30s, 5m at most", "{bad}");
        }
        assert_eq!(of("f=false").boolean("f"), Ok(Some(false)));
        assert!(of("f=yes").boolean("f").is_err());
    }
}
