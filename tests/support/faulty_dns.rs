//! A DNS server on loopback that misbehaves on demand: the first label of a name says how it is answered, up to a `-`.
//! It speaks UDP and TCP, and counts what it was asked. It ends when dropped.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use hickory_resolver::proto::{
    op::{Message, ResponseCode},
    rr::{Name, RData, Record, rdata},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinHandle,
    time::sleep,
};

/// Queries seen, by name and whether they came over TCP.
type Seen = Arc<Mutex<HashMap<(String, bool), usize>>>;

/// A running server.
pub(crate) struct FaultyDns {
    pub(crate) address: SocketAddr,
    seen: Seen,
    tasks: [JoinHandle<()>; 2],
}

impl FaultyDns {
    /// Starts one.
    pub(crate) async fn start() -> Self {
        Self::always(None).await
    }

    /// Starts one that treats every name as if its first label were this one.
    pub(crate) async fn always(how: Option<&'static str>) -> Self {
        let seen = Seen::default();
        let (udp, tcp) = pair().await;
        let address = udp.local_addr().unwrap();
        let tasks = [
            tokio::spawn(serve_udp(Arc::new(udp), how, Arc::clone(&seen))),
            tokio::spawn(serve_tcp(tcp, how, Arc::clone(&seen))),
        ];
        Self { address, seen, tasks }
    }

    /// How often a name was asked for over UDP.
    pub(crate) fn udp(&self, name: &str) -> usize {
        self.count(name, false)
    }

    /// How often a name was asked for over TCP.
    pub(crate) fn tcp(&self, name: &str) -> usize {
        self.count(name, true)
    }

    fn count(&self, name: &str, tcp: bool) -> usize {
        self.seen.lock().unwrap().get(&(name.to_owned(), tcp)).copied().unwrap_or_default()
    }
}

impl Drop for FaultyDns {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// A UDP socket and a TCP listener on the same port.
async fn pair() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

async fn serve_udp(socket: Arc<UdpSocket>, how: Option<&'static str>, seen: Seen) {
    let mut buffer = [0; 4096];
    loop {
        let (length, client) = socket.recv_from(&mut buffer).await.unwrap();
        let query = buffer[..length].to_vec();
        let (socket, seen) = (Arc::clone(&socket), Arc::clone(&seen));
        tokio::spawn(async move {
            if let Some(response) = answer(&query, how, false, &seen).await {
                socket.send_to(&response, client).await.unwrap();
            }
        });
    }
}

async fn serve_tcp(listener: TcpListener, how: Option<&'static str>, seen: Seen) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(converse(stream, how, Arc::clone(&seen)));
    }
}

async fn converse(mut stream: TcpStream, how: Option<&'static str>, seen: Seen) {
    while let Ok(length) = stream.read_u16().await {
        let mut query = vec![0; length.into()];
        stream.read_exact(&mut query).await.unwrap();
        let Some(response) = answer(&query, how, true, &seen).await else { return };
        stream.write_u16(response.len().try_into().unwrap()).await.unwrap();
        stream.write_all(&response).await.unwrap();
    }
}

/// The octets to send back, if any.
async fn answer(query: &[u8], how: Option<&'static str>, tcp: bool, seen: &Seen) -> Option<Vec<u8>> {
    let query = Message::from_vec(query).unwrap();
    let name = query.queries[0].name().clone();
    let text = name.to_ascii().trim_end_matches('.').to_owned();
    let label = text.split('.').next().unwrap().to_owned();
    *seen.lock().unwrap().entry((text, tcp)).or_default() += 1;
    let parent = name.base_name();
    let mut response = query.clone().into_response();
    response.metadata.response_code = ResponseCode::NoError;
    let mut records = |ttl, data: &[RData]| {
        response.answers.extend(data.iter().map(|data| Record::from_rdata(name.clone(), ttl, data.clone())));
    };
    let a = RData::A(rdata::A(Ipv4Addr::new(192, 0, 2, 1)));
    let alias = |label: &str| RData::CNAME(rdata::CNAME(parent.prepend_label(label).unwrap()));
    let (how, argument) = how.unwrap_or(&label).split_once('-').unwrap_or((how.unwrap_or(&label), ""));
    match how {
        // answer-TTL
        "answer" => records(argument.parse().unwrap_or(300), &[a]),
        // slow-MILLISECONDS
        "slow" => {
            sleep(Duration::from_millis(argument.parse().unwrap())).await;
            records(300, &[a]);
        }
        "silent" => return None,
        "nxdomain" => {
            response.metadata.response_code = ResponseCode::NXDomain;
            response.authorities.push(soa(&parent));
        }
        "nodata" => response.authorities.push(soa(&parent)),
        "nosoa" => {}
        "refused" => response.metadata.response_code = ResponseCode::Refused,
        "servfail" => response.metadata.response_code = ResponseCode::ServFail,
        "notimp" => response.metadata.response_code = ResponseCode::NotImp,
        "unknown" => response.metadata.response_code = ResponseCode::Unknown(3000),
        "truncated" if !tcp => response.metadata.truncation = true,
        "truncated" => records(300, &[RData::TXT(rdata::TXT::new(vec!["x".repeat(250); 200]))]),
        // Truncated on both ways.
        "endless" => response.metadata.truncation = true,
        // Truncated, and then nothing.
        "closed" if !tcp => response.metadata.truncation = true,
        "closed" => return None,
        "referral" => {
            let host = rdata::NS(parent.prepend_label("ns").unwrap());
            response.authorities.push(Record::from_rdata(parent, 300, RData::NS(host)));
        }
        // The target is asked for on its own.
        "alias" => records(20, &[alias("answer-300")]),
        "dangling" => records(20, &[alias("nxdomain")]),
        "loop" => records(20, &[alias("loop")]),
        // Target and alias at once, and a record of somebody else.
        "chain" => {
            records(20, &[alias("end")]);
            response.answers.push(Record::from_rdata(parent.prepend_label("end").unwrap(), 300, a.clone()));
            response.answers.push(Record::from_rdata(parent.prepend_label("other").unwrap(), 1, a));
        }
        "wrongid" => response.metadata.id ^= 1,
        "wrongname" => {
            response.queries[0].set_name(parent);
        }
        "query" => response.metadata.message_type = hickory_resolver::proto::op::MessageType::Query,
        // The right id, and then noise.
        "garbage" => return Some([&query.id.to_be_bytes()[..], &[0xff; 40]].concat()),
        other => panic!("`{other}` is no way to answer"),
    }
    Some(response.to_vec().unwrap())
}

/// Says that what is not there is not there for a minute.
fn soa(zone: &Name) -> Record {
    let soa = rdata::SOA::new(zone.clone(), zone.clone(), 1, 3600, 600, 86_400, 60);
    Record::from_rdata(zone.clone(), 3600, RData::SOA(soa))
}
