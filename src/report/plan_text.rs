//! `load-gate plan` as text: the timeline, what limits admit, what thresholds can rest on, contradictions with the way out.

use super::document::Tone;
use super::table::{Lean, lines};
use super::text::Style;
use crate::ids::ScenarioId;
use crate::limits::Prediction;
use crate::measure::StageKind;
use crate::plan::{Feasibility, Interval, Needs, Outlook, StageRow, SuiteFeasibility};
use crate::scenario::catalogue::{self, Entry};
use crate::units::{self, Nanos, count, percent, rate};

/// The whole plan, of `load-gate plan`; its tables are at most `width` columns wide.
#[must_use]
pub fn plan_text(suite: &SuiteFeasibility, width: usize) -> String {
    format!(
        "plan: {} on {}, nothing is sent\n{}",
        suite.profile,
        suite.environment,
        plan_lines(suite, width)
    )
}

/// What the plan says, which `run` prints first; its tables are at most `width` columns
/// wide.
#[must_use]
pub fn plan_lines(suite: &SuiteFeasibility, width: usize) -> String {
    let mut text = String::new();
    for scenario in &suite.scenarios {
        text.push('\n');
        text.push_str(&scenario_text(scenario, width));
    }
    let all = suite.scenarios.len();
    let skipped = suite.scenarios.iter().filter(|scenario| scenario.skip.is_some()).count();
    add!(
        text,
        "\nin all: {all} {}, {} arrivals, {}",
        if all == 1 { "scenario" } else { "scenarios" },
        count(suite.arrivals),
        lasting(suite.duration_s)
    );
    if all > 1 && suite.cooldown_s > 0.0 {
        add!(text, " (pauses of {} included)", lasting(suite.cooldown_s));
    }
    if skipped > 0 {
        add!(text, "; {skipped} of them skipped as things are");
    }
    text.push('\n');
    text.push_str(&needs(&suite.needs));
    text
}

/// Lines of a plan, folded already, in colours: names, what is off, headings.
#[must_use]
pub fn plan_dressed(text: &str, suite: &SuiteFeasibility, style: Style) -> String {
    const MARKS: [(&str, Tone); 3] = [
        ("impossible:", Tone::Bad),
        ("warning:", Tone::Doubtful),
        ("as things are it is skipped:", Tone::Doubtful),
    ];
    let named = |line: &str| {
        let mut named = suite.scenarios.iter().map(|scenario| format!("{}:", scenario.scenario));
        named.find_map(|name| line.strip_prefix(&name).map(|rest| style.bold(&name) + rest))
    };
    let marked = |line: &str| {
        let bare = line.trim_start();
        let (mark, tone) = MARKS.iter().find(|(mark, _)| bare.starts_with(mark))?;
        let indent = &line[..line.len() - bare.len()];
        Some(format!("{indent}{}{}", style.paint(*tone, mark), &bare[mark.len()..]))
    };
    let heading = |line: &str| {
        line.trim_start().starts_with("stage  ").then(|| style.paint(Tone::Quiet, line))
    };
    let dressed = text.split('\n').map(|line| {
        named(line).or_else(|| marked(line)).or_else(|| heading(line)).unwrap_or(line.to_owned())
    });
    dressed.collect::<Vec<_>>().join("\n")
}

/// What a run leaves behind at `url`: `this run will create about 90 to 100 customers, 0
/// events on …`, and which requests of the config's own scenarios may change data there.
#[must_use]
pub fn creation_line(suite: &SuiteFeasibility, url: &str) -> String {
    let mut parts = Vec::new();
    if suite.scenarios.iter().any(|s| s.writes.is_none()) {
        parts.push(format!("will create {} on {url}", created(suite)));
    }
    let running = suite.scenarios.iter().filter(|s| s.skip.is_none());
    for scenario in running.filter(|s| s.writes == Some(true)) {
        let all = scenario.arrivals + 1 + scenario.proof.map_or(0, |(sent, _)| sent);
        let (id, all) = (scenario.scenario, count(all));
        parts.push(format!(
            "will send about {all} requests of {id} to {url}, which may create or change data"
        ));
    }
    match parts.as_slice() {
        [] => format!("this run will create nothing on {url}"),
        all => format!("this run {}", all.join("; it ")),
    }
}

