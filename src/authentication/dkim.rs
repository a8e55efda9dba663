//! DKIM (RFC 6376), verified by `mail-auth` over our own DNS.
//!
//! Takes a whole message and an [`Inquiry`], gives a fact for each signature. The keys are asked for first, so that the library finds all
//! that it looks for in its cache, and never gets as far as a resolver of its own.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    pin::pin,
    sync::{Arc, OnceLock},
    task,
};

use mail_auth::{
    AuthenticatedMessage, DnsError, Error, MessageAuthenticator, Parameters, ResolverCache, Txt,
    common::{parse::TxtRecordParser, verify::DomainKey},
    dkim::Signature,
    hickory_resolver::{
        TokioResolver, config::ResolverConfig, net::runtime::TokioRuntimeProvider, proto::op::ResponseCode,
    },
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::{DkimFact, DkimResult, Source};
use crate::{
    dns::{Answer, Data, Inquiry, Kind, Question},
    message::{HeaderSection, RawMessage},
};

/// How many signatures of a message are looked at; each takes a question and a verification.
const MOST_SIGNATURES: usize = 10;

/// Which header fields a signature covers, from its own field; it proves nothing until the signature is known to be intact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Covered {
    pub(super) domain: String,
    pub(super) selector: String,
    pub(super) fields: Vec<String>,
}

/// What the signature fields of a message say that they cover.
pub(super) fn covered(headers: &HeaderSection) -> Vec<Covered> {
    let fields = headers.named("DKIM-Signature").take(MOST_SIGNATURES);
    let signatures = fields.filter_map(|(_, field)| Signature::parse(field.value).ok());
    signatures.map(|signature| Covered { domain: signature.d, selector: signature.s, fields: signature.h }).collect()
}

/// Verifies the signatures of a message; nothing where its body is not to be had.
pub(super) async fn verify(message: &RawMessage, inquiry: &mut Inquiry<'_>) -> Option<Vec<DkimFact>> {
    let text = message.to_crlf()?;
    let mut parsed = AuthenticatedMessage::parse(&text)?;
    parsed.dkim_headers.truncate(MOST_SIGNATURES);
    let mut keys = Keys::default();
    for header in &parsed.dkim_headers {
        let name = format!("{}._domainkey.{}.", header.header.s, header.header.d);
        let key = match Question::new(&name, Kind::Txt) {
            Some(question) => key(&*inquiry.ask(question).await),
            None => not_found(),
        };
        keys.0.insert(name.into(), key);
    }
    let library = library()?;
    let parameters = Parameters::new(&parsed).with_txt_cache(&keys);
    let verification = pin!(library.verify_dkim(parameters));
    // All keys are there, so that nothing is left to wait for.
    let task::Poll::Ready(outputs) = verification.poll(&mut task::Context::from_waker(task::Waker::noop())) else {
        return None;
    };
    let fact = |output: &mail_auth::DkimOutput<'_>| {
        let signature = output.signature();
        DkimFact {
            result: output.result().into(),
            domain: signature.map(|signature| signature.d.to_ascii_lowercase()),
            selector: signature.map(|signature| signature.s.clone()),
            signature: None,
            source: Source::Dns,
        }
    };
    Some(outputs.iter().map(fact).collect())
}

impl From<&mail_auth::DkimResult> for DkimResult {
    fn from(result: &mail_auth::DkimResult) -> Self {
        match result {
            mail_auth::DkimResult::Pass => Self::Pass,
            mail_auth::DkimResult::Neutral(Error::Dkim(_)) | mail_auth::DkimResult::Fail(_) => Self::Fail,
            mail_auth::DkimResult::Neutral(_) => Self::Neutral,
            mail_auth::DkimResult::PermError(_) => Self::PermError,
            mail_auth::DkimResult::TempError(_) => Self::TempError,
            mail_auth::DkimResult::None => Self::None,
        }
    }
}

/// The key that an answer holds (RFC 6376, 3.6.2.2: of several records the first that is one).
fn key(answer: &Answer) -> Txt {
    if !answer.said.is_answer() {
        return Txt::Error(Error::Dns(DnsError::Resolver(String::new())));
    }
    let texts = answer.records().iter().filter_map(|data| if let Data::Txt(text) = data { Some(text) } else { None });
    let mut keys = texts.map(|text| DomainKey::parse(text));
    let first = keys.next();
    let key = match first {
        Some(Err(error)) => keys.find(Result::is_ok).unwrap_or(Err(error)),
        Some(key) => key,
        None => return not_found(),
    };
    key.map_or_else(Txt::Error, Txt::from)
}

fn not_found() -> Txt {
    Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain)))
}

/// The keys that were asked for. Nothing else is there: no third-party signatures (RFC 6541), no failure reports (RFC 6651).
#[derive(Default)]
struct Keys(HashMap<Box<str>, Txt>);

impl ResolverCache<Box<str>, Txt> for Keys {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        Some(self.0.get(name).cloned().unwrap_or_else(not_found))
    }

    fn remove<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: std::time::Instant) {}
}

/// The library, with a resolver that knows no server. It wants TLS all the same, and looks for the system's certificates, which
/// there need not be: it is given a TLS that trusts nobody.
fn library() -> Option<&'static MessageAuthenticator> {
    static LIBRARY: OnceLock<Option<MessageAuthenticator>> = OnceLock::new();
    let make = || {
        let nobody = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .ok()?
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let resolver = TokioResolver::builder_with_config(nobody, TokioRuntimeProvider::default());
        resolver.with_tls_config(tls).build().ok().map(MessageAuthenticator)
    };
    LIBRARY.get_or_init(make).as_ref()
}
