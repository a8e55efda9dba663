//! Hops as JSON.
//!
//! Takes hops, gives values that serde writes. [`FieldsLine`] is one line of `relaywatch trace --fields`; its keys and
//! their meaning are a contract. [`HopJson`] is a hop within a message's JSON and says where it comes from besides.

use std::net::IpAddr;

use serde::Serialize;

use super::{HopKind, Origin, Received, Trace};

/// What one `Received` field says, with exactly the keys of `relaywatch trace --fields`.
#[derive(Debug, Clone, Serialize)]
pub struct FieldsLine<'a> {
    /// What the client said, literals without brackets and `IPv6:`.
    pub helo: Option<&'a str>,
    /// The verified name that the receiving host recorded.
    pub rdns: Option<&'a str>,
    /// The client's address that the receiving host recorded.
    pub ip: Option<IpAddr>,
    /// The receiving host's token.
    pub by: Option<&'a str>,
    /// The receiving host's own address, where it states it.
    pub by_ip: Option<IpAddr>,
    /// The protocol as written.
    pub with: Option<&'a str>,
    /// The receiving host's id of the mail.
    pub id: Option<&'a str>,
    /// The first recipient.
    #[serde(rename = "for")]
    pub recipient: Option<&'a str>,
    /// Unix seconds.
    pub time: Option<i64>,
    /// Whether the hop was encrypted, where the field says so.
    pub tls: Option<bool>,
    /// The TLS version as a number.
    pub tls_version: Option<f64>,
    /// What kind of hop it is.
    pub kind: HopKind,
}

impl<'a> From<&'a Received<'_>> for FieldsLine<'a> {
    fn from(received: &'a Received<'_>) -> Self {
        Self {
            helo: received.helo.as_deref(),
            rdns: received.rdns.as_deref(),
            ip: received.ip,
            by: received.by.as_deref(),
            by_ip: received.by_ip,
            with: received.with.as_deref(),
            id: received.id.as_deref(),
            recipient: received.recipient.as_deref(),
            time: received.time.map(|time| time.as_second()),
            tls: received.tls,
            tls_version: received.tls_version.map(crate::tls::TlsVersion::number),
            kind: received.kind,
        }
    }
}

/// One hop of a message.
#[derive(Debug, Clone, Serialize)]
pub struct HopJson<'a> {
    /// `session`, or `field`.
    pub origin: &'static str,
    /// The field's place in the header section, counted from the top.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<usize>,
    /// Which MTA's way of writing it was read as.
    pub dialect: Option<&'static str>,
    /// Seconds since the next older hop that states a time; negative when the clocks disagree.
    pub delay: Option<i64>,
    /// What the hop says.
    #[serde(flatten)]
    pub fields: FieldsLine<'a>,
}

impl<'a> HopJson<'a> {
    /// All hops of a trace, newest first.
    pub fn all(trace: &'a Trace<'_>) -> Vec<Self> {
        let view = |(at, hop): (usize, &'a super::Hop<'_>)| {
            let (origin, field) = match hop.origin {
                Origin::Session => ("session", None),
                Origin::Field { index } => ("field", Some(index)),
            };
            let (dialect, delay) = (hop.received.dialect, trace.delay(at));
            Self { origin, field, dialect, delay, fields: FieldsLine::from(&hop.received) }
        };
        trace.hops.iter().enumerate().map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_every_key_and_no_other() {
        let value = serde_json::to_value(FieldsLine::from(&Received::default())).unwrap();
        let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        let expected = ["by", "by_ip", "for", "helo", "id", "ip", "kind", "rdns", "time", "tls", "tls_version", "with"];
        assert_eq!(keys, expected);
        assert_eq!(value["kind"], "unparsed");
    }
}
