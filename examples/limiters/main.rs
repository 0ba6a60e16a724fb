//! A trial over simulated ledgers: how often a limiter is named rightly, how often a
//! correct one is accused, and whether those that err are named by the right rule.
//!
//! Every run sends what load-gate sends to verify a limit (`limits::proof_schedule`)
//! through latency, errors and probes to a simulated limiter.
//! `cargo run --release --example limiters`; `-- --seed N --runs N --only NAME`
//! asks other runs than those of the page; `--part named|short|accused|erring|unshaped` one
//! table. Standard error says what wasn't named.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool that prints a page")]

mod page;
mod strangers;

use std::thread;

use page::{ACCUSED, ERRING, INTRODUCTION, SHORT, STRANGE, UNSHAPED};
use strangers::{Limit, STRANGERS, Stranger, met};

use load_gate::admission::{Admission, Admitted, DeclaredLimit, RefusalCounts, Scope};
use load_gate::limits::simulation::{Dice, SPECIMENS, Specimen, Weather, sent_to, uneven};
use load_gate::limits::{
    Algorithm, Anchored, Facts, Inference, LedgerView, Limiter, RuleName, RuleResult, RuleVerdict,
    ServerTime, infer, judge, proof_schedule,
};
use load_gate::units::{Nanos, count, percent};

/// Thresholds were chosen on the seeds from 0 on; the page reports on these.
const REPORTED: u64 = 1_000_000;
/// Simulated runs behind every figure of the first table.
const RUNS: u64 = 100;
/// How many windows the load lasts.
const WINDOWS: [u64; 3] = [4, 6, 8];

/// One run: what was sent, what came of it.
struct Run {
    declared: DeclaredLimit,
    inferred: Inference,
    rules: Vec<RuleResult>,
}

impl Run {
    fn failed(&self) -> Vec<RuleName> {
        let failed = self.rules.iter().filter(|rule| rule.verdict == RuleVerdict::Fail);
        failed.map(|rule| rule.name).collect()
    }
}

/// The conditions of a run.
struct Conditions {
    declared: DeclaredLimit,
    moments: Vec<Nanos>,
    weather: Weather,
    clock: ServerTime,
}

impl Conditions {
    fn new(windows: u64, work: Nanos, dice: &mut Dice) -> Self {
        let window = Nanos::from_secs([10, 20, 30, 60][dice.whole(0, 3) as usize]);
        Self::of(window, Nanos(window.0 * windows), work, dice)
    }

    fn of(window: Nanos, load: Nanos, work: Nanos, dice: &mut Dice) -> Self {
        let declared = DeclaredLimit::of(dice.whole(5, 60), window, Scope::Ip);
        let proof = proof_schedule(&declared, 100.0, dice.next(), load);
        let (unix_start, skew) = (1.7e9 + dice.between(0.0, 7200.0), dice.between(-2.0, 2.0));
        Self {
            declared,
            moments: [proof.lead_in, proof.follow_ups].concat(),
            weather: Weather {
                latency: Nanos::from_millis(dice.whole(0, 150)),
                skew: Nanos::from_secs_f64(unix_start + skew),
                work,
                early_errors: 0.01,
                late_errors: 0.03,
                probes: 0.02,
                counts_probes: dice.whole(0, 1) == 0,
            },
            // Date headers tell the skew to about a tenth of a second.
            clock: ServerTime { unix_start, skew: Some(skew + dice.between(-0.1, 0.1)) },
        }
    }

    fn judged(&self, entries: &[Admission]) -> Run {
        let every_until = Nanos::MAX;
        let (clocks_apart, apart_from_others) = (Nanos::ZERO, Nanos::ZERO);
        let ledgers = [LedgerView {
            label: "it",
            set_aside: true,
            entries,
            every_until,
            clocks_apart,
            apart_from_others,
        }];
        let inferred = infer(&ledgers, Some(&self.declared), self.clock);
        let refused = entries.iter().filter(|e| e.admitted == Admitted::No).count() as u64;
        let refusals = RefusalCounts { refused, json: refused, ..RefusalCounts::default() };
        let facts = Facts { refusals, beside: &[], spoofed: None, disguise: None };
        let rules = judge(&self.declared, &ledgers, &facts, &inferred);
        Run { declared: self.declared, inferred, rules }
    }
}

/// Whatever meets a limiter made for it: the conditions, and what came of each request.
type Meet = Box<dyn Fn(&Conditions, &mut Dice) -> Vec<Admission> + Sync>;

/// What a table has a row for.
struct Row {
    name: &'static str,
    /// What it may be named.
    is: Vec<Algorithm>,
    correct: bool,
    meet: Meet,
}

