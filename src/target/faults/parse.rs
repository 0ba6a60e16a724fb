//! The grammar of faults: `[ENDPOINT.]NAME[=VALUE]`.

use std::time::Duration;

use super::super::chance::Latency;
use super::super::endpoint::Endpoint;
use super::super::limiter::Algorithm;
use super::super::quota::QuotaSetting;
use super::catalogue::{FAULTS, Fault, list, names};
use super::types::{EndpointFaults, Faults, Mishap, RetryAfter, SignatureCheck, Stall};
use crate::units::Nanos;

/// The prefix of the limiter over all calls of a key.
const PER_KEY: &str = "per-key";

/// A fault that there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// No fault has that name.
    #[error("there is no fault `{name}`{}; there are:{}", suggestion(.nearest.as_deref()), list())]
    Name {
        /// What was given.
        name: String,
        /// The name that looks most like it.
        nearest: Option<String>,
    },
    /// No endpoint has that name.
    #[error("there is no endpoint `{name}`{}; there are: {}, {PER_KEY}", suggestion(.nearest.as_deref()), names(&Endpoint::ALL))]
    Endpoint {
        /// What was given.
        name: String,
        /// The name that looks most like it.
        nearest: Option<String>,
    },
    /// The endpoint can't have that fault.
    #[error("`{name}` is no fault of {endpoint}, but of {of}")]
    Elsewhere {
        /// The fault.
        name: &'static str,
        /// The endpoint that was named.
        endpoint: String,
        /// Those that can have it.
        of: String,
    },
    /// The value is none that the fault takes.
    #[error("`{value}` is no value of the fault `{name}`, which takes {takes}")]
    Value {
        /// The fault.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it takes, in words.
        takes: &'static str,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!(" (did you mean `{nearest}`?)"))
}

fn nearest<'a>(name: &str, all: impl Iterator<Item = &'a str>) -> Option<String> {
    all.map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known.to_owned())
}

/// Where one setting goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Everywhere,
    One(Endpoint),
    PerKey,
}

impl Faults {
    /// Reads settings of the form `NAME=VALUE` or `ENDPOINT.NAME=VALUE`
    /// (`serve --help` lists them). A later one overrides an earlier one, and
    /// one that names an endpoint those that don't.
    ///
    /// # Errors
    /// A name, endpoint or value that there is not; the message lists what there is.
    pub fn parse(settings: &[String]) -> Result<Self, FaultError> {
        parse(settings)
    }
}

/// Reads `settings`, those without a prefix first.
fn parse(settings: &[String]) -> Result<Faults, FaultError> {
    let mut faults = Faults::default();
    let read = settings.iter().map(|text| split(text)).collect::<Result<Vec<_>, _>>()?;
    let (wide, narrow): (Vec<_>, Vec<_>) =
        read.into_iter().partition(|(scope, ..)| *scope == Scope::Everywhere);
    for (scope, fault, value) in wide.into_iter().chain(narrow) {
        apply(&mut faults, scope, fault, value).ok_or_else(|| FaultError::Value {
            name: fault.name,
            value: value.to_owned(),
            takes: fault.takes,
        })?;
    }
    Ok(faults)
}

fn split(text: &str) -> Result<(Scope, &'static Fault, &str), FaultError> {
    let (name, value) = text.split_once('=').unwrap_or((text, "on"));
    let (scope, name) = match name.split_once('.') {
        None => (Scope::Everywhere, name),
        Some((PER_KEY, name)) => (Scope::PerKey, name),
        Some((prefix, name)) => {
            let known = Endpoint::ALL.into_iter().find(|endpoint| endpoint.name() == prefix);
            let endpoint = known.ok_or_else(|| FaultError::Endpoint {
                name: prefix.to_owned(),
                nearest: nearest(prefix, Endpoint::ALL.iter().map(|e| e.name()).chain([PER_KEY])),
            })?;
            (Scope::One(endpoint), name)
        }
    };
    let fault = FAULTS.iter().find(|fault| fault.name == name.trim()).ok_or_else(|| {
        let nearest = nearest(name, FAULTS.iter().map(|fault| fault.name));
        FaultError::Name { name: name.to_owned(), nearest }
    })?;
    let fits = match scope {
        Scope::Everywhere => true,
        Scope::One(endpoint) => fault.endpoints.contains(&endpoint),
        Scope::PerKey => matches!(fault.name, "limiter" | "limit" | "window"),
    };
    if fits {
        return Ok((scope, fault, value.trim()));
    }
    Err(FaultError::Elsewhere {
        name: fault.name,
        endpoint: match scope {
            Scope::One(endpoint) => endpoint.name().to_owned(),
            _ => PER_KEY.to_owned(),
        },
        of: if fault.endpoints.is_empty() {
            "the whole server (no prefix)".to_owned()
        } else {
            names(fault.endpoints)
        },
    })
}

