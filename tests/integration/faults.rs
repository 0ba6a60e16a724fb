//! Every fault of the embedded target: the exit code, and the words that name it.

use std::sync::Mutex;

use load_gate::target::FAULTS;

use crate::support::{Served, config, run_in};

/// A fault, the scenario that meets it, the exit codes that are right, words of the
/// summary, and what the config says besides.
struct Row {
    faults: &'static [&'static str],
    scenario: &'static str,
    codes: &'static [i32],
    says: &'static str,
    config: &'static str,
    rate: u32,
    seconds: &'static str,
    /// The limit declared; empty: none, and the target has none to run into.
    limit: &'static str,
}

const fn row(
    faults: &'static [&'static str],
    scenario: &'static str,
    codes: &'static [i32],
    says: &'static str,
) -> Row {
    Row { faults, scenario, codes, says, config: "", rate: 80, seconds: "1s", limit: "" }
}

const fn with(config: &'static str, row: Row) -> Row {
    Row { config, ..row }
}

/// Meets a limiter for long enough to see a second window of it.
const fn limited(limit: &'static str, row: Row) -> Row {
    Row { limit, rate: 40, seconds: "5s", ..row }
}

const O: &str = "onboarding";
const C: &str = "credential-vending";
const W: &str = "webhook";
const FAIL: &[i32] = &[1];
const UNSURE: &[i32] = &[3];
/// Nothing of the scenario's is wrong.
const PASS: &[i32] = &[0];

/// Gates at 100 ms.
const QUICK: &str = "[scenarios.onboarding.thresholds]\n\
                     \"response_time{outcome:accepted}\" = [\"p(95)<100\"]\n";
/// Judges no times: a machine that runs many of these at once is not quick.
const PATIENT: &str = "[scenarios.onboarding.thresholds]\n\
                       \"response_time{outcome:accepted}\" = [\"p(95)<60000\"]\n\
                       [scenarios.credential-vending.thresholds]\n\
                       \"response_time{outcome:accepted}\" = [\"p(95)<60000\"]\n";
/// The built-in limit, spread over as many addresses as keep the load within it.
const AUTO: &str = "identities = \"auto\"\n";
const SECOND: &str =
    "identities = 1\nrate_limit = { limit = 10, window = \"1s\", scope = \"ip\" }\n";
const PROMISED: &str = "identities = 1\nrate_limit = { limit = 10, window = \"2s\", \
                        scope = \"customer\", retry_after = true }\n";
const PROBED: &str = "[probes]\nshare = 0.1\n";

