//! The HTTP side: `/metrics` for Prometheus, `/healthz` and `/readyz` for whoever supervises the daemon.

use std::{io, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{net::TcpListener, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{bounded::Bounded, judge::Watch};
use crate::metrics::Metrics;

/// How long requests that have begun may take from `stop` on.
const GRACE: Duration = Duration::from_secs(2);

/// What the pages need.
#[derive(Clone)]
struct Pages {
    watch: Arc<Watch>,
    shutdown: CancellationToken,
}

/// Serves until `stop`; from `shutdown` on `/readyz` answers 503, so that a balancer looks elsewhere.
pub(super) async fn serve(
    listener: TcpListener,
    watch: Arc<Watch>,
    shutdown: CancellationToken,
    stop: CancellationToken,
) -> io::Result<()> {
    let router = Router::new()
        .route(
            "/",
            get(|| async {
                "relaywatch\n\n/metrics  for Prometheus\n/healthz  is the process alive\n/readyz   does it take mail\n"
            }),
        )
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(Pages { watch, shutdown });
    let served = axum::serve(Bounded::new(listener), router).with_graceful_shutdown(stop.clone().cancelled_owned());
    // A client in the middle of its request would hold up the stop.
    let late = async {
        stop.cancelled().await;
        sleep(GRACE).await;
    };
    tokio::select! {
        served = served.into_future() => served,
        () = late => Ok(()),
    }
}

async fn metrics(State(pages): State<Pages>) -> Response {
    match pages.watch.metrics_page() {
        Ok(page) => ([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], page).into_response(),
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("the metrics cannot be shown: {error}\n")).into_response()
        }
    }
}

async fn ready(State(pages): State<Pages>) -> Response {
    if pages.shutdown.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    "ready\n".into_response()
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

    use super::*;
    use crate::serve::judge::Outputs;
    use crate::{
        clock::SystemClock,
        config,
        dns::Offline,
        events::{Events, Settings},
        evidence::{self, Keeper},
    };

    #[tokio::test]
    async fn a_client_in_the_middle_of_its_request_does_not_hold_up_the_stop() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (metrics, clock) = (Metrics::new().unwrap(), Arc::new(SystemClock));
        let off = evidence::Settings { on: false, ..evidence::Settings::default() };
        let outputs = Outputs {
            keeper: Keeper::start(off, clock.clone(), metrics.clone()).unwrap(),
            events: Events::start(&Settings::default(), metrics.clone()).unwrap(),
            observer: None,
        };
        let watch = Arc::new(Watch::new(config::defaults(), metrics, clock, Arc::new(Offline), outputs));
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, watch, stop.clone(), stop.clone()));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET /metr").await.unwrap();
        sleep(Duration::from_millis(50)).await;
        stop.cancel();
        timeout(GRACE * 3, server).await.expect("the server stops").unwrap().unwrap();
    }
}
