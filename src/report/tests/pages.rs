//! Pages of many scenarios: small enough, and never without a picture in silence.

use super::*;
use crate::ids::ScenarioId;
use crate::suite::SuiteReport;

/// The full profile of so many scenarios, every third of which fails.
pub(super) fn many(n: usize) -> SuiteReport {
    let mut report = fixtures::full(true);
    let made: Vec<_> = report.scenarios.iter().cycle().take(n).cloned().enumerate().collect();
    report.scenarios = made
        .into_iter()
        .map(|(i, mut scenario)| {
            let id = ScenarioId::parse(&format!("checkout-of-orders-{i}")).expect("a name");
            scenario.plan.scenario = id;
            scenario.verdict.scenario = id;
            scenario
        })
        .collect();
    report
}

#[test]
fn the_page_of_the_full_profile_has_every_second_and_room_to_spare() {
    let page = report_html(&fixtures::full(true), Some(&fixtures::full(false)));
    assert!(page.len() <= 480_000, "{} bytes", page.len());
    assert!(!page.contains("charts are coarser"));
    // Each of the nine minutes' seconds can be read off, of all charts at once.
    assert_eq!(page.matches("<label><input type=radio").count(), 3 * 540);
    assert_eq!(page.matches("role=\"radiogroup\"").count(), 3);
}

#[test]
fn ten_scenarios_have_coarser_charts_and_as_many() {
    let charts = |page: &str| page.matches("<figure class=\"chart\"").count();
    let of_one = charts(fixtures::full_page()) / 3;
    let page = report_html(&many(10), None);
    assert!(page.len() < 500_000, "{} bytes", page.len());
    assert!(page.contains("charts are coarser"));
    // The windows of fewer identities are drawn, which is said.
    assert!(charts(&page) >= (of_one - 3) * 10, "{} of {of_one} each", charts(&page));
}

#[test]
fn a_long_reason_is_told_without_its_evidence_first_and_whole_below() {
    let report = fixtures::full(true);
    let page = fixtures::full_page();
    let (_, first) = page.split_once("<h1>").expect("a headline");
    let (first, rest) = first.split_once("</h1>").expect("its end");
    let said = "p(95) of response_time{<wbr>outcome:accepted} is 3.00 s, wanted &lt; 2.00 s";
    assert!(first.ends_with(said), "{first}");
    let whole = escape::html(&report.scenarios[0].verdict.reasons[0]);
    assert_eq!(rest.matches(whole.as_str()).count(), 1, "whole, once");
    for (long, told) in [
        (
            "onboarding: rate limit, holds: this machine's address: 11 admitted within 1.55 s (0.0 s after the \
             first request), where at most 10 may be; no limiter of any kind of 10 a minute admits that",
            "onboarding: rate limit, holds: this machine's address: 11 admitted within 1.55 s, where at most \
             10 may be",
        ),
        (
            "search: response_time{outcome:accepted}: p(95)<300: n = 898, worth about 19 can't support p(95), \
             59 independent samples are needed: a run of about 1m 15s would decide",
            "search: response_time{outcome:accepted}: p(95)<300: n = 898, worth about 19 can't support p(95), \
             59 independent samples are needed",
        ),
    ] {
        assert_eq!(words::at_a_glance(long), told);
    }
    for short in ["pass, 3 of 3 scenarios", "onboarding: interrupted after 12.0 s"] {
        assert_eq!(words::at_a_glance(short), short);
    }
}

#[test]
fn where_charts_have_no_room_the_page_says_so() {
    let report = fixtures::full(true);
    let within = |most| {
        let at = |grain| document::Document::at(grain, &report, None);
        html::finest_that_fits(most, at)
    };
    for (most, said) in [(120_000, "that passed are left out"), (1, "charts are left out")] {
        let page = within(most);
        assert!(page.contains(said) && page.contains("suite.json has every second"), "{most}");
        assert_eq!(page.contains("<figure class=\"chart\""), most > 1);
    }
}

#[test]
fn windows_in_which_nothing_was_decided_are_no_chart() {
    let mut report = fixtures::full(true);
    let drawn =
        |report: &SuiteReport| report_html(report, None).matches("id=\"onboarding-window-").count();
    assert_eq!(drawn(&report), 4);
    for ledger in &mut report.scenarios[0].recording.ledgers {
        for entry in &mut ledger.entries {
            entry.admitted = crate::admission::Admitted::Unknown;
        }
    }
    assert_eq!(drawn(&report), 0);
}

#[test]
fn advice_has_the_option_and_the_number() {
    let mut report = fixtures::full(true);
    let advised = |report: &SuiteReport| {
        explain(report).scenarios[0].findings.iter().map(|f| f.next.clone()).collect::<String>()
    };
    let close = advised(&report);
    assert!(close.contains("a run 3 times as long (--duration-scale) would settle it"), "{close}");
    let finding = report.scenarios[0].verdict.findings.iter_mut().find(|f| f.threshold.is_some());
    let finding = finding.expect("a threshold");
    finding.verdict = crate::gate::FindingVerdict::Inconclusive;
    let threshold = finding.threshold.as_mut().expect("it has one");
    (threshold.samples, threshold.worth) = (898, Some(19));
    let few = advised(&report);
    assert!(few.contains("send 3.2 times as long (--duration-scale)"), "{few}");
}
