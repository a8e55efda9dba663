//! A milter that stamps every message with one header field and does nothing else: what the milter itself costs.
//!
//!     cargo run --release --example stamp -- inet:127.0.0.1:8895 unix:/tmp/stamp.sock
//!
//! `RULING` in the environment: `stamp` (default), `accept`, `strip` (takes out the first three `X-Relaywatch` fields,
//! the third first, then stamps twice), `tempfail`, `reject`, `quarantine`. With `TALK`, it
//! shows each message's session. Ends with SIGINT.

#![allow(clippy::print_stdout, reason = "it talks to whoever runs it by hand")]

use std::sync::Arc;

use relaywatch::{
    clock::SystemClock,
    config::{Address, MilterSettings},
    ingest::{
        Judge, Ruling,
        milter::{
            listener::Listener,
            server::{Milter, Stop},
        },
    },
    message::RawMessage,
    metrics::Metrics,
    policy::Action,
    stamp::HeaderChange,
};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

struct Stamp {
    ruling: Ruling,
    talks: bool,
}

impl Judge for Stamp {
    #[allow(clippy::disallowed_macros, reason = "it talks to whoever runs it by hand")]
    fn judge(&self, message: &RawMessage) -> Ruling {
        if self.talks {
            println!("{:#?} {} fields", message.session, message.headers.len());
        }
        self.ruling.clone()
    }
}

fn ruling(name: &str) -> Ruling {
    let stamp = |value: &str| HeaderChange::Prepend { name: "X-Relaywatch".into(), value: value.to_owned() };
    let remove = |occurrence| HeaderChange::Remove { name: "X-Relaywatch".to_owned(), occurrence };
    let one = vec![stamp("clean; hops=3;\n\tboundary=0")];
    let reply = Some("not 100% sure".to_owned());
    match name {
        "accept" => Ruling::open(),
        "strip" => {
            Ruling { changes: vec![remove(3), remove(2), remove(1), stamp("first"), stamp("second")], ..Ruling::open() }
        }
        "tempfail" => Ruling { action: Action::Tempfail, reply, changes: one },
        "reject" => Ruling { action: Action::Reject, reply, changes: one },
        "quarantine" => Ruling { action: Action::Quarantine, reply: None, changes: one },
        _ => Ruling { changes: one, ..Ruling::open() },
    }
}

#[tokio::main]
#[allow(clippy::disallowed_macros, reason = "it talks to whoever runs it by hand")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::var("RULING").unwrap_or_default();
    let judge = Arc::new(Stamp { ruling: ruling(&name), talks: std::env::var_os("TALK").is_some() });
    let (_keep, settings) = watch::channel(Arc::new(MilterSettings::default()));
    let metrics = Metrics::new()?;
    let milter = Milter::new(settings, judge, metrics.clone(), Arc::new(SystemClock));
    let stop = Stop { shutdown: CancellationToken::new(), drain: std::time::Duration::from_secs(5) };
    let served = TaskTracker::new();
    for argument in std::env::args().skip(1) {
        let address = match argument.split_once(':') {
            Some(("unix", path)) => Address::Unix(path.into()),
            Some(("inet", address)) => Address::Tcp(address.parse()?),
            _ => return Err(format!("{argument}: unix:PATH or inet:ADDRESS:PORT").into()),
        };
        served.spawn(milter.clone().serve(Listener::bind(&address, 0o666)?, stop.clone()));
        println!("listening on {address}");
    }
    served.close();
    tokio::signal::ctrl_c().await?;
    stop.shutdown.cancel();
    served.wait().await;
    metrics.render()?.lines().filter(|line| line.starts_with("relaywatch_milter")).for_each(|line| println!("{line}"));
    Ok(())
}
