//! The flags that messages name, as the action's inputs: who reads them on GitHub has
//! written `with:`, no command line.

use std::borrow::Cow;

/// Flags and the inputs that are given for them.
const INPUTS: [(&str, &str); 22] = [
    ("allow-missing", "allow-missing"),
    ("allow-skip", "allow-skip"),
    ("baseline", "baseline"),
    ("baseline-max-age", "baseline-max-age"),
    ("baseline-required", "baseline-required"),
    ("config", "config"),
    ("confirm-production", "confirm-production"),
    ("cooldown", "cooldown"),
    ("duration-scale", "duration-scale"),
    ("env", "environment"),
    ("junit", "junit"),
    ("no-check", "no-check"),
    ("profile", "profile"),
    ("prometheus-url", "prometheus-url"),
    ("pushgateway", "pushgateway"),
    ("rate-scale", "rate-scale"),
    ("results-dir", "results-dir"),
    ("seed", "seed"),
    ("shard", "shard"),
    ("start-at", "start-at"),
    ("strict-plan", "strict-plan"),
    ("url", "url"),
];

/// `text` with flags named as inputs: `give --baseline` becomes ``give the input `baseline` ``.
/// A command line of load-gate's, which is there to be copied, stays as it is.
#[must_use]
pub fn name_inputs(text: &str) -> Cow<'_, str> {
    if !text.contains("--") {
        return Cow::Borrowed(text);
    }
    let lines: Vec<Cow<'_, str>> = text.split('\n').map(line).collect();
    Cow::Owned(lines.join("\n"))
}

fn line(text: &str) -> Cow<'_, str> {
    let mut named = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("--") {
        let (before, flag) = rest.split_at(at);
        named.push_str(before);
        let name = &flag[2..];
        let end = name.find(|c: char| !c.is_ascii_lowercase() && c != '-').unwrap_or(name.len());
        let input = INPUTS.iter().find(|(known, _)| *known == &name[..end]);
        let starts = !before.ends_with(|c: char| c.is_alphanumeric() || c == '-');
        match input.filter(|_| starts && !is_command(text, text.len() - rest.len() + at)) {
            Some((_, input)) => {
                named.push_str(if before.ends_with('`') { "" } else { "input `" });
                named.push_str(input);
                named.push_str(if before.ends_with('`') { "" } else { "`" });
            }
            None => named.push_str(&flag[..2 + end]),
        }
        rest = &name[end..];
    }
    named.push_str(rest);
    Cow::Owned(named)
}

/// Whether what stands at `at` belongs to a command line of load-gate's.
fn is_command(line: &str, at: usize) -> bool {
    let before = &line[..at];
    let command = before.rfind("load-gate ").is_some_and(|from| {
        let verb = before[from + "load-gate ".len()..].split(' ').next().unwrap_or_default();
        ["run", "plan", "check", "compare", "report", "explain", "comment", "init"].contains(&verb)
    });
    command || before.contains("cargo run")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_named_as_inputs_and_commands_stay() {
        for (said, shown) in [
            ("no baseline; give --baseline", "no baseline; give input `baseline`"),
            ("(--baseline-max-age)", "(input `baseline-max-age`)"),
            ("a `--env` that", "a `environment` that"),
            ("--strict-plan: a gate\nadd --url", "input `strict-plan`: a gate\nadd input `url`"),
            ("load-gate run --env staging --seed 3", "load-gate run --env staging --seed 3"),
            ("`load-gate comment --from DIR`", "`load-gate comment --from DIR`"),
            ("| --- | --- |", "| --- | --- |"),
            ("  --> gate.toml:3:1", "  --> gate.toml:3:1"),
            ("<!-- load-gate:x -->", "<!-- load-gate:x -->"),
            ("xychart 0 --> 50 --verbose", "xychart 0 --> 50 --verbose"),
        ] {
            assert_eq!(name_inputs(said), shown);
        }
    }
}
