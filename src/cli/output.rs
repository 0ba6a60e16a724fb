//! The one place that prints. A closed pipe is not an error: what was to be saved is in files.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};

use crate::report::Style;

/// Standard output and error, and how they like it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that an output is or isn't")]
pub(super) struct Output {
    color: bool,
    color_err: bool,
    /// Whether the log is read by GitHub's runner.
    in_step: bool,
    /// Whether the terminal can't move its cursor (`TERM=dumb`).
    dumb: bool,
}

impl Output {
    /// Colour where it is a terminal and nobody asked for none (`NO_COLOR`), or
    /// where somebody insists (`CLICOLOR_FORCE`).
    pub(super) fn new(vars: &std::collections::BTreeMap<String, String>) -> Self {
        let set = |name: &str| vars.get(name).is_some_and(|value| !value.is_empty());
        let forced =
            vars.get("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
        let wanted = |terminal: bool| forced || (terminal && !set("NO_COLOR"));
        Self {
            color: wanted(std::io::stdout().is_terminal()),
            color_err: wanted(std::io::stderr().is_terminal()),
            in_step: set("GITHUB_ACTIONS"),
            dumb: vars.get("TERM").is_none_or(|term| term.is_empty() || term == "dumb"),
        }
    }

    /// How the summary on standard output looks: as wide as the terminal, within reason.
    pub(super) fn style(self) -> Style {
        let terminal = terminal_size::terminal_size_of(std::io::stdout());
        let width = terminal.map_or(Style::PLAIN.width, |(columns, _)| usize::from(columns.0));
        Style { color: self.color, width: width.clamp(40, 140), verbose: false }
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
        let terminal = terminal_size::terminal_size_of(std::io::stderr());
        terminal.map_or(80, |(columns, _)| usize::from(columns.0)).clamp(20, 200)
    }

    /// Prints a result: standard output.
    pub(super) fn result(self, text: &str) {
        let text = self.inert(text);
        let mut out = std::io::stdout().lock();
        // A reader that went away has read enough; a full disk behind a
        // redirection must not take the reports with it.
        let _ = out.write_all(text.as_bytes());
        if !text.ends_with('\n') {
            let _ = out.write_all(b"\n");
        }
        let _ = out.flush();
    }

    /// Prints a line about the way there: standard error.
    pub(super) fn note(self, text: &str) {
        let text = self.inert(text);
        let mut err = std::io::stderr().lock();
        let _ = writeln!(err, "{text}");
    }

    /// Takes `##[` apart in a step's log: the runner takes it for a command wherever
    /// it stands in a line, and texts quote what a target answered.
    fn inert(self, text: &str) -> Cow<'_, str> {
        if self.in_step && text.contains("##[") {
            Cow::Owned(text.replace("##[", "## ["))
        } else {
            Cow::Borrowed(text)
        }
    }

    /// Prints what went wrong, and what to do: standard error.
    pub(super) fn error(self, text: &str) {
        let text = self.inert(text);
        let mut err = std::io::stderr().lock();
        let (on, off) = if self.color_err { ("\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "") };
        let _ = writeln!(err, "{on}error{off}: {text}");
    }
}
