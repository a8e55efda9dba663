//! `interposed-relay`: a host between the sender's and ours that nothing explains.
//!
//! "Remove the peer, and the mail becomes normal": the sender's SPF does not let the peer send, but lets a host below it; the
//! sender's signature is intact; the envelope is unchanged. Filters are tuned to forgive just that, because every forwarder looks so.
//! What a forwarder shows is asked of [`forwarding`](crate::forwarding), and what the asker could have forged is held against the one
//! thing that he could not: a signature of the sender that covers our recipient's own address. docs/detectors/interposed-relay.md
//! says what is left to an attacker.

use super::{Context, Detector, Outcome};
use crate::{
    authentication::{Authentication, InnerBy, SpfResult, Standing},
    finding::{Basis, Code, Finding, Severity},
    forwarding::{self, Forgery, Sign},
    text::printable,
};

pub(super) struct InterposedRelay;

impl Detector for InterposedRelay {
    fn code(&self) -> Code {
        Code::InterposedRelay
    }

    fn detect(&self, context: &Context<'_>) -> Outcome {
        let Some((border, _)) = context.subject.boundary.peer() else {
            return Outcome::NoData("no outside peer is known");
        };
        let authentication = context.authentication;
        let Some(peer) = &authentication.peer else {
            return Outcome::NoData(match authentication.sender {
                Some(_) => "no pinned host states SPF of the peer, and no DNS is asked",
                None => "the envelope sender is not known, or nobody can be asked about it",
            });
        };
        match peer.result {
            SpfResult::Pass => return Outcome::Clean,
            SpfResult::None => return Outcome::NoData("the sender's domain has no SPF record"),
            SpfResult::TempError => return Outcome::NoData("DNS did not answer"),
            SpfResult::PermError => return Outcome::NoData("the sender's SPF record cannot be used"),
            SpfResult::Fail | SpfResult::SoftFail | SpfResult::Neutral => {}
        }
        let Some(severity) = strength(context, peer.result) else {
            // Spoofed mail: nobody vouches for it, and nothing was relayed.
            return if authentication.is_partial() {
                Outcome::NoData("DNS did not answer every question")
            } else {
                Outcome::Clean
            };
        };
        let signs = forwarding::signs(context);
        let judgement = Judgement::of(severity, &signs, context);
        let finding = Finding {
            code: Code::InterposedRelay,
            severity: judgement.severity,
            basis: Basis::Border,
            hop: Some(border),
            fact: fact(context, peer.result),
            sentence: sentence(context, border, peer.result, &judgement),
            evidence: authentication.evidence(),
        };
        if judgement.explained { Outcome::Explained(vec![finding]) } else { vec![finding].into() }
    }
}

/// How bad it is before anything explains it; nothing where nobody vouches for the mail.
fn strength(context: &Context<'_>, peer: SpfResult) -> Option<Severity> {
    let authentication = context.authentication;
    let intact = !authentication.intact.is_empty();
    let denied = matches!(peer, SpfResult::Fail | SpfResult::SoftFail);
    match (&authentication.inner, intact) {
        (Some(_), true) if denied => Some(Severity::Suspicious),
        // No line below tells where the sender let it go; but his own policy is strict, and he wrote to us.
        (None, true) if peer == SpfResult::Fail && authentication.addressed => Some(Severity::Suspicious),
        (Some(_), _) | (_, true) => Some(Severity::Notice),
        (None, false) => None,
    }
}

/// What the signs of forwarding make of it.
struct Judgement<'a> {
    severity: Severity,
    /// An ordinary way explains it.
    explained: bool,
    sign: Option<&'a Sign>,
    /// The sign could be anybody's, and the sender's signature speaks against it.
    contradicted: bool,
}

