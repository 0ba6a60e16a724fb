//! The one place that prints. A closed pipe is not an error: what was to be saved is in files.

use std::borrow::Cow;
use std::io::IsTerminal;

use terminal_size::{Height, Width, terminal_size_of};

use super::{stderr, stdout};
use crate::publish::inputs::name_inputs;
use crate::report::{self, Style};

/// Standard output and error, and how they like it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that an output is or isn't")]
pub(super) struct Output {
    color: bool,
    color_err: bool,
    /// Whether the log is read by GitHub's runner.
    in_step: bool,
    /// Whether who reads has given inputs, not flags.
    names_inputs: bool,
    /// Whether the terminal can't move its cursor (`TERM=dumb`).
    dumb: bool,
}

impl Output {
    /// Colour where it is a terminal that has any (`TERM=dumb` hasn't) and nobody asked for
    /// none (`NO_COLOR`), or where somebody insists (`CLICOLOR_FORCE`).
    pub(super) fn new(vars: &std::collections::BTreeMap<String, String>) -> Self {
        let set = |name: &str| vars.get(name).is_some_and(|value| !value.is_empty());
        let forced =
            vars.get("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
        let dumb = vars.get("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        // Windows' consoles have no such variable, and colours.
        let plain = dumb && (!cfg!(windows) || vars.contains_key("TERM"));
        let wanted = |terminal: bool| forced || (terminal && !plain && !set("NO_COLOR"));
        Self {
            color: wanted(std::io::stdout().is_terminal()),
            color_err: wanted(std::io::stderr().is_terminal()),
            in_step: set("GITHUB_ACTIONS"),
            names_inputs: false,
            dumb,
        }
    }

    /// The same for who has given inputs: messages name those instead of flags.
    pub(super) const fn naming_inputs(mut self) -> Self {
        self.names_inputs = true;
        self
    }

    /// Prints a workflow command, which GitHub's runner obeys: standard output.
    pub(super) fn command(self, line: &str) {
        stderr::flush();
        stdout::write(format!("{line}\n").into_bytes());
    }

    /// The same on standard error: what folds lines has to be on their stream.
    pub(super) fn note_command(self, line: &str) {
        stderr::write(format!("{line}\n").into_bytes());
    }

    /// How the summary on standard output looks: as wide as the terminal, within reason.
    pub(super) fn style(self) -> Style {
        let width = stdout_columns().unwrap_or(Style::PLAIN.width);
        Style { color: self.color, width, verbose: false }
    }

    pub(super) const fn color_err(self) -> bool {
        self.color_err
    }

    /// Whether what stands on standard error can be redrawn in place.
    pub(super) fn can_redraw(self) -> bool {
        std::io::stderr().is_terminal() && !self.dumb && !self.in_step
    }

    /// The columns of standard error's terminal, as it is now.
    pub(super) fn stderr_width(self) -> usize {
        stderr::size().0.clamp(20, 200)
    }

    /// Prints a result: standard output.
    pub(super) fn result(self, text: &str) {
        let text = self.inert(text);
        // What was told on the way stands before what came of it.
        stderr::flush();
        let end = if text.ends_with('\n') { "" } else { "\n" };
        stdout::write(format!("{text}{end}").into_bytes());
    }

    /// Prints a result that is words: standard output, folded to its terminal, then dressed.
    pub(super) fn words(self, text: &str, dress: impl Fn(&str, Style) -> String) {
        self.result(&dress(&folded(text, stdout_columns()), self.style()));
    }

    /// Prints a line about the way there: standard error, folded to its terminal.
    pub(super) fn note(self, text: &str) {
        self.as_drawn(&folded(text, stderr_columns()));
    }

    /// The same, then dressed.
    pub(super) fn note_dressed(self, text: &str, dress: impl Fn(&str, Style) -> String) {
        let style = Style { color: self.color_err, width: self.note_width(), verbose: false };
        self.as_drawn(&dress(&folded(text, stderr_columns()), style));
    }

    /// Prints what has its lines already: standard error.
    pub(super) fn as_drawn(self, text: &str) {
        stderr::write(format!("{}\n", self.inert(text)).into_bytes());
    }

    /// How wide tables on standard error are.
    pub(super) fn note_width(self) -> usize {
        stderr_columns().unwrap_or(Style::PLAIN.width)
    }

    /// Text for a step's log, where nothing but [`Output::command`] is obeyed: the runner
    /// takes `::` at the start of a line and `##[` anywhere for a command, and texts quote
    /// what targets answered and what files are called.
    fn inert(self, text: &str) -> Cow<'_, str> {
        let text = if self.names_inputs { name_inputs(text) } else { Cow::Borrowed(text) };
        if !self.in_step || !(text.contains("##[") || text.contains("::")) {
            return text;
        }
        let line = |line: &str| {
            let line = line.replace("##[", "## [");
            // The runner's own line ends.
            let line = line.replace('\r', " ");
            if line.trim_start().starts_with("::") {
                format!("> {}", line.trim_start())
            } else {
                line
            }
        };
        Cow::Owned(text.split('\n').map(line).collect::<Vec<_>>().join("\n"))
    }

    /// Prints what went wrong, and what to do: standard error.
    pub(super) fn error(self, text: &str) {
        let text = format!("error: {text}");
        let text = folded(&text, stderr_columns());
        let text = self.inert(text.strip_prefix("error").unwrap_or(&text));
        let (on, off) = if self.color_err { ("\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "") };
        stderr::write(format!("{on}error{off}{text}\n").into_bytes());
    }
}

/// How many columns a terminal has, within reason.
fn columns((columns, _): (Width, Height)) -> usize {
    usize::from(columns.0).clamp(40, 140)
}

fn stdout_columns() -> Option<usize> {
    terminal_size_of(std::io::stdout()).map(columns)
}

fn stderr_columns() -> Option<usize> {
    terminal_size_of(std::io::stderr()).map(columns)
}

fn folded(text: &str, columns: Option<usize>) -> Cow<'_, str> {
    columns.map_or(Cow::Borrowed(text), |width| Cow::Owned(report::fold_lines(text, width)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_a_workflow_command() {
        let vars = [("GITHUB_ACTIONS".to_owned(), "true".to_owned())].into();
        let output = Output::new(&vars);
        let hostile = "results: a\n::error::x\r\n  ::set-output name=y::z\n##[group]g b::c";
        let shown = output.inert(hostile);
        assert!(!shown.contains("##["), "{shown}");
        for line in shown.split(['\n', '\r']) {
            assert!(!line.trim_start().starts_with("::"), "{shown}");
        }
        assert!(shown.ends_with("b::c"), "{shown}");
        assert_eq!(Output::new(&std::collections::BTreeMap::new()).inert(hostile), hostile);
    }

    #[test]
    fn every_flag_that_is_an_input_is_told_as_one() {
        let yml = include_str!("../../action.yml");
        let command = <crate::cli::args::Cli as clap::CommandFactory>::command();
        let asked = ["run", "merge"].map(|name| command.find_subcommand(name).expect("is one"));
        let flags = asked.iter().flat_map(|command| command.get_arguments());
        let flags: Vec<&str> = flags.filter_map(clap::Arg::get_long).collect();
        assert!(flags.len() > 15);
        for flag in flags.iter().filter(|flag| yml.contains(&format!("\n  {flag}:\n"))) {
            let told = name_inputs(&format!("see --{flag}")).into_owned();
            assert_eq!(told, format!("see input `{flag}`"));
        }
    }

    #[test]
    fn an_action_s_reader_is_told_of_inputs() {
        let output = Output::new(&std::collections::BTreeMap::new());
        assert_eq!(output.inert("give --baseline"), "give --baseline");
        assert_eq!(output.naming_inputs().inert("give --baseline"), "give input `baseline`");
    }
}