/// What the built-in scenarios create: `about 90 to 100 customers, 0 events`.
fn created(suite: &SuiteFeasibility) -> String {
    let of = |id: ScenarioId| {
        let running = suite.scenarios.iter().find(|s| s.scenario == id && s.skip.is_none());
        // The canary, what the limiter's proof has admitted, and the request under an
        // address of its own come on top.
        let created = |s: &Feasibility| {
            let limit = s.limit.map_or(0, |limit| limit.limit);
            let more = 1 + s.proof.map_or(0, |(sent, _)| sent.min(limit));
            (s.accepted.0 + more, s.accepted.1 + more + u64::from(s.naming))
        };
        match running.map_or((0, 0), created) {
            (0, 0) => "0".to_owned(),
            (low, high) if low == high => format!("about {}", count(low)),
            (low, high) => format!("about {} to {}", count(low), count(high)),
        }
    };
    let creating = catalogue::BUILT_IN.iter().filter_map(|entry| Some((entry, entry.creates?)));
    let running = suite.scenarios.iter().filter(|s| s.skip.is_none());
    let minted = running.map(|s| u64::from(s.minted)).sum::<u64>();
    let all: Vec<String> = creating
        .map(|(entry, what)| {
            let mints = |other: &&Entry| other.minted_through == Some(entry.id);
            let more = minted > 0 && catalogue::BUILT_IN.iter().copied().any(|e| mints(&e));
            let number = of(entry.id);
            if more {
                let minted = count(minted);
                format!("{number} {what} and {minted} more for their keys (mint_keys)")
            } else {
                format!("{number} {what}")
            }
        })
        .collect();
    all.join(", ")
}

