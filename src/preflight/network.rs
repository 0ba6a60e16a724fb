//! The way to the target: name, connection, TLS, health, clock.

use std::net::SocketAddr;

use super::CheckLine;
use super::Preflight;
use super::client::{Client, Heard, NoAnswer, PATIENCE};
use crate::engine::{Skew, certificate_end, connect, local_trouble};
use crate::units::{Nanos, Timestamp, count};

/// A certificate that ends within this is worth a word.
const EXPIRES_SOON: i64 = 14 * 86_400;
/// Stripe's tolerance, in seconds: a signature farther off is refused.
const SIGNATURE_TOLERANCE: f64 = 300.0;
/// A skew beyond this many seconds is worth a word.
const NOTABLE_SKEW: f64 = 30.0;

/// Resolves the name and opens a connection. `Err`: the line that says why not.
pub(super) async fn reach(client: &Client) -> Result<CheckLine, CheckLine> {
    const NAME: &str = "reachability";
    let unreachable = |found: String, todo: &str| {
        Err(CheckLine::bad(NAME, found, "no load can be sent: a run would be inconclusive", todo))
    };
    let Some(host) = client.base.host_str() else {
        return unreachable("the URL names no host".to_owned(), "mend the environment's url");
    };
    let host = host.trim_matches(['[', ']']);
    let port = client.base.port_or_known_default().unwrap_or(80);
    let looking = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host, port)));
    let addresses: Vec<SocketAddr> = match looking.await {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(error)) => {
            return unreachable(
                format!("{host} can't be resolved: {error}"),
                "look for a typing error in the URL, and whether this machine's DNS knows the host",
            );
        }
        Err(_) => {
            return unreachable(
                format!("{host} wasn't resolved within {}", Nanos::from(PATIENCE)),
                "look at this machine's DNS",
            );
        }
    };
    let start = client.clock.now();
    let connecting = connect(&addresses);
    let found = match tokio::time::timeout(PATIENCE, connecting).await {
        Ok(Ok(stream)) => {
            let took = client.clock.now() - start;
            let peer = stream.peer_addr().map(|peer| peer.ip().to_string()).unwrap_or_default();
            let more = match addresses.len() {
                0 | 1 => String::new(),
                n => format!(" (1 of {} addresses)", count(n as u64)),
            };
            return Ok(CheckLine::ok(NAME, format!("{host} at {peer}{more}, connected in {took}")));
        }
        Ok(Err(error)) => unconnected(host, port, &error),
        Err(_) => {
            let reason = format!("no answer within {}", Nanos::from(PATIENCE));
            (format!("{host}, port {port}: {reason}"), SEE_WHETHER_IT_RUNS)
        }
    };
    unreachable(found.0, found.1)
}

const SEE_WHETHER_IT_RUNS: &str = "see whether the service runs and listens there, and whether a \
                                   firewall or VPN lets this machine through";

/// Why no connection was opened, and what to do: what this machine has run out of is
/// nothing that the target could mend.
fn unconnected(host: &str, port: u16, error: &std::io::Error) -> (String, &'static str) {
    match local_trouble(error) {
        Some(own) => (own, "mend this machine: the target has no part in it"),
        None => (format!("{host}, port {port}: {error}"), SEE_WHETHER_IT_RUNS),
    }
}

/// TLS, health and clock, from one request. `false`: no connection could be opened after all.
pub(super) async fn answers(client: &Client, what: &Preflight, lines: &mut Vec<CheckLine>) -> bool {
    if what.spares_quota {
        return true;
    }
    let path = if what.tells_health { "/api/health" } else { "/" };
    let answer = client.get(path, None).await;
    match &answer {
        Err(NoAnswer { unconnected: Some(todo), reason }) => {
            lines.push(CheckLine::bad(
                "TLS",
                reason.clone(),
                "no connection could be opened: a run would be inconclusive",
                *todo,
            ));
            return false;
        }
        Err(NoAnswer { reason, .. }) => lines.push(CheckLine::bad(
            "health",
            reason.clone(),
            "the target takes connections and doesn't answer",
            "see whether the service behind the load balancer runs",
        )),
        Ok(answer) => {
            lines.push(tls(client, what, answer));
            // Of another API nobody knows where it tells that: an answer is one.
            if what.tells_health {
                lines.push(health(client, answer));
            }
            lines.push(clock(answer));
        }
    }
    true
}

