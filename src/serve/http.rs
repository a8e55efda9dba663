//! The HTTP side: `/metrics` for Prometheus, `/healthz` and `/readyz` for whoever supervises the daemon.

use std::{io, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::judge::Watch;
use crate::metrics::Metrics;

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
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
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