fn scenario_text(scenario: &Feasibility, width: usize) -> String {
    let mut text = headline(scenario);
    text.push('\n');
    text.push_str(&skipped(scenario));
    text.push_str(&machine(scenario));
    for line in timeline(&scenario.stages, width) {
        text.push_str(&line);
        text.push('\n');
    }
    if scenario.may_go_on_s > 0.0 {
        let more = lasting(scenario.may_go_on_s);
        add!(text, "  the last hold may go on for {more} more, while a threshold is close\n");
    }
    for line in limit_lines(scenario) {
        add!(text, "  {line}\n");
    }
    if !scenario.thresholds.is_empty() {
        text.push_str("  thresholds\n");
        for line in thresholds(&scenario.thresholds, width) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text.push_str(&contradictions(scenario));
    text
}

fn lasting(seconds: f64) -> String {
    Nanos::from_secs_f64(seconds).to_string()
}

fn headline(scenario: &Feasibility) -> String {
    format!(
        "{}: {} arrivals in {}, at most {}, from {}",
        scenario.scenario,
        count(scenario.arrivals),
        lasting(scenario.duration_s),
        rate(scenario.peak_rate),
        scenario.identities
    )
}

/// Why it would be skipped as things are.
fn skipped(scenario: &Feasibility) -> String {
    let reason = scenario.skip.as_ref();
    reason.map_or_else(String::new, |reason| format!("  as things are it is skipped: {reason}\n"))
}

fn timeline(stages: &[StageRow], width: usize) -> Vec<String> {
    let mut rows = vec![["stage", "from", "lasts", "rate", "arrivals"].map(str::to_owned).to_vec()];
    rows.extend(stages.iter().map(|stage| {
        let rates = match stage.kind {
            StageKind::Hold => format!("hold {}", rate(stage.to)),
            StageKind::Ramp if stage.duration_s == 0.0 => format!("jump to {}", rate(stage.to)),
            StageKind::Ramp => format!("{} to {}", units::number(stage.from), rate(stage.to)),
        };
        vec![
            stage.number.to_string(),
            units::clock(Nanos::from_secs_f64(stage.start_s)),
            lasting(stage.duration_s),
            rates,
            count(stage.arrivals),
        ]
    }));
    let sides = [Lean::Right, Lean::Right, Lean::Right, Lean::Left, Lean::Right];
    lines(&rows, &sides, (4, width), |_, _, cell| cell.to_owned())
}

/// `90` or `90 to 100`.
fn range(low: u64, high: u64) -> String {
    if low == high { count(low) } else { format!("{} to {}", count(low), count(high)) }
}

/// `, probably about 95`, where the range leaves something open.
fn probably(prediction: &Prediction) -> String {
    let open = prediction.hits_low < prediction.hits_high;
    let probable = prediction.hits_probable.filter(|_| open);
    probable.map_or_else(String::new, |hits| format!(", probably about {}", count(hits)))
}

fn limit_lines(scenario: &Feasibility) -> Vec<String> {
    let (Some(limit), Some(prediction)) = (scenario.limit, scenario.prediction) else {
        return vec![
            "limit: none declared, so no 429 is expected".to_owned(),
            format!("accepted samples: {}", count(scenario.accepted.1)),
        ];
    };
    let (low, high) = scenario.refused_share;
    let share = match (low, high) {
        (_, 0.0) => "none".to_owned(),
        (low, high) if low == high => percent(low),
        (low, high) => format!("{} to {}", percent(low), percent(high)),
    };
    // Probes and the proof of the limiter are refused beside the arrivals.
    let beside = if prediction.hits_high == 0 { "" } else { ", probes and proof included" };
    let mut lines = vec![
        std::iter::once(format!("limit: {}", limit.describe()))
            .chain(scenario.beside.iter().cloned())
            .collect::<Vec<_>>()
            .join(" and "),
        format!(
            "{} to expect: {}{}{beside} ({share} of the arrivals)",
            limit.status,
            range(prediction.hits_low, prediction.hits_high),
            probably(&prediction)
        ),
        format!("accepted samples: {}", range(scenario.accepted.0, scenario.accepted.1)),
    ];
    if let Some((requests, before)) = scenario.proof {
        lines.push(format!(
            "limiter proof: {} requests of one more identity, the first {} before the load",
            count(requests),
            lasting(before)
        ));
    }
    if scenario.naming {
        lines.push(
            "after the first refusal: one request that claims an address of its own".to_owned(),
        );
    }
    lines
}

fn thresholds(outlooks: &[Outlook], width: usize) -> Vec<String> {
    let rows: Vec<Vec<String>> = outlooks
        .iter()
        .map(|outlook| {
            let samples = outlook
                .samples
                .map_or_else(String::new, |(low, high)| format!("{} samples", range(low, high)));
            let interval = match outlook.interval {
                Some(Interval::Percentiles(low, high)) => {
                    format!("interval from p{} to p{} at best", percentile(low), percentile(high))
                }
                Some(Interval::PlusMinus(half)) => {
                    format!("interval ± {} at best", percent(half))
                }
                None if outlook.needed.is_some() => "no two-sided interval".to_owned(),
                None => String::new(),
            };
            vec![format!("{} {}", outlook.metric, outlook.expression), samples, interval]
        })
        .collect();
    lines(&rows, &[Lean::Left, Lean::Left, Lean::Left], (4, width), |_, _, cell| cell.to_owned())
}

fn percentile(value: f64) -> String {
    format!("{value:.1}").trim_end_matches(".0").to_owned()
}

fn contradictions(scenario: &Feasibility) -> String {
    let mut text = String::new();
    for contradiction in &scenario.contradictions {
        let mark = if contradiction.impossible { "impossible" } else { "warning" };
        add!(text, "  {mark}: {}\n", contradiction.text);
        add!(text, "    way out: {}\n", contradiction.way_out);
    }
    text
}

/// What each machine needs: `a machine: at most 200/s, 1 core, …`.
fn needs(needs: &Needs) -> String {
    if needs.workers == 0 {
        return String::new();
    }
    let who = match needs.machines {
        1 => "the machine needs".to_owned(),
        n => format!("each of {n} machines needs"),
    };
    let cores = if needs.workers == 1 { "core" } else { "cores" };
    let connections = if needs.connections == 1 { "connection" } else { "connections" };
    format!(
        "{who}: {} {cores} for {}, {} {connections} while answers take {}, never more than {} \
         (max_in_flight), {} descriptors\n",
        needs.workers,
        rate(needs.rate),
        count(needs.connections),
        lasting(needs.answers_s),
        count(needs.most_connections),
        count(needs.descriptors)
    )
}

/// What this one of several machines sends of a scenario.
fn machine(scenario: &Feasibility) -> String {
    let Some(machine) = &scenario.machine else { return String::new() };
    let identities = machine.identities.map_or_else(String::new, |own| {
        format!(", from {} of the {}", count(u64::from(own)), scenario.identities)
    });
    let once = if machine.shard.leads() && !machine.shard.is_alone() {
        "; and what is sent once: canary, first probes, proof"
    } else {
        ""
    };
    format!(
        "  shard {}: {} arrivals, at most {}{identities}{once}\n",
        machine.shard,
        count(machine.arrivals),
        rate(machine.peak_rate)
    )
}
