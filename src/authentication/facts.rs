//! What is known of a sender's authorisation, in the terms of RFC 7208, RFC 6376 and RFC 8601.

use std::net::IpAddr;

use serde::Serialize;

/// What SPF says of an address (RFC 7208, 2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SpfResult {
    /// The domain has no SPF record.
    None,
    /// The domain says nothing of this address.
    Neutral,
    /// The domain lets this address send.
    Pass,
    /// The domain does not let this address send.
    Fail,
    /// The domain probably does not let this address send.
    SoftFail,
    /// DNS did not answer.
    TempError,
    /// The record cannot be used.
    PermError,
}

impl SpfResult {
    /// Every result.
    pub const ALL: [Self; 7] =
        [Self::None, Self::Neutral, Self::Pass, Self::Fail, Self::SoftFail, Self::TempError, Self::PermError];

    /// The result's word in header fields (RFC 8601, 2.7.2).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Neutral => "neutral",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }

    /// Reads the word, in any case; RFC 5451's `hardfail` is `fail`.
    pub fn parse(word: &str) -> Option<Self> {
        let known = Self::ALL.into_iter().find(|result| word.eq_ignore_ascii_case(result.as_str()));
        known.or_else(|| word.eq_ignore_ascii_case("hardfail").then_some(Self::Fail))
    }
}

/// What became of a DKIM signature (RFC 8601, 2.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DkimResult {
    /// There was none.
    None,
    /// It is intact.
    Pass,
    /// It is not.
    Fail,
    /// It is not acceptable to who checked it.
    Policy,
    /// It could not be made sense of.
    Neutral,
    /// The key could not be had for now.
    TempError,
    /// The key cannot be had.
    PermError,
}

impl DkimResult {
    /// Every result.
    pub const ALL: [Self; 7] =
        [Self::None, Self::Pass, Self::Fail, Self::Policy, Self::Neutral, Self::TempError, Self::PermError];

    /// The result's word in header fields.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Policy => "policy",
            Self::Neutral => "neutral",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }

    /// Reads the word, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|result| word.eq_ignore_ascii_case(result.as_str()))
    }
}

/// Where a fact comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "from", content = "authserv_id")]
pub enum Source {
    /// Asked of DNS, and worked out here.
    Dns,
    /// `Authentication-Results` of a pinned authserv-id.
    AuthenticationResults(String),
    /// `Received-SPF` of a pinned host.
    ReceivedSpf(String),
}

/// Which name SPF was asked about (RFC 7208, 2.3 and 2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SpfIdentity {
    /// The envelope sender.
    MailFrom,
    /// The name in HELO, for a null sender.
    Helo,
}

/// SPF of one address for one domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpfFact {
    /// What SPF says.
    pub result: SpfResult,
    /// The domain whose record it is, in lower case; nothing where only the result is stated.
    pub domain: Option<String>,
    /// Which name of the session that is.
    pub identity: SpfIdentity,
    /// The address that was checked; nothing where it is not stated.
    pub ip: Option<IpAddr>,
    /// Where that comes from.
    pub source: Source,
}

/// One DKIM signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DkimFact {
    /// What became of it.
    pub result: DkimResult,
    /// The signing domain (`d=`, `header.d`), in lower case; of `header.i` its domain.
    pub domain: Option<String>,
    /// The selector (`s=`, `header.s`).
    pub selector: Option<String>,
    /// The beginning of the signature (`header.b`, RFC 6008), as written.
    pub signature: Option<String>,
    /// Where that comes from.
    pub source: Source,
}