fn tls(client: &Client, what: &Preflight, answer: &Heard) -> CheckLine {
    const NAME: &str = "TLS";
    if client.base.scheme() != "https" {
        let local = match client.base.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        };
        return if local || what.environment.embedded {
            CheckLine::skipped(NAME, "plain HTTP to this machine")
        } else {
            CheckLine::warn(
                NAME,
                "plain HTTP",
                "API keys and events travel unencrypted",
                "use an https:// URL",
            )
        };
    }
    let Some(end) = answer.certificate.as_deref().and_then(certificate_end) else {
        return CheckLine::ok(NAME, "certificate accepted, its end of validity could not be read");
    };
    let left = end - i64::try_from(answer.received.as_secs()).unwrap_or(i64::MAX);
    let until = Timestamp { unix_millis: end.saturating_mul(1000) }.human();
    let days = count(u64::try_from(left / 86_400).unwrap_or(0));
    let found = format!("certificate accepted, valid until {until} ({days} days)");
    if left < EXPIRES_SOON {
        let means = "from then on every connection fails";
        return CheckLine::warn(NAME, found, means, "renew it, or see why it renews so late");
    }
    CheckLine::ok(NAME, found)
}

fn health(client: &Client, answer: &Heard) -> CheckLine {
    const NAME: &str = "health";
    let found = client.describe(answer);
    match answer.status {
        200 => {
            let body: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
            if body.is_some_and(|body| body["status"] == "healthy") {
                CheckLine::ok(NAME, format!("healthy, answered in {}", answer.took))
            } else {
                CheckLine::warn(
                    NAME,
                    "status 200, and the body does not say `healthy`",
                    "this may be another service, or a page in front of it",
                    "open /api/health in a browser and compare the URL",
                )
            }
        }
        503 => CheckLine::bad(
            NAME,
            format!("degraded, {found}"),
            "a part of the target is down: the run would measure that",
            "mend the service it names, then run again",
        ),
        300..=399 => CheckLine::bad(
            NAME,
            found,
            "the target redirects, and load is never sent after a redirect",
            "use the URL it redirects to (http or https, with or without www)",
        ),
        429 => CheckLine::warn(
            NAME,
            found,
            "this machine is being rate limited before any load",
            "wait for the window to pass, and see who else uses this address",
        ),
        500..=599 => CheckLine::bad(
            NAME,
            found,
            "the target or what stands before it fails",
            "read its log, then run again",
        ),
        _ => CheckLine::bad(
            NAME,
            found,
            "there is no health endpoint at this URL: it may be another service",
            "compare the URL with the environment's (no path is needed)",
        ),
    }
}

/// What the line on this machine's clock is called.
pub const CLOCK: &str = "clock";

fn clock(answer: &Heard) -> CheckLine {
    const NAME: &str = CLOCK;
    let Some(date) = answer.date else {
        return CheckLine::warn(
            NAME,
            "the answer has no readable Date header",
            "the target's clock can't be compared with this machine's",
            "nothing, unless webhooks are refused as expired: then compare the clocks by hand",
        );
    };
    let mut skew = Skew::default();
    skew.note(date, answer.sent, answer.received);
    let seconds = skew.seconds().unwrap_or(0.0);
    let size = Nanos::from_secs_f64(seconds.abs().round());
    let way = if seconds > 0.0 { "ahead of" } else { "behind" };
    let found = format!("the target is {size} {way} this machine (to 1 s)");
    if seconds.abs() > SIGNATURE_TOLERANCE {
        CheckLine::bad(
            NAME,
            found,
            "signatures carry this machine's time: every signed request is refused as expired (300 s)",
            "set both clocks by NTP (`timedatectl status`)",
        )
    } else if seconds.abs() > NOTABLE_SKEW {
        CheckLine::warn(
            NAME,
            found,
            "signatures hold for 300 s, so not much more may come",
            "set both clocks by NTP (`timedatectl status`)",
        )
    } else if seconds == 0.0 {
        CheckLine::ok(NAME, "agrees with the target's, to 1 s")
    } else {
        CheckLine::ok(NAME, found)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::unconnected;

    #[test]
    fn what_this_machine_has_run_out_of_says_what_to_raise() {
        let told = |errno| unconnected("a.test", 80, &std::io::Error::from_raw_os_error(errno));
        let (found, todo) = told(99);
        assert!(found.contains("net.ipv4.ip_local_port_range"), "{found}");
        assert!(todo.contains("this machine"), "{todo}");
        let (found, _) = told(111);
        assert!(found.starts_with("a.test, port 80: "), "{found}");
    }
}