const ROWS: &[Row] = &[
    with(QUICK, row(&["latency=200ms"], O, FAIL, "p(95) of response_time{outcome:accepted} is ")),
    with(QUICK, row(&["latency=lognormal:200ms,0.2"], O, FAIL, "p(95) of response_time")),
    Row {
        rate: 40,
        seconds: "4s",
        ..with(QUICK, row(&["stall=1s/4s"], O, FAIL, "responses stood still around 0:0"))
    },
    row(&["errors=0.5"], O, FAIL, "met a server error (500)"),
    row(
        &["errors=on"],
        W,
        FAIL,
        "no arrival was accepted: of 80 sent, 80 met a server error (500)",
    ),
    row(&["status=503"], C, FAIL, "met a server error (503)"),
    row(&["status=418:0.5"], W, FAIL, "were rejected (418)"),
    row(&["redirect=on"], O, FAIL, "were redirected (302), which is never followed"),
    row(&["hang=0.3"], W, FAIL, "timed out (no whole answer within"),
    row(&["reset=0.5"], O, FAIL, "got no answer: the connection was"),
    row(&["garbage=on"], O, FAIL, "got no answer: what came was not HTTP"),
    row(&["broken-json=0.5"], O, FAIL, "broke the contract: check `body is JSON` failed"),
    row(&["oversized=0.5"], W, FAIL, "check `body_size` failed, the body is over the cap"),
    with(QUICK, row(&["slow-body=200ms"], O, FAIL, "p(95) of response_time{outcome:accepted} is ")),
    row(&["missing-field=on"], O, FAIL, "check `api_key is present` failed"),
    row(&["missing-field=0.5"], C, FAIL, "check `expires_at is a time` failed"),
    row(&["missing-field=on"], W, FAIL, "check `body says status: success` failed"),
    row(&["wrong-ttl=0.5"], C, FAIL, "check `expires_at is as asked` failed"),
    row(&["wrong-provider=0.5"], C, FAIL, "check `every provider asked for is there` failed"),
    row(&["echo=wrong"], O, FAIL, "check `customer name is the one sent` failed"),
    with(PROBED, row(&["email-check=off"], O, FAIL, "the e-mail address is not checked")),
    with(PROBED, row(&["key-check=off"], C, FAIL, "the key is not checked")),
    with(PROBED, row(&["signature-check=off"], W, FAIL, "signature")),
    row(&["signature=reject"], W, UNSURE, "misconfigured"),
    row(&["clock=+400s"], W, FAIL, "Signature expired"),
    // Times are judged by the server's own clock: `check` tells how wrong that is.
    with(PATIENT, row(&["clock=-1h"], C, PASS, "pass, 1 of 1 scenarios")),
    row(&["usage=3"], C, FAIL, "were rejected (403)"),
    with(PATIENT, row(&["unhealthy=on"], O, PASS, "pass, 1 of 1 scenarios")),
    limited(AUTO, row(&["limiter=off"], O, FAIL, "rate limit, engages: ")),
    limited(AUTO, row(&["limiter=leak:0.5"], O, FAIL, "rate limit, ")),
    limited(AUTO, row(&["limiter=eager"], O, FAIL, "rate limit, lets through: ")),
    limited(AUTO, row(&["limiter=replicas:3"], O, FAIL, "rate limit, ")),
    limited(AUTO, row(&["limit=3"], O, FAIL, "rate limit, lets through: ")),
    limited(AUTO, row(&["spoofable=off"], O, FAIL, "the load could not be spread over ")),
    limited(
        SECOND,
        row(&["limit=10", "window=1s", "limiter=stuck"], O, FAIL, "rate limit, recovers: "),
    ),
    limited(SECOND, row(&["limit=10", "window=3s"], O, FAIL, "rate limit, recovers: ")),
    limited(
        PROMISED,
        row(&["limit=10", "window=2s", "retry-after=lie"], C, FAIL, "rate limit, says so: "),
    ),
    limited(
        PROMISED,
        row(
            &["limit=10", "window=2s", "no-retry-after=on"],
            C,
            FAIL,
            "refusals had no Retry-After",
        ),
    ),
];

fn check(row: &Row) -> Result<(), String> {
    let mut faults = row.faults.to_vec();
    if row.limit.is_empty() {
        faults.push("limit=1000000");
    }
    let served = Served::start(&faults);
    let mut config = config(&served.url, row.rate, row.seconds, row.config);
    if !row.limit.is_empty() {
        let table = format!("[scenarios.{}]\n", row.scenario);
        let none = format!("{table}rate_limit = \"none\"\n");
        config = config.replace(&none, &format!("{table}{}", row.limit));
    }
    let args = ["run", row.scenario, "--env", "t", "--cooldown", "0s", "--seed", "1", "--no-check"];
    let done = run_in(&config, &args, &served.vars);
    // Lines are folded: the words are looked for as if they weren't.
    let flat = done.out.split_whitespace().collect::<Vec<_>>().join(" ");
    if !row.codes.contains(&done.code) {
        return Err(format!("{:?} {}: {}", row.faults, row.scenario, done.all()));
    }
    if !flat.contains(row.says) {
        return Err(format!(
            "{:?} {}: no `{}` in {}",
            row.faults,
            row.scenario,
            row.says,
            done.all()
        ));
    }
    Ok(())
}

#[test]
fn every_fault_ends_red_or_yellow_and_is_named() {
    let (queue, wrong) = (Mutex::new(ROWS.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                loop {
                    let Some(row) = queue.lock().expect("a lock").next() else { break };
                    if let Err(why) = check(row) {
                        wrong.lock().expect("a lock").push(why);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("a lock");
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n=====\n"));
}

#[test]
fn the_table_leaves_no_fault_out() {
    let met = |name: &str| {
        ROWS.iter().flat_map(|row| row.faults).any(|fault| fault.split('=').next() == Some(name))
    };
    let missing: Vec<_> = FAULTS.iter().map(|fault| fault.name).filter(|name| !met(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