/// Sets `fault` where `scope` says; none where the value isn't one of its values.
fn apply(faults: &mut Faults, scope: Scope, fault: &Fault, value: &str) -> Option<()> {
    match fault.name {
        "clock" => faults.clock = signed_span(value)?,
        "usage" => faults.usage = value.parse().ok()?,
        name => {
            for endpoint in fault.endpoints {
                if scope == Scope::Everywhere || scope == Scope::One(*endpoint) {
                    apply_to(faults.of_mut(*endpoint), fault, value)?;
                }
            }
            // A limit is a figure of its endpoint, the kind and the window are everybody's.
            let shared = matches!(name, "limiter" | "window");
            if scope == Scope::PerKey || (scope == Scope::Everywhere && shared) {
                limiter(&mut faults.per_key, name, value)?;
            }
        }
    }
    Some(())
}

fn apply_to(faults: &mut EndpointFaults, fault: &Fault, value: &str) -> Option<()> {
    if let Some(mishap) = fault.mishap {
        faults.shares[mishap as usize] = share(value)?;
        return Some(());
    }
    match fault.name {
        "latency" => faults.latency = Some(latency(value)?),
        "stall" => faults.stall = Some(stall(value)?),
        "status" => {
            let (status, of) = value.split_once(':').unwrap_or((value, "1"));
            let status = status.parse().ok().filter(|status| (200..600).contains(status))?;
            faults.status = status;
            faults.shares[Mishap::Status as usize] = share(of)?;
        }
        "slow-body" => faults.slow_body = Some(span(value)?.into()),
        "echo" => {
            let (word, of) = value.split_once(':').unwrap_or((value, "1"));
            let wrong = if word == "wrong" { share(of)? } else { 0.0 };
            if !matches!(word, "wrong" | "right") {
                return None;
            }
            faults.shares[Mishap::WrongEcho as usize] = wrong;
        }
        "email-check" => faults.email_check = switch(value)?,
        "key-check" => faults.key_check = switch(value)?,
        "signature-check" => {
            let on = switch(value)?;
            faults.signature = if on { SignatureCheck::On } else { SignatureCheck::Off };
        }
        "signature" => {
            faults.signature = match value {
                "reject" => SignatureCheck::Reject,
                "check" => SignatureCheck::On,
                _ => return None,
            };
        }
        "spoofable" => faults.spoofable = switch(value)?,
        "retry-after" => {
            faults.retry_after = match value {
                "true" => RetryAfter::True,
                "lie" => RetryAfter::TooSmall,
                "none" => RetryAfter::Missing,
                _ => return None,
            };
        }
        "no-retry-after" => {
            faults.retry_after =
                if switch(value)? { RetryAfter::Missing } else { RetryAfter::True };
        }
        name => limiter(&mut faults.limiter, name, value)?,
    }
    Some(())
}

fn limiter(setting: &mut QuotaSetting, name: &str, value: &str) -> Option<()> {
    match name {
        "limit" => setting.limit = whole(value)?,
        "window" => setting.window = span(value).filter(|window| *window > Nanos::ZERO)?,
        "limiter" => {
            let (word, rest) = value.split_once(':').unwrap_or((value, ""));
            match (word, rest) {
                ("anchored", "") => setting.algorithm = Algorithm::Anchored,
                ("aligned", "") => setting.algorithm = Algorithm::Aligned,
                ("sliding", "") => setting.algorithm = Algorithm::Sliding,
                ("bucket", "") => setting.algorithm = Algorithm::Bucket,
                ("off", "") => setting.algorithm = Algorithm::Off,
                ("eager", "") => setting.eager = true,
                ("stuck", "") => setting.stuck = true,
                ("leak", of) => setting.leak = share(of)?,
                ("replicas", n) => setting.replicas = whole(n).filter(|n| *n <= 1_000)?,
                _ => return None,
            }
        }
        _ => return None,
    }
    Some(())
}

