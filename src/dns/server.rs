//! One DNS server, asked once: over UDP, and over TCP where the answer does not fit (RFC 7766, 5).
//!
//! Takes a query, gives the response in which the server says something of the name, or what it says instead. hickory draws the
//! source port and the message's id at random, and passes over datagrams that do not match both and the question.
//!
//! hickory's own `Resolver` is not used: it takes a refusal or a failure of the first server for everybody's, and built with TLS,
//! as it is with mail-auth, it does not start where the system has no certificates.

use std::{net::SocketAddr, time::Duration};

use hickory_resolver::{
    net::{
        NetError,
        runtime::TokioRuntimeProvider,
        tcp::TcpClientStream,
        udp::UdpClientStream,
        xfer::{DnsHandle as _, DnsRequestSender as _, FirstAnswer as _},
    },
    proto::{
        op::{DnsRequest, DnsRequestOptions, DnsResponse, Query, ResponseCode},
        rr::RecordType,
    },
};

use super::Said;

/// A server, and how long it may take.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) timeout: Duration,
}

impl Server {
    /// Asks. An unreachable UDP port looks like a silent server, because the socket is not connected.
    pub(super) async fn ask(&self, query: &Query) -> Result<DnsResponse, Said> {
        let response = match self.over_udp(query).await {
            Ok(response) if response.truncation => self.over_tcp(query).await,
            other => other,
        };
        match response {
            Ok(response) => judged(response, query),
            Err(NetError::Timeout) => Err(Said::Timeout),
            Err(error) => {
                tracing::debug!(server = %self.address, %error, "no answer");
                Err(Said::Failed)
            }
        }
    }

    async fn over_udp(&self, query: &Query) -> Result<DnsResponse, NetError> {
        let client = UdpClientStream::builder(self.address, TokioRuntimeProvider::new());
        // One datagram an attempt, and so one socket an open query.
        let mut client = client.with_timeout(Some(self.timeout)).with_max_retries(1).build();
        client.send_message(request(query)).first_answer().await
    }

    async fn over_tcp(&self, query: &Query) -> Result<DnsResponse, NetError> {
        // The connection's task ends with its provider.
        let provider = TokioRuntimeProvider::new();
        let answer = async {
            let client = TcpClientStream::exchange(self.address, None, self.timeout, None, provider.clone()).await?;
            client.send(request(query)).first_answer().await
        };
        tokio::time::timeout(self.timeout, answer).await.unwrap_or(Err(NetError::Timeout))
    }
}

/// Recursion desired, EDNS with 1,232 bytes (RFC 9715).
fn request(query: &Query) -> DnsRequest {
    DnsRequest::from_query(query.clone(), DnsRequestOptions::default())
}

fn judged(response: DnsResponse, query: &Query) -> Result<DnsResponse, Said> {
    match response.response_code {
        ResponseCode::Refused => Err(Said::Refused),
        _ if response.truncation || response.queries != [query.clone()] => Err(Said::Failed),
        ResponseCode::NXDomain => Ok(response),
        ResponseCode::NoError if !is_referral(&response) => Ok(response),
        _ => Err(Said::Failed),
    }
}

/// Whether a server only names others that might know (RFC 2308, 2.2): the delegation is lame, or it does not recurse for us.
fn is_referral(response: &DnsResponse) -> bool {
    let has = |kind| response.authorities.iter().any(|record| record.record_type() == kind);
    response.answers.is_empty() && !response.authoritative && has(RecordType::NS) && !has(RecordType::SOA)
}
