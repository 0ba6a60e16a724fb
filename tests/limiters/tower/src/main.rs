//! tower_governor on the port given: 20 at once, one more every half second, by the peer's address.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::routing::any;
use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or_default();
    let limit = GovernorConfigBuilder::default().per_millisecond(500).burst_size(20).finish();
    let limit = limit.ok_or_else(|| std::io::Error::other("no limit"))?;
    let answer = any(async || ([("content-type", "application/json")], "{}"));
    let app = Router::new().route("/", answer).layer(GovernorLayer::new(limit));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
}
