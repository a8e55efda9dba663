//! A DNS server on loopback that misbehaves on demand: the first label of a name says how it is answered, up to a `-`.
//! It speaks UDP and TCP, and counts what it was asked. It ends when dropped.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use hickory_resolver::proto::{
    op::{Message, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata},
};
use relaywatch::clock::Stopwatch;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinHandle,
    time::sleep,
};

use super::wait::PATIENCE;

/// The SPF record of every name that has one.
const SPF: &str = "v=spf1 ip4:203.0.113.10 -all";

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
        loop {
            if let Ok(pair) = pair(SocketAddr::from(([127, 0, 0, 1], 0))).await {
                return Self::serve(pair, how);
            }
        }
    }

    /// Starts one where another was, as soon as that has let go of the address.
    pub(crate) async fn again(address: SocketAddr) -> Self {
        let watch = Stopwatch::start();
        loop {
            match pair(address).await {
                Ok(pair) => return Self::serve(pair, None),
                Err(error) => assert!(watch.elapsed() < PATIENCE, "{address}: {error}"),
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    fn serve((udp, tcp): (UdpSocket, TcpListener), how: Option<&'static str>) -> Self {
        let seen = Seen::default();
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
async fn pair(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let udp = UdpSocket::bind(address).await?;
    let tcp = TcpListener::bind(udp.local_addr()?).await?;
    Ok((udp, tcp))
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
    // What is asked for: an SPF record, an exchanger, an address.
    let good = match query.queries[0].query_type() {
        RecordType::TXT => RData::TXT(rdata::TXT::new(vec![SPF.to_owned()])),
        RecordType::MX => RData::MX(rdata::MX::new(10, parent.prepend_label("answer").unwrap())),
        _ => a.clone(),
    };
    let (how, argument) = how.unwrap_or(&label).split_once('-').unwrap_or((how.unwrap_or(&label), ""));
    match how {
        // answer-TTL
        "answer" => records(argument.parse().unwrap_or(300), &[good]),
        // slow-MILLISECONDS
        "slow" => {
            sleep(Duration::from_millis(argument.parse().unwrap())).await;
            records(300, &[good]);
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
        // A short answer, over TCP only.
        "cut" if !tcp => response.metadata.truncation = true,
        "cut" => records(300, &[good]),
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
