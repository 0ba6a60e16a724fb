//! Renders what the check found as text: one line each, and what to do.

use std::fmt::Write as _;

use crate::preflight::{CheckLine, CheckReport, CheckState};

/// The check for people: a line for each thing, and under it, where something
/// is off, what it means and what to do.
#[must_use]
pub fn check_text(report: &CheckReport) -> String {
    let mut text = String::new();
    // Writing to a String can't fail.
    let _ = writeln!(text, "{} ({})\n", report.environment, report.url);
    let width = report.lines.iter().map(|line| line.name.chars().count()).max().unwrap_or(0);
    for line in &report.lines {
        let _ = writeln!(text, "{:<4}  {:<width$}  {}", word(line.state), line.name, line.found);
        let indent = " ".repeat(width + 8);
        for (label, more) in [("means", &line.means), ("do", &line.todo)] {
            if !more.is_empty() {
                let _ = writeln!(text, "{indent}{label}: {more}");
            }
        }
    }
    let _ = writeln!(text, "\n{}", conclusion(report));
    text
}

/// One line of the check for a run's notices: only where something is off.
#[must_use]
pub fn check_notice(line: &CheckLine) -> Option<String> {
    matches!(line.state, CheckState::Warn | CheckState::Bad).then(|| {
        let mut text = format!("check, {}: {}", line.name, line.found);
        for more in [&line.means, &line.todo] {
            if !more.is_empty() {
                let _ = write!(text, "; {more}");
            }
        }
        text
    })
}

const fn word(state: CheckState) -> &'static str {
    match state {
        CheckState::Ok => "ok",
        CheckState::Warn => "warn",
        CheckState::Bad => "BAD",
        CheckState::Skipped => "-",
    }
}

fn conclusion(report: &CheckReport) -> String {
    let names = |state: CheckState| {
        let of_state = report.lines.iter().filter(|line| line.state == state);
        let mut names: Vec<&str> = of_state.map(|line| line.name.as_str()).collect();
        // Several checks of one answer have one name.
        names.dedup();
        let apart = if names.iter().any(|name| name.contains(',')) { "; " } else { ", " };
        names.join(apart)
    };
    let (bad, warned) = (names(CheckState::Bad), names(CheckState::Warn));
    match (report.unreachable, bad.is_empty(), warned.is_empty()) {
        (true, _, _) => "unreachable: a run would be inconclusive".to_owned(),
        (_, false, _) => format!("to mend before a run: {bad}"),
        (_, _, false) => format!("ready, with something to know: {warned}"),
        _ => "ready".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(lines: Vec<CheckLine>) -> CheckReport {
        CheckReport {
            schema_version: 1,
            environment: "staging".to_owned(),
            url: "https://api.rsolv-staging.com".to_owned(),
            unreachable: false,
            lines,
        }
    }

    #[test]
    fn every_line_says_what_was_found_and_what_to_do() {
        let text = check_text(&report(vec![
            CheckLine::ok(
                "reachability",
                "api.rsolv-staging.com at 192.0.2.7, connected in 12.0 ms",
            ),
            CheckLine::bad("API key 2", "refused, status 401", "it would fail", "set it right"),
            CheckLine::warn("TLS", "expires", "connections fail", "renew it"),
            CheckLine::skipped("GitHub token", "not set"),
        ]));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_conclusion_and_the_exit_code_agree() {
        let ok = || CheckLine::ok("a", "b");
        let mut checked = report(vec![ok()]);
        assert_eq!((conclusion(&checked).as_str(), checked.exit_code()), ("ready", 0));
        checked.lines.push(CheckLine::warn("TLS", "", "", ""));
        assert_eq!(conclusion(&checked), "ready, with something to know: TLS");
        assert_eq!(checked.exit_code(), 0);
        checked.lines.push(CheckLine::bad("health", "", "", ""));
        assert_eq!(conclusion(&checked), "to mend before a run: health");
        assert_eq!(checked.exit_code(), 1);
        for _ in 0..2 {
            checked.lines.push(CheckLine::bad("search, check", "", "", ""));
        }
        assert_eq!(conclusion(&checked), "to mend before a run: health; search, check");
        checked.unreachable = true;
        assert_eq!(checked.exit_code(), 3);
        assert!(conclusion(&checked).starts_with("unreachable"));
    }

    #[test]
    fn only_what_is_off_becomes_a_notice() {
        assert_eq!(check_notice(&CheckLine::ok("a", "b")), None);
        let line = CheckLine::warn("TLS", "expires", "connections fail", "renew it");
        let notice = check_notice(&line).expect("is off");
        assert_eq!(notice, "check, TLS: expires; connections fail; renew it");
    }
}