impl Row {
    fn known(specimen: &'static Specimen) -> Self {
        Self {
            name: specimen.name,
            is: vec![specimen.is],
            correct: specimen.correct,
            meet: Box::new(|conditions, dice| {
                let mut limiter = (specimen.make)(&conditions.declared, dice);
                sent_to(&mut limiter, &conditions.moments, &conditions.weather, dice)
            }),
        }
    }

    fn strange(stranger: &'static Stranger) -> Self {
        Self {
            name: stranger.name,
            is: stranger.is.to_vec(),
            correct: stranger.correct,
            meet: Box::new(|conditions, dice| {
                let mut limiter = (stranger.make)(&Limit::from(&conditions.declared), dice);
                met(&mut limiter, &conditions.moments, &conditions.weather, dice)
            }),
        }
    }

    /// Those that do what is declared, those written apart too.
    fn correct() -> Vec<Self> {
        let known = SPECIMENS.iter().filter(|s| s.correct).map(Self::known);
        known.chain(STRANGERS.iter().filter(|s| s.correct).map(Self::strange)).collect()
    }

    /// A proof over so many windows.
    fn run(&self, windows: u64, seed: u64) -> Run {
        let mut dice = Dice::new(seed);
        // A limit on how many at once shows where requests take a while.
        let crowd = self.is.contains(&Algorithm::ConcurrencyLimit);
        let work = Nanos::from_millis(if crowd { 300 } else { 20 });
        let conditions = Conditions::new(windows, work, &mut dice);
        let entries = (self.meet)(&conditions, &mut dice);
        conditions.judged(&entries)
    }
}

/// All runs of a row, on every core.
fn runs<T: Send>(n: u64, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let cores = thread::available_parallelism().map_or(1, usize::from) as u64;
    let run = &run;
    thread::scope(|scope| {
        let parts: Vec<_> = (0..cores)
            .map(|part| scope.spawn(move || (part..n).step_by(cores as usize).map(run).collect()))
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap_or_else(|_| Vec::new())).collect()
    })
}

/// Named rightly; not told, though the right kind is among those left, or nothing is;
/// named wrongly, or the right kind ruled out; accused.
fn told(is: &[Algorithm], correct: bool, run: &Run) -> [u64; 4] {
    let inferred = &run.inferred;
    let right = is.contains(&inferred.algorithm);
    let among = is.iter().any(|kind| inferred.left.contains(kind));
    let ruled_out = !inferred.left.is_empty() && !among;
    let wrong = !right && (inferred.algorithm.is_a_limiter() || ruled_out) && !among;
    let accused = correct && !run.failed().is_empty();
    [right, !right && !wrong, wrong, accused].map(u64::from)
}

/// What it came to where it wasn't named rightly, or was accused, for whoever mends it.
fn missed(row: &Row, windows: u64, seed: u64, run: &Run) -> Option<String> {
    let inferred = &run.inferred;
    let accused = row.correct && !run.failed().is_empty();
    (accused || !row.is.contains(&inferred.algorithm)).then(|| {
        format!(
            "{} over {windows} windows, seed {seed}: {} {:?}, {:?} in {:?}, declared {} in {}: {}; {:?}",
            row.name,
            inferred.algorithm.name(),
            inferred.left,
            inferred.limit.map(|l| (l.value, l.low, l.high)),
            inferred.window_s.map(|w| (w.value, w.low, w.high)),
            run.declared.limit,
            run.declared.window,
            inferred.why,
            accused.then(|| run.failed()),
        )
    })
}

fn recognition(rows: &[Row], first: u64, n: u64) {
    println!("| limiter | named | {} |", WINDOWS.map(|w| format!("{w} windows")).join(" | "));
    println!("| --- | --- | {} |", WINDOWS.map(|_| "---:").join(" | "));
    let only = asked("--only");
    for row in rows.iter().filter(|row| only.as_ref().is_none_or(|o| row.name.contains(o))) {
        let cells = WINDOWS.map(|windows| {
            let all = runs(n, |seed| {
                let run = row.run(windows, first + seed);
                if let Some(missed) = missed(row, windows, first + seed, &run) {
                    eprintln!("{missed}");
                }
                told(&row.is, row.correct, &run)
            });
            let sum = |i: usize| all.iter().map(|told| told[i]).sum::<u64>();
            let accused = if row.correct { sum(3).to_string() } else { "–".to_owned() };
            format!("{} · {} · {} · {accused}", sum(0), sum(1), sum(2))
        });
        println!("| {} | {} | {} |", row.name, row.is[0].name(), cells.join(" | "));
    }
}

