//! Addresses, versions, lists and counts as the tables hold them, and back.

use std::net::{IpAddr, Ipv4Addr};

use rusqlite::{
    Result, Row,
    types::{Value, ValueRef},
};
use serde::Serialize;

use super::record::HopFacts;
use crate::{tls::TlsVersion, trace::HopKind};

/// An address as it is stored: in an order in which a network is a range (see schema.sql).
pub(super) fn ip_value(ip: IpAddr) -> Value {
    match ip {
        IpAddr::V4(ip) => Value::Integer(u32::from(ip).into()),
        IpAddr::V6(ip) => Value::Blob(ip.octets().to_vec()),
    }
}

/// A TLS version as it is stored.
pub(super) fn version_number(version: TlsVersion) -> i64 {
    match version {
        TlsVersion::Ssl2 => 2,
        TlsVersion::Ssl3 => 3,
        TlsVersion::Tls10 => 10,
        TlsVersion::Tls11 => 11,
        TlsVersion::Tls12 => 12,
        TlsVersion::Tls13 => 13,
    }
}

/// A hop as [`super::read`] asks for it.
pub(super) fn facts(row: &Row<'_>) -> Result<HopFacts> {
    let ip = |column| {
        Ok::<_, rusqlite::Error>(match row.get_ref(column)? {
            ValueRef::Integer(ip) => u32::try_from(ip).ok().map(|ip| Ipv4Addr::from(ip).into()),
            ValueRef::Blob(bytes) => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
            _ => None,
        })
    };
    let kind: String = row.get(0)?;
    let version: Option<i64> = row.get(8)?;
    let (client, host) = (ip(1)?, ip(5)?);
    Ok(HopFacts {
        kind: HopKind::ALL.into_iter().find(|known| known.as_str() == kind).unwrap_or_default(),
        ip: client,
        helo: row.get(2)?,
        rdns: row.get(3)?,
        by: row.get(4)?,
        by_ip: host,
        protocol: row.get(6)?,
        tls: row.get(7)?,
        tls_version: version
            .and_then(|number| TlsVersion::ALL.into_iter().find(|version| version_number(*version) == number)),
    })
}

/// A value as JSON; numbers and texts, which is all there is here, can always be written.
pub(super) fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// A count.
pub(super) fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
