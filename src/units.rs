//! Lengths of time and sizes as an admin writes them: `90s`, `1h30m`, `250ms`, `512KiB`.
//!
//! Takes text, gives milliseconds or bytes, and the way back. A bare number is no duration, because seconds and
//! milliseconds are mixed up too easily; `1MB` is no size, because it means 1000000 to some and 1048576 to others.

const TIMES: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
const SIZES: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Reads a length of time, in milliseconds.
pub fn parse_duration(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total = 0u64;
    let mut last = u64::MAX;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, after) = leading_number(rest)?;
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        let (_, unit) = TIMES.iter().find(|(name, _)| *name == unit)?;
        // Each unit once, the greatest first: `30m1h` and `1m1m` are slips.
        if *unit >= last {
            return None;
        }
        total = total.checked_add(number.checked_mul(*unit)?)?;
        (last, rest) = (*unit, after);
    }
    Some(total)
}

/// Reads a size, in bytes.
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = leading_number(text.trim())?;
    match unit.trim_start() {
        "" | "B" => Some(number),
        unit => SIZES.iter().find(|(name, _)| *name == unit).and_then(|(_, factor)| number.checked_mul(*factor)),
    }
}

/// Shows a length of time of so many milliseconds.
pub fn show_duration(milliseconds: u64) -> String {
    let mut rest = milliseconds;
    let mut shown = String::new();
    for (name, unit) in TIMES {
        if rest / unit > 0 {
            shown.push_str(&format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    if shown.is_empty() { "0s".to_owned() } else { shown }
}

/// Shows a size of so many bytes.
pub fn show_size(bytes: u64) -> String {
    let unit = SIZES.iter().find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor));
    unit.map_or_else(|| bytes.to_string(), |(name, factor)| format!("{}{name}", bytes / factor))
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, milliseconds) in [("10m", 600_000), ("1h30m", 5_400_000), ("250ms", 250), ("2s500ms", 2500)] {
            assert_eq!(parse_duration(text), Some(milliseconds), "{text}");
            assert_eq!(show_duration(milliseconds), text);
        }
        for bad in ["", "10", "m", "10 m", "1m1m", "30m1h", "-1s", "1.5h", "99999999999999d", "10M"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_are_binary_or_bytes() {
        for (text, bytes) in [("1MiB", 1 << 20), ("512KiB", 512 << 10), ("1000", 1000)] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
            assert_eq!(show_size(bytes), text);
        }
        for bad in ["", "MiB", "1MB", "1mib", "-1", "99999999999GiB"] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }
}