/// Limits of a second or two that are declared, met for half a minute.
fn short_windows(first: u64, n: u64) {
    println!("| limiter | named | 1 s | 2 s |\n| --- | --- | ---: | ---: |");
    for specimen in SPECIMENS.iter().filter(|s| s.correct) {
        let cells = [1, 2].map(|window| {
            let all = runs(n, |seed| {
                let mut dice = Dice::new(first + seed);
                let (window, load) = (Nanos::from_secs(window), Nanos::from_secs(30));
                let conditions = Conditions::of(window, load, Nanos::from_millis(20), &mut dice);
                let mut limiter = (specimen.make)(&conditions.declared, &mut dice);
                let (moments, weather) = (&conditions.moments, &conditions.weather);
                let entries = sent_to(&mut limiter, moments, weather, &mut dice);
                told(&[specimen.is], specimen.correct, &conditions.judged(&entries))
            });
            let sum = |i: usize| all.iter().map(|told| told[i]).sum::<u64>();
            format!("{} · {} · {} · {}", sum(0), sum(1), sum(2), sum(3))
        });
        println!("| {} | {} | {} |", specimen.name, specimen.is.name(), cells.join(" | "));
    }
}

/// Of all kinds that do what is declared, those written apart too.
fn accusations(first: u64, n: u64) {
    let correct = Row::correct();
    let accused: Vec<_> = runs(n, |seed| {
        let row = &correct[seed as usize % correct.len()];
        let windows = 1 + seed / correct.len() as u64 % 6;
        let failed = row.run(windows, first + 500_000 + seed).failed();
        (!failed.is_empty()).then_some((row.name, failed))
    });
    let accused: Vec<_> = accused.into_iter().flatten().collect();
    println!(
        "Of {} ledgers of all kinds that do what is declared, over one to six windows, {} were accused ({}).",
        count(n),
        count(accused.len() as u64),
        percent(accused.len() as f64 / n as f64)
    );
    for (name, rules) in accused.iter().take(10) {
        println!("\n- {name}: {rules:?}");
    }
}

/// A way to err: what tables call it, the rules that may name it, and the limiter, made
/// of a correct one where it is that one's.
type Fault =
    (&'static str, &'static [RuleName], fn(&Specimen, &DeclaredLimit, &mut Dice) -> Limiter);

fn made(specimen: &Specimen, declared: &DeclaredLimit, dice: &mut Dice, times: f64) -> Limiter {
    let limit = ((declared.limit as f64 * times) as u64).max(1);
    (specimen.make)(&DeclaredLimit { limit, ..*declared }, dice)
}

const FAULTS: [Fault; 4] = [
    ("off", &[RuleName::Engages], |_, d, _| Limiter::Anchored(Anchored::new(u64::MAX, d.window))),
    ("half the limit", &[RuleName::LetsThrough], |s, d, dice| made(s, d, dice, 0.5)),
    ("twice the limit", &[RuleName::Holds], |s, d, dice| made(s, d, dice, 2.0)),
    ("never resets", &[RuleName::Recovers], |_, d, _| {
        Limiter::Anchored(Anchored::new(d.limit, Nanos::MAX))
    }),
];

/// Which shares of what is to be refused get through.
const LEAKS: [f64; 3] = [0.0, 0.01, 0.02];

fn faulty(fault: &Fault, specimen: &Specimen, seed: u64) -> bool {
    let mut dice = Dice::new(seed);
    let mut conditions = Conditions::new(6, Nanos::from_millis(20), &mut dice);
    if fault.1 == [RuleName::Recovers] {
        conditions.declared.counts_refusals = Some(false);
    }
    let mut limiter = (fault.2)(specimen, &conditions.declared, &mut dice);
    let entries = sent_to(&mut limiter, &conditions.moments, &conditions.weather, &mut dice);
    let failed = conditions.judged(&entries).failed();
    let right = failed.first().is_some_and(|name| fault.1.contains(name));
    if !right {
        eprintln!("{}, {}, seed {seed}: {failed:?}", specimen.name, fault.0);
    }
    right
}

/// A load of one identity: refusals past the limit, of which a share gets through.
fn leaking(row: &Row, share: f64, seed: u64) -> bool {
    let mut dice = Dice::new(seed);
    let mut conditions = Conditions::new(6, Nanos::from_millis(20), &mut dice);
    let (limit, window) = (conditions.declared.limit, conditions.declared.window.as_secs_f64());
    let rate = 4.0 * limit as f64 / window;
    let n = (limit * 3 + 700).max((3.5 * window * rate) as u64);
    conditions.moments = (0..n).map(|i| Nanos::from_secs_f64(i as f64 / rate)).collect();
    let mut entries = (row.meet)(&conditions, &mut dice);
    for entry in entries.iter_mut().filter(|entry| entry.admitted == Admitted::No) {
        if dice.unit() < share {
            entry.admitted = Admitted::Yes;
        }
    }
    let run = conditions.judged(&entries);
    let found = run.failed().contains(&RuleName::Holds);
    if found != (share > 0.0) {
        let holds = run.rules.iter().find(|rule| rule.name == RuleName::Holds);
        eprintln!("{} that leaks {share}, seed {seed}: {holds:?}", row.name);
    }
    found
}