fn whole(text: &str) -> Option<u32> {
    text.parse().ok().filter(|n| (1..=1_000_000).contains(n))
}

fn switch(text: &str) -> Option<bool> {
    match text {
        "on" | "true" => Some(true),
        "off" | "false" => Some(false),
        _ => None,
    }
}

fn share(text: &str) -> Option<f64> {
    if let Some(on) = switch(text) {
        return Some(f64::from(u8::from(on)));
    }
    let share: f64 = match text.strip_suffix('%') {
        Some(per_cent) => per_cent.trim().parse::<f64>().ok()? / 100.0,
        None => text.parse().ok()?,
    };
    (0.0..=1.0).contains(&share).then_some(share)
}

/// At most a day, so that no sum of spans overflows.
fn span(text: &str) -> Option<Nanos> {
    let span = humantime::parse_duration(text).ok()?;
    (span <= Duration::from_secs(86_400)).then(|| span.into())
}

fn signed_span(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    i64::try_from(span(text)?.0).ok().map(|nanos| sign * nanos)
}

fn stall(text: &str) -> Option<Stall> {
    let (frozen, period) = text.split_once('/')?;
    let (frozen, period) = (span(frozen)?, span(period)?);
    (frozen <= period && period > Nanos::ZERO).then_some(Stall { frozen, period })
}

fn latency(text: &str) -> Option<Latency> {
    let positive =
        |text: &str| text.trim().parse().ok().filter(|n: &f64| n.is_finite() && *n > 0.0);
    match text.split_once(':') {
        None => span(text).map(Latency::Fixed),
        Some(("uniform", range)) => {
            let (from, to) = range.split_once("..")?;
            let (from, to) = (span(from)?, span(to)?);
            (from <= to).then_some(Latency::Uniform(from, to))
        }
        Some(("lognormal", rest)) => {
            let (median, sigma) = rest.split_once(',')?;
            Some(Latency::LogNormal(span(median)?, positive(sigma)?))
        }
        Some(("pareto", rest)) => {
            let (least, shape) = rest.split_once(',')?;
            Some(Latency::Pareto(span(least)?, positive(shape)?))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_of_value_is_read() {
        let ms = Nanos::from_millis;
        for (text, wanted) in [
            ("20ms", Latency::Fixed(ms(20))),
            ("uniform:10ms..50ms", Latency::Uniform(ms(10), ms(50))),
            ("lognormal:20ms,0.5", Latency::LogNormal(ms(20), 0.5)),
            ("pareto:10ms, 1.5", Latency::Pareto(ms(10), 1.5)),
        ] {
            assert_eq!(latency(text), Some(wanted));
        }
        assert_eq!(stall("1s/10s"), Some(Stall { frozen: ms(1_000), period: ms(10_000) }));
        assert_eq!(signed_span("+400s"), Some(400_000_000_000));
        assert_eq!(signed_span("-1m"), Some(-60_000_000_000));
        assert_eq!((share("20%"), share("on"), share("off")), (Some(0.2), Some(1.0), Some(0.0)));
    }

    #[test]
    fn a_limit_without_prefix_leaves_the_one_by_key_alone() {
        let read = |text: &str| parse(&[text.to_owned()]).unwrap();
        assert_eq!(read("limit=7").per_key.limit, 500);
        assert_eq!(read("limit=7").of(Endpoint::Webhook).limiter.limit, 7);
        assert_eq!(read("per-key.limit=7").per_key.limit, 7);
        assert_eq!(read("window=6s").per_key.window, Nanos::from_secs(6));
        assert_eq!(read("limiter=off").per_key.algorithm, Algorithm::Off);
        assert_eq!(read("webhook.limiter=off").per_key.algorithm, Algorithm::Anchored);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z.-]{0,12}=?[a-z0-9:./,%+-]{0,14}", at in 0..FAULTS.len()) {
            let _ = parse(&[text.clone(), format!("{}={text}", FAULTS[at].name)]);
        }
    }
}
