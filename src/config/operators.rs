//! Registrable domains that one operator uses side by side in the lines of one mail.
//!
//! `broken-chain` compares the name a hop was taken by with the name the mail then came from. At these operators the two
//! differ on an ordinary day. The list holds pairs that stand in public headers; `detectors.broken-chain.aliases` adds to it.

/// The shipped groups. docs/configuration.md shows them, and a test holds the two together.
pub const SHIPPED: &[&[&str]] = &[
    &["google.com", "gmail.com", "googlemail.com"],
    &["outlook.com", "microsoft.com", "office365.com", "hotmail.com", "exchangelabs.com"],
    &["amazonses.com", "amazonaws.com", "amazon.com"],
    &["yahoo.com", "yahoodns.net", "aol.com"],
    &["icloud.com", "apple.com", "me.com"],
    &["pphosted.com", "proofpoint.com", "ppe-hosted.com"],
    &["mimecast.com", "mimecast.co.za", "mimecast-offshore.com"],
    &["messagelabs.com", "symanteccloud.com"],
    &["iphmx.com", "cisco.com"],
    &["fastmail.com", "messagingengine.com"],
    &["proton.me", "protonmail.ch", "protonmail.com", "proton.ch"],
    &["sendgrid.net", "sendgrid.com", "twilio.com"],
    &["mailgun.net", "mailgun.org", "mailgun.com"],
];

/// The shipped groups, owned.
pub(super) fn shipped() -> Vec<Vec<String>> {
    SHIPPED.iter().map(|group| group.iter().map(ToString::to_string).collect()).collect()
}

/// Makes one group of all that share a name, so that an admin can extend a shipped group by naming one of its members.
pub(super) fn merge(groups: impl IntoIterator<Item = Vec<String>>) -> Vec<Vec<String>> {
    let mut merged: Vec<Vec<String>> = Vec::new();
    for mut group in groups {
        let (shared, apart): (Vec<_>, Vec<_>) =
            merged.into_iter().partition(|known| known.iter().any(|name| group.contains(name)));
        group.extend(shared.into_iter().flatten());
        group.sort_unstable();
        group.dedup();
        merged = apart;
        merged.push(group);
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_share_a_name_are_one() {
        let group = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let merged = merge([group(&["a", "b"]), group(&["c", "d"]), group(&["e"]), group(&["d", "a", "x"])]);
        assert_eq!(merged, [group(&["e"]), group(&["a", "b", "c", "d", "x"])]);
    }

    #[test]
    fn the_shipped_groups_hold_registrable_domains_once() {
        let all = SHIPPED.concat();
        for name in &all {
            assert_eq!(crate::names::registrable(name), Some(*name));
            assert_eq!(all.iter().filter(|other| *other == name).count(), 1, "{name}");
        }
    }
}
