//! Whom the sender's domain lets send: SPF and DKIM, asked for or read.
//!
//! Takes a message with its boundary, gives facts ([`Authentication`]): what SPF says of the peer, and where that is no pass, of the hops
//! below it; which DKIM signatures are intact. The facts come from DNS (SPF and DKIM by `mail-auth`, behind types of
//! ours) or from what a host of ours, or the provider of our mailboxes, wrote into the mail under an authserv-id that the admin pinned.
//! What the peer passes by itself costs one check of SPF; all else is asked only where it does not pass.

mod dkim;
mod exchangers;
mod facts;
mod inner;
mod peer;
mod sender;
mod spf;
mod stated;

pub use exchangers::{Exchanger, Exchangers, Standing};
pub use facts::{DkimFact, DkimResult, Source, SpfFact, SpfIdentity, SpfResult};
pub use inner::{Inner, InnerBy};
pub use peer::PeerNames;
pub use sender::Sender;
pub use stated::Stated;

use std::net::IpAddr;

use crate::{
    boundary::Boundary,
    dns::{Asked, Dns, Inquiry, Question, Said},
    envelope::Envelope,
    finding::Code,
    message::RawMessage,
    names::{domain_of, normal, same_owner},
    net::is_public,
    policy::{DkimSource, Policy},
    text::printable,
    trace::Trace,
};

/// How many lines of evidence a finding keeps.
const MOST_EVIDENCE: usize = 100;

/// What is known of a sender's authorisation, and of the peer's place in DNS.
#[derive(Debug, Clone, Default)]
pub struct Authentication {
    /// What pinned hosts wrote into the mail.
    pub stated: Stated,
    /// Whose authorisation was looked at; nothing where nobody asked, or nobody could.
    pub sender: Option<Sender>,
    /// What SPF says of the peer.
    pub peer: Option<SpfFact>,
    /// A host below the peer that the sender's SPF lets send; looked for only where the peer does not pass.
    pub inner: Option<Inner>,
    /// The DKIM signatures; verified only where the peer does not pass.
    pub dkim: Vec<DkimFact>,
    /// Those of them that are intact and of the sender's domain, or of the author's (`From`): a signature of anybody else vouches
    /// for nothing here (RFC 7489, 3.1.1: relaxed alignment).
    pub intact: Vec<DkimFact>,
    /// Whether an intact signature of the sender's domain covers an address field (`To`, `Cc`) that names one of the envelope's
    /// recipients: the sender wrote to us, and no forwarder was meant to come between.
    pub addressed: bool,
    /// What DNS says of the peer; asked only where the peer does not pass.
    pub names: PeerNames,
    /// The mail exchangers that our own domains publish.
    pub exchangers: Exchangers,
    /// Every question that was asked, with its answer.
    pub asked: Vec<Asked>,
}

/// What the facts are gathered from.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The message.
    pub message: &'a RawMessage,
    /// All hops, newest first.
    pub trace: &'a Trace<'a>,
    /// Where our records end.
    pub boundary: &'a Boundary,
    /// Who sent it to whom, as far as our side recorded it.
    pub envelope: &'a Envelope<'a>,
}

impl Authentication {
    /// Gathers them. Without DNS and without a pinned authserv-id there is nothing to gather.
    pub async fn find(subject: Subject<'_>, policy: &Policy, dns: &dyn Dns) -> Self {
        let mut found = Self::default();
        let on = |code| policy.detectors.is_on(code);
        let Some((border, ip)) = subject.boundary.peer().filter(|(_, ip)| is_public(*ip)) else { return found };
        let mut inquiry = Inquiry::new(dns, policy.authentication.budget);
        if inquiry.is_on() && on(Code::DnsCross) {
            found.exchangers = Exchangers::find(subject, ip, policy, &mut inquiry).await;
        }
        if on(Code::InterposedRelay) && (inquiry.is_on() || !policy.authentication.authserv_ids.is_empty()) {
            found.sender(subject, border, ip, policy, &mut inquiry).await;
        }
        found.asked = inquiry.into_asked();
        found
    }

    /// Whether a question that was asked got no answer, so that what was not found may be there all the same.
    pub fn is_partial(&self) -> bool {
        self.shortfall().is_some()
    }

    /// Why the first question that got no answer got none.
    pub fn shortfall(&self) -> Option<&Said> {
        self.asked.iter().map(|asked| &asked.answer.said).find(|said| !said.is_answer())
    }

    /// The answers as lines of a zone file, for the findings that rest on them.
    pub fn evidence(&self) -> Vec<String> {
        let lines = self.asked.iter().flat_map(|Asked { question, answer }| {
            let Question { name, kind } = question;
            let (name, kind) = (printable(name, 255), kind.as_str());
            let ttl = answer.ttl.as_secs();
            let records = answer.records().iter().map(|data| format!("{name}. {ttl} IN {kind} {data}"));
            let none = answer.records().is_empty().then(|| format!("; {name}. IN {kind}: {}", answer.said.as_str()));
            records.chain(none).collect::<Vec<_>>()
        });
        lines.take(MOST_EVIDENCE).collect()
    }