impl<'a> Judgement<'a> {
    fn of(severity: Severity, signs: &'a [Sign], context: &Context<'_>) -> Self {
        let best = signs.iter().filter(|sign| sign.kind.explains()).max_by_key(|sign| sign.forgery);
        let none = Self { severity, explained: false, sign: best, contradicted: false };
        match best.map(|sign| sign.forgery) {
            None => none,
            Some(Forgery::Nobody) => Self { explained: true, ..none },
            // Whoever took over our DNS explains himself by it.
            Some(Forgery::OurDns) => Self { severity: Severity::Notice, ..none },
            Some(Forgery::Anybody | Forgery::AnyDomain | Forgery::AnyCustomer) if context.authentication.addressed => {
                // Where no host below tells that the mail came by another way first, the sender may have forgotten one of his own.
                let severity = if context.authentication.inner.is_some() { severity } else { Severity::Notice };
                Self { severity, contradicted: true, ..none }
            }
            Some(Forgery::Anybody | Forgery::AnyDomain | Forgery::AnyCustomer) => Self { explained: true, ..none },
        }
    }
}

/// The fact for machines.
fn fact(context: &Context<'_>, peer: SpfResult) -> String {
    let Authentication { sender, inner, .. } = context.authentication;
    let domain = sender.as_ref().map_or("-", |sender| sender.domain.as_str());
    let ip = context.subject.boundary.peer().map_or_else(|| "-".to_owned(), |(_, ip)| ip.to_string());
    let inner = inner.as_ref().map_or_else(|| "-".to_owned(), |inner| inner.ip.to_string());
    let dkim = if context.authentication.intact.is_empty() { "-" } else { "pass" };
    format!("peer={ip} sender={} spf={} inner={inner} dkim={dkim}", printable(domain, 100), peer.as_str())
}

fn sentence(context: &Context<'_>, border: usize, result: SpfResult, judgement: &Judgement<'_>) -> String {
    let authentication = context.authentication;
    let domain = authentication.sender.as_ref().map_or("-", |sender| sender.domain.as_str());
    let domain = printable(domain, 100);
    let peer = context.client(border);
    let mut text = match &authentication.inner {
        Some(inner) => {
            let place = match &inner.by {
                InnerBy::Client if context.next_older(border).is_some_and(|(hop, _)| hop == inner.hop) => {
                    "the hop below".to_owned()
                }
                InnerBy::Client => format!("{} hops below", inner.hop - border),
                InnerBy::Host(name) => format!("{}, which had it before", printable(name, 100)),
            };
            format!(
                "{peer} handed us mail of {domain} that {domain}'s SPF does not allow from it ({}) but allows from {} ({place})",
                result.as_str(),
                inner.ip
            )
        }
        None => format!(
            "{peer} handed us mail of {domain} that {domain}'s SPF does not allow from it ({})",
            result.as_str()
        ),
    };
    match authentication.intact.first() {
        Some(signature) => {
            let by = signature
                .domain
                .as_deref()
                .map(|domain| format!(" (d={})", printable(domain, 100)))
                .unwrap_or_default();
            text.push_str(&format!(", DKIM intact{by}"));
        }
        None => text.push_str(", without an intact DKIM signature"),
    }
    if authentication.addressed {
        text.push_str("; the signature covers your recipient's address, so the sender wrote to you");
    } else if same_recipient(context, border) {
        text.push_str("; the recipient is the same at both hops");
    }
    match judgement.sign {
        Some(sign) if judgement.explained => text.push_str(&format!("; explained: {}.", sign.explanation())),
        Some(sign) if judgement.contradicted => {
            text.push_str(&format!("; it looks forwarded ({}), but {}.", sign.seen, sign.forgery.sentence()));
        }
        Some(sign) => text.push_str(&format!("; {}, but {}.", sign.explanation(), sign.forgery.sentence())),
        None if context
            .authentication
            .exchangers
            .standing(&context.policy.topology)
            .is_some_and(|(_, s)| s == Standing::Foreign) =>
        {
            text.push_str("; it is no declared forwarder, and an MX of yours only by your present DNS.");
        }
        None => text.push_str("; it is no declared forwarder, no MX of yours."),
    }
    text
}

/// Whether the nearest older hop that states a recipient states one of the envelope's.
fn same_recipient(context: &Context<'_>, border: usize) -> bool {
    let mut older = context.subject.trace.hops.iter().skip(border + 1);
    let stated = older.find_map(|hop| hop.received.recipient.as_deref());
    stated.is_some_and(|stated| context.subject.envelope.recipients.iter().any(|to| to.eq_ignore_ascii_case(stated)))
}
