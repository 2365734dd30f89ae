//! The calendar and the clock on the wall of whoever asks.

use crate::model::Wall;

/// A date and a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// As people count them.
    pub year: i64,
    /// 1 to 12.
    pub month: i32,
    /// 1 to 31.
    pub day: i32,
    /// 0 to 23.
    pub hour: i32,
    /// 0 to 59.
    pub minute: i32,
    /// 0 to 60.
    pub second: i32,
}

/// What the clocks of this process's time zone (`TZ`, else the system's) show at a time.
pub fn local(at: Wall) -> Option<Civil> {
    let parts = parts(at)?;
    Some(Civil {
        year: i64::from(parts.tm_year) + 1900,
        month: parts.tm_mon + 1,
        day: parts.tm_mday,
        hour: parts.tm_hour,
        minute: parts.tm_min,
        second: parts.tm_sec,
    })
}

/// By how many seconds these clocks are ahead of Greenwich.
pub fn utc_offset(at: Wall) -> i64 {
    parts(at).map_or(0, |parts| parts.tm_gmtoff)
}

fn parts(at: Wall) -> Option<libc::tm> {
    let seconds = libc::time_t::try_from(at.0 / 1_000_000_000).ok()?;
    let mut parts = std::mem::MaybeUninit::<libc::tm>::uninit();
    #[allow(unsafe_code, reason = "the system's time zones, see SAFETY")]
    // SAFETY: both pointers are valid for the call; `parts` is read only if it says that it filled them.
    let parts = unsafe {
        if libc::localtime_r(&raw const seconds, parts.as_mut_ptr()).is_null() {
            return None;
        }
        parts.assume_init()
    };
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_within_a_day_of_that_of_greenwich() {
        let civil = local(Wall(1_000_000_000 * 1_000_000_000)).unwrap();
        assert_eq!((civil.year, civil.month), (2001, 9));
        assert!((8..=10).contains(&civil.day), "{civil:?}");
        assert_eq!(civil.second, 40);
        assert!(utc_offset(Wall(0)).abs() <= 86_400);
    }
}
