//! Hops as JSON.
//!
//! Takes hops, gives values that serde writes. [`FieldJson`] is one line of `relaywatch trace --fields`; its keys and
//! their meaning are a contract. [`HopJson`] is a hop within a message's JSON and says where it comes from besides.

use std::{borrow::Cow, net::IpAddr};

use serde::Serialize;

use super::{Ambiguity, HopKind, Origin, Received, Trace, Written};

/// The main of what one `Received` field says: the first keys of a line of `relaywatch trace --fields`.
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

/// What a field says besides.
#[derive(Debug, Clone, Serialize)]
pub struct DetailsJson<'a> {
    /// The address that the client said as its HELO.
    pub helo_ip: Option<IpAddr>,
    /// The client's port.
    pub port: Option<u16>,
    /// The answer of RFC 1413, or the local user.
    pub ident: Option<&'a str>,
    /// The link.
    pub via: Option<&'a str>,
    /// The envelope sender; empty for a bounce.
    pub envelope_from: Option<&'a str>,
    /// The cipher's name as written.
    pub cipher: Option<&'a str>,
    /// Whether the client's certificate was verified.
    pub verified: Option<bool>,
    /// What the receiving host says of its software.
    pub software: Option<&'a str>,
    /// The date's zone as written.
    pub zone: Option<&'a str>,
    /// What the field leaves open.
    pub ambiguous: &'a [Ambiguity],
}

impl<'a> From<&'a Received<'_>> for DetailsJson<'a> {
    fn from(received: &'a Received<'_>) -> Self {
        Self {
            helo_ip: received.helo_ip,
            port: received.port,
            ident: received.ident.as_deref(),
            via: received.via.as_deref(),
            envelope_from: received.envelope_from.as_deref(),
            cipher: received.cipher.as_deref(),
            verified: received.verified,
            software: received.software.as_deref(),
            zone: received.zone.as_deref(),
            ambiguous: &received.ambiguities,
        }
    }
}

/// All that one field says: a line of `relaywatch trace --fields`.
#[derive(Debug, Clone, Serialize)]
pub struct FieldJson<'a> {
    /// The main of it.
    #[serde(flatten)]
    pub fields: FieldsLine<'a>,
    /// Which MTA's way of writing it was read as.
    pub dialect: Option<&'static str>,
    /// And besides.
    #[serde(flatten)]
    pub details: DetailsJson<'a>,
    /// Every top-level comment.
    pub comments: &'a [Cow<'a, str>],
    /// The date as written, with all that stands behind it.
    pub date: Option<&'a str>,
}

impl<'a> FieldJson<'a> {
    /// Of a field as it was read, and as it was written.
    pub fn new(received: &'a Received<'_>, written: &'a Written<'a>) -> Self {
        Self {
            fields: FieldsLine::from(received),
            dialect: received.dialect,
            details: DetailsJson::from(received),
            comments: &written.comments,
            date: written.date.as_deref(),
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
    /// And besides.
    #[serde(flatten)]
    pub details: DetailsJson<'a>,
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
            let (fields, details) = (FieldsLine::from(&hop.received), DetailsJson::from(&hop.received));
            Self { origin, field, dialect, delay, fields, details }
        };
        trace.hops.iter().enumerate().map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_every_key_of_the_page_and_no_other() {
        let (received, written) = (Received::default(), Written::default());
        let value = serde_json::to_value(FieldJson::new(&received, &written)).unwrap();
        let page = include_str!("../../docs/json.md");
        let part = page.split("\n## A field\n").nth(1).unwrap().split("\n## ").next().unwrap();
        let mut listed: Vec<_> = part.split('`').skip(1).step_by(2).filter(|word| !word.contains(' ')).collect();
        listed.retain(|word| *word != "Received");
        listed.sort_unstable();
        let mut keys: Vec<_> = value.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(keys, listed);
        assert_eq!(value["kind"], "unparsed");
    }
}
