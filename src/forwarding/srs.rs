//! `srs`: the envelope sender is another one, rewritten by the Sender Rewriting Scheme ([`crate::envelope::srs`]).

use super::{Context, Sign, SignKind};
use crate::envelope::srs::is_rewritten;

pub(super) fn srs(context: &Context<'_>) -> Option<Sign> {
    let (local, domain) = context.sender()?;
    is_rewritten(local).then_some(())?;
    context.envelope_sign(SignKind::Srs, domain)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Forgery, sample::Sample},
        *,
    };
    use crate::authentication::{Source, SpfFact, SpfIdentity, SpfResult};

    #[test]
    fn the_forwarder_is_the_domain_behind_it() {
        let sign = Sample::from("SRS0=HHH=TT=orig.example=alice@fwd.example").ask(srs).unwrap();
        assert_eq!((sign.forwarder.as_deref(), sign.forgery), (Some("fwd.example"), Forgery::AnyDomain));
        assert_eq!(Sample::from("SRS0=HHH@fwd.example").ask(srs), None);
    }

    #[test]
    fn where_spf_does_not_pass_anybody_writes_it() {
        let mut sample = Sample::from("SRS0=HHH=TT=orig.example=alice@fwd.example");
        let spf = |result| SpfFact {
            result,
            domain: Some("fwd.example".to_owned()),
            identity: SpfIdentity::MailFrom,
            ip: None,
            source: Source::Dns,
        };
        for (result, forgery) in [(SpfResult::Pass, Forgery::AnyDomain), (SpfResult::Fail, Forgery::Anybody)] {
            sample.authentication.stated.spf = Some(spf(result));
            assert_eq!(sample.ask(srs).unwrap().forgery, forgery);
        }
    }
}