    async fn sender(
        &mut self,
        subject: Subject<'_>,
        border: usize,
        ip: IpAddr,
        policy: &Policy,
        inquiry: &mut Inquiry<'_>,
    ) {
        let pinned = &policy.authentication.authserv_ids;
        if !pinned.is_empty() {
            self.stated = Stated::read(subject.message, subject.trace, subject.boundary, pinned);
        }
        let received = subject.trace.hops.get(border).map(|hop| &hop.received);
        let helo = received.and_then(|received| received.helo.as_deref()).unwrap_or_default();
        // At delivery the envelope may be another: a list, an alias, SRS of our own. The border's own word is of its session.
        let recorded = subject.message.session.is_some() || received.is_some_and(|hop| hop.envelope_from.is_some());
        let delivered = subject.envelope.sender.as_deref().and_then(domain_of);
        let other = |stated: &Sender| !delivered.is_some_and(|domain| stated.domain.eq_ignore_ascii_case(domain));
        let stated = self.stated.spf.as_ref().filter(|_| !recorded).and_then(Sender::stated).filter(other);
        let Some(sender) = stated.or_else(|| Sender::of(subject.envelope, helo)) else { return };
        let sender = self.sender.insert(sender);
        let stated = self.stated.spf.clone().filter(|fact| {
            let same = fact.domain.as_ref().is_none_or(|domain| *domain == sender.domain);
            fact.identity == sender.identity && same
        });
        self.peer = match stated {
            Some(fact) if self.stated.certain || !inquiry.is_on() => Some(fact),
            // Where the sender might have written it, what can be asked decides; and silence never turns it into a pass.
            stated if inquiry.is_on() => {
                let asked = sender.check(ip, helo, inquiry).await;
                let silent = asked.result == SpfResult::TempError;
                Some(stated.filter(|fact| silent && fact.result != SpfResult::Pass).unwrap_or(asked))
            }
            _ => None,
        };
        let Some(peer) = &self.peer else { return };
        if !matches!(peer.result, SpfResult::Fail | SpfResult::SoftFail | SpfResult::Neutral) {
            return;
        }
        if inquiry.is_on() {
            self.inner = Inner::find(subject.trace, border, ip, sender, inquiry).await;
        }
        let verified = match policy.authentication.dkim {
            DkimSource::Verify if inquiry.is_on() => dkim::verify(subject.message, inquiry).await,
            DkimSource::Verify | DkimSource::Results => None,
        };
        self.dkim = verified.unwrap_or_else(|| self.stated.dkim.clone());
        self.intact = intact(&self.dkim, &sender.domain, subject.message);
        self.addressed = self.is_addressed(subject, policy);
        if self.inner.is_some() || !self.intact.is_empty() {
            self.names = PeerNames::find(subject, border, ip, policy, inquiry).await;
        }
    }

    /// Whether an intact signature covers the recipients' names in the mail.
    fn is_addressed(&self, subject: Subject<'_>, policy: &Policy) -> bool {
        let headers = &subject.message.headers;
        let covered = dkim::covered(headers);
        let covers = |field: &str| {
            self.intact.iter().any(|fact| {
                covered.iter().any(|covered| {
                    let same =
                        |of: &Option<String>, name: &str| of.as_deref().is_none_or(|of| of.eq_ignore_ascii_case(name));
                    same(&fact.domain, &covered.domain)
                        && same(&fact.selector, &covered.selector)
                        && covered.fields.iter().any(|name| name.eq_ignore_ascii_case(field))
                })
            })
        };
        let (recipients, ours) = (&subject.envelope.recipients, &policy.topology.domains);
        // Where nobody recorded the recipient, an address of ours stands for it.
        let ours =
            |address: &str| recipients.is_empty() && domain_of(address).is_some_and(|at| ours.covering(at).is_some());
        let recipient =
            |address: &String| ours(address) || recipients.iter().any(|to| to.eq_ignore_ascii_case(address));
        let named = |field: &str| headers.addresses(field).iter().any(recipient);
        ["To", "Cc"].into_iter().any(|field| named(field) && covers(field))
    }
}

/// The signatures that pass and are of one of the two domains' owners.
fn intact(dkim: &[DkimFact], sender: &str, message: &RawMessage) -> Vec<DkimFact> {
    let author = message.headers.from_address();
    let domains = [author.as_deref().and_then(domain_of), Some(sender)];
    let aligned = |signer: &str| {
        let same = |domain: &&str| same_owner(signer, domain) || normal(signer) == normal(domain);
        !normal(signer).is_empty() && domains.iter().flatten().any(same)
    };
    let passes = |fact: &&DkimFact| fact.result == DkimResult::Pass && fact.domain.as_deref().is_some_and(aligned);
    dkim.iter().filter(passes).cloned().collect()
}