fn faults(first: u64, n: u64) {
    let names: Vec<&str> = FAULTS.iter().map(|fault| fault.0).collect();
    let heads = LEAKS.map(|share| format!("leaks {}", percent(share)));
    println!("| limiter | {} | {} |", names.join(" | "), heads.join(" | "));
    println!("| --- |{}", " ---: |".repeat(names.len() + heads.len()));
    for specimen in SPECIMENS.iter().filter(|s| s.correct && !s.is.counts_refusals()) {
        let rightly = |found: Vec<bool>| found.into_iter().filter(|right| *right).count();
        let mut cells: Vec<String> = FAULTS
            .iter()
            .map(|fault| rightly(runs(n, |seed| faulty(fault, specimen, first + seed))).to_string())
            .collect();
        cells.extend(leaks(&Row::known(specimen), first, n));
        println!("| {} | {} |", specimen.name, cells.join(" | "));
    }
    for row in STRANGERS.iter().filter(|s| s.correct && !s.is[0].counts_refusals()) {
        let cells = leaks(&Row::strange(row), first, n);
        println!("| {} |{} {} |", row.name, " – |".repeat(names.len()), cells.join(" | "));
    }
}

/// How many are said to leak of which nothing, one and two of a hundred get through.
fn leaks(row: &Row, first: u64, n: u64) -> [String; 3] {
    LEAKS.map(|share| {
        let found = runs(n, |seed| leaking(row, share, first + seed));
        found.into_iter().filter(|found| *found).count().to_string()
    })
}

/// A load that nobody shaped to prove anything: bursts of all sizes and pauses, or one rate
/// throughout; through latency, errors and probes to a correct limiter.
fn unshaped(row: &Row, even: bool, seed: u64) -> Run {
    let mut dice = Dice::new(seed);
    let work = Nanos::from_millis(20);
    let (windows, factor) = (dice.between(0.2, 5.0), dice.between(0.3, 30.0));
    let mut conditions = Conditions::new(5, work, &mut dice);
    let DeclaredLimit { limit, window, .. } = conditions.declared;
    conditions.moments = if even {
        let gap = window.as_secs_f64() / (limit as f64 * factor);
        let n = (windows * window.as_secs_f64() / gap) as u64;
        (0..n).map(|i| Nanos::from_secs_f64(i as f64 * gap)).collect()
    } else {
        uneven(limit, window, windows, factor, &mut dice)
    };
    let entries = (row.meet)(&conditions, &mut dice);
    conditions.judged(&entries)
}

fn unshaped_loads(first: u64, n: u64) {
    let correct = Row::correct();
    let found = runs(20 * n, |seed| {
        let row = &correct[seed as usize % correct.len()];
        let even = (seed / correct.len() as u64).is_multiple_of(4);
        let run = unshaped(row, even, first + seed);
        let told = told(&row.is, row.correct, &run);
        if told[2..] != [0, 0] {
            eprintln!(
                "{} met unshaped, seed {seed}: {:?} {:?}",
                row.name,
                run.inferred,
                run.failed()
            );
        }
        (told, !run.failed().is_empty())
    });
    let sum = |i: usize| count(found.iter().map(|(told, _)| told[i]).sum::<u64>());
    let accused = found.iter().filter(|(_, accused)| *accused).count();
    println!(
        "Of {} ledgers of correct limiters, {} were named rightly, of {} the right kind is among those \
         left, {} were named wrongly; {accused} were accused ({}).",
        count(20 * n),
        sum(0),
        sum(1),
        sum(2),
        percent(accused as f64 / (20 * n) as f64)
    );
}

fn asked(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn main() {
    let number = |name: &str| asked(name).and_then(|value| value.parse().ok());
    let (first, n) = (number("--seed").unwrap_or(REPORTED), number("--runs").unwrap_or(RUNS));
    let only = asked("--only").map(|_| "named".to_owned()).or_else(|| asked("--part"));
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    if wanted("named") {
        println!("{INTRODUCTION}");
        recognition(&SPECIMENS.iter().map(Row::known).collect::<Vec<_>>(), first, n);
        println!("{STRANGE}");
        recognition(&STRANGERS.iter().map(Row::strange).collect::<Vec<_>>(), first, n);
    }
    if wanted("short") {
        println!("{SHORT}");
        short_windows(first, n.div_ceil(4));
    }
    if wanted("accused") {
        println!("{ACCUSED}");
        accusations(first, 20 * n);
    }
    if wanted("erring") {
        println!("{ERRING}");
        faults(first, n.div_ceil(4));
    }
    if wanted("unshaped") {
        println!("{UNSHAPED}");
        unshaped_loads(first, n);
    }
}
