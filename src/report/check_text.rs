//! Renders what the check found as text: one line each, and what to do.

use super::document::Tone;
use super::table::{Lean, fold, lines};
use super::text::Style;
use crate::preflight::{CheckLine, CheckReport, CheckState};

/// The check for people: a line for each thing, and under it, where something
/// is off, what it means and what to do.
#[must_use]
pub fn check_text(report: &CheckReport, style: Style) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut tones = Vec::new();
    let mut row = |tone, cells: [&str; 3]| {
        tones.push(tone);
        rows.push(cells.map(str::to_owned).to_vec());
    };
    for line in &report.lines {
        row(tone(line.state), [word(line.state), &line.name, &line.found]);
        for (label, more) in [("means", &line.means), ("do", &line.todo)] {
            if !more.is_empty() {
                row(Tone::Plain, ["", "", &format!("{label}: {more}")]);
            }
        }
    }
    let width = style.width.max(40);
    let mut text = format!("{} ({})\n\n", style.bold(&report.environment), report.url);
    // The word has the colour; of what wasn't looked at all of it is quiet.
    let paint = |r: usize, c: usize, piece: &str| match tones.get(r) {
        Some(tone) if c == 0 || *tone == Tone::Quiet => style.paint(*tone, piece),
        _ => piece.to_owned(),
    };
    for line in lines(&rows, &[Lean::Left; 3], (0, width), paint) {
        add!(text, "{line}\n");
    }
    let (tone, words) = conclusion(report);
    text.push('\n');
    for line in fold(&words, width, 2) {
        add!(text, "{}\n", style.paint(tone, &line));
    }
    text
}

const fn tone(state: CheckState) -> Tone {
    match state {
        CheckState::Ok => Tone::Good,
        CheckState::Warn => Tone::Doubtful,
        CheckState::Bad => Tone::Bad,
        CheckState::Skipped => Tone::Quiet,
    }
}

/// One line of the check for a run's notices: only where something is off.
#[must_use]
pub fn check_notice(line: &CheckLine) -> Option<String> {
    matches!(line.state, CheckState::Warn | CheckState::Bad).then(|| {
        let mut text = format!("check, {}: {}", line.name, line.found);
        for more in [&line.means, &line.todo] {
            if !more.is_empty() {
                add!(text, "; {more}");
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

fn conclusion(report: &CheckReport) -> (Tone, String) {
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
        (true, _, _) => (Tone::Bad, "unreachable: a run would be inconclusive".to_owned()),
        (_, false, _) => (Tone::Bad, format!("to mend before a run: {bad}")),
        (_, _, false) => (Tone::Doubtful, format!("ready, with something to know: {warned}")),
        _ => (Tone::Good, "ready".to_owned()),
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
        let found = report(vec![
            CheckLine::ok(
                "reachability",
                "api.rsolv-staging.com at 192.0.2.7, connected in 12.0 ms",
            ),
            CheckLine::bad("API key 2", "refused, status 401", "it would fail", "set it right"),
            CheckLine::warn("TLS", "expires", "connections fail", "renew it"),
            CheckLine::skipped("GitHub token", "not set"),
        ]);
        insta::assert_snapshot!(check_text(&found, Style::PLAIN));
        // In a narrow terminal it folds, and colours add nothing to read.
        let narrow = Style { width: 60, ..Style::PLAIN };
        let (plain, dressed) =
            (check_text(&found, narrow), check_text(&found, Style { color: true, ..narrow }));
        assert!(plain.lines().all(|line| line.chars().count() <= 60), "{plain}");
        assert!(dressed.contains("\u{1b}[1;31mBAD\u{1b}[0m"), "{dressed:?}");
        let codes = ["1", "2", "32", "33", "1;31", "0"].map(|code| format!("\u{1b}[{code}m"));
        assert_eq!(codes.iter().fold(dressed, |text, code| text.replace(code, "")), plain);
    }

    #[test]
    fn the_conclusion_and_the_exit_code_agree() {
        let ok = || CheckLine::ok("a", "b");
        let mut checked = report(vec![ok()]);
        assert_eq!((conclusion(&checked).1.as_str(), checked.exit_code()), ("ready", 0));
        checked.lines.push(CheckLine::warn("TLS", "", "", ""));
        assert_eq!(conclusion(&checked).1, "ready, with something to know: TLS");
        assert_eq!(checked.exit_code(), 0);
        checked.lines.push(CheckLine::bad("health", "", "", ""));
        assert_eq!(conclusion(&checked).1, "to mend before a run: health");
        assert_eq!(checked.exit_code(), 1);
        for _ in 0..2 {
            checked.lines.push(CheckLine::bad("search, check", "", "", ""));
        }
        assert_eq!(conclusion(&checked).1, "to mend before a run: health; search, check");
        checked.unreachable = true;
        assert_eq!(checked.exit_code(), 3);
        assert!(conclusion(&checked).1.starts_with("unreachable"));
    }

    #[test]
    fn only_what_is_off_becomes_a_notice() {
        assert_eq!(check_notice(&CheckLine::ok("a", "b")), None);
        let line = CheckLine::warn("TLS", "expires", "connections fail", "renew it");
        let notice = check_notice(&line).expect("is off");
        assert_eq!(notice, "check, TLS: expires; connections fail; renew it");
    }
}
