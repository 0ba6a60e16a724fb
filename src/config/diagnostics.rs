//! Mistakes in the configuration: each with its place, its excerpt and what was expected.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::secret::{NO_WORD, Secret, mask};
use crate::units;

/// A text that values come from.
#[derive(Clone, Debug)]
pub(super) struct SourceText {
    /// Its name in messages: a path, or `built-in load_tests/webhook.toml`.
    pub(super) name: String,
    pub(super) text: String,
}

/// Where in which source something stands (bytes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) source: usize,
    pub(super) span: Range<usize>,
}

/// What is wrong with one value.
#[derive(Clone, Debug, Default)]
pub(super) struct Wrong {
    /// What it is, as a lowercase fragment.
    pub(super) message: String,
    /// What was expected.
    pub(super) expected: String,
    /// What to do, if there is more to say.
    pub(super) help: Option<String>,
    /// The part of a string value that is wrong (bytes of its content).
    pub(super) within: Option<Range<usize>>,
    /// Whether the value is, or may be, a credential: no excerpt shows it.
    pub(super) hidden: bool,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { message: message.into(), expected: expected.into(), ..Self::default() }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) const fn within(mut self, span: Range<usize>) -> Self {
        self.within = Some(span);
        self
    }

    pub(super) const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }
}

/// One mistake.
#[derive(Clone, Debug)]
struct Diagnostic {
    title: String,
    place: Option<Place>,
    expected: String,
    help: Option<String>,
}

/// The most mistakes that are told one by one.
const MOST_TOLD: usize = 50;

/// All mistakes found in one go: the first fifty in full, the rest by number.
/// `Display` is the plain rendering.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    sources: Vec<SourceText>,
    list: Vec<Diagnostic>,
    /// Where credentials stand, which no excerpt shows.
    hidden: Vec<Place>,
    /// How many there are besides.
    more: usize,
    /// What the environment holds and no message shows, wherever it was written by mistake.
    known: Vec<Secret>,
}

impl Diagnostics {
    /// None yet, and what none may quote.
    pub(super) fn without(known: Vec<Secret>) -> Self {
        Self { known, ..Self::default() }
    }

    /// How many mistakes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.list.len() + self.more
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The titles of the mistakes that are told, one line each, without excerpts.
    pub fn titles(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|mistake| mistake.title.as_str())
    }

    pub(super) fn add_source(&mut self, name: impl Into<String>, text: impl Into<String>) -> usize {
        self.sources.push(SourceText { name: name.into(), text: text.into() });
        self.sources.len() - 1
    }

    pub(super) fn source_text(&self, source: usize) -> &str {
        self.sources.get(source).map_or("", |source| source.text.as_str())
    }

    /// Reports a mistake at `place`.
    pub(super) fn at(&mut self, place: &Place, path: &str, wrong: Wrong) {
        if wrong.hidden {
            self.hidden.push(place.clone());
        }
        let place = match &wrong.within {
            Some(within) => self.inside(place, within),
            None => place.clone(),
        };
        let title =
            if path.is_empty() { wrong.message } else { format!("{path}: {}", wrong.message) };
        self.push(title, Some(place), wrong.expected, wrong.help);
    }

    /// The text of a source, without what is or may be secret, byte for byte as long.
    fn source_shown(&self, at: usize) -> String {
        let mut text = hide(self.source_text(at), &self.known);
        for place in self.hidden.iter().filter(|place| place.source == at) {
            if let Some(value) = text.get(place.span.clone()) {
                let stars = stars(value);
                text.replace_range(place.span.clone(), &stars);
            }
        }
        text
    }

    /// Reports a mistake in something that isn't in a file: a flag or a variable.
    pub(super) fn outside(&mut self, name: &str, wrong: Wrong) {
        let title =
            if name.is_empty() { wrong.message } else { format!("{name}: {}", wrong.message) };
        self.push(title, None, wrong.expected, wrong.help);
    }

    fn push(
        &mut self,
        title: String,
        place: Option<Place>,
        expected: String,
        help: Option<String>,
    ) {
        if self.list.len() >= MOST_TOLD {
            self.more += 1;
            return;
        }
        let known = &self.known;
        let clean = |text: String| hide(&text, known).replace(char::is_control, "\u{fffd}");
        let mistake = Diagnostic {
            title: clean(title),
            place,
            expected: clean(expected),
            help: help.map(clean),
        };
        self.list.push(mistake);
    }

    /// The place of a part of a string's content, where the string stands in the
    /// source as it is (no escapes); else the whole value's.
    fn inside(&self, place: &Place, within: &Range<usize>) -> Place {
        let text = self.source_text(place.source);
        let value = text.get(place.span.clone()).unwrap_or_default();
        let quoted = value.starts_with(['"', '\'']);
        if !quoted
            || value.contains('\\')
            || value.starts_with("\"\"\"")
            || value.starts_with("'''")
        {
            return place.clone();
        }
        let start = place.span.start + 1 + within.start;
        let end = place.span.start + 1 + within.end.max(within.start + 1);
        let end = end.min(place.span.end);
        let whole = text.is_char_boundary(start) && text.is_char_boundary(end) && start < end;
        if whole { Place { source: place.source, span: start..end } } else { place.clone() }
    }

    /// The mistakes as text, in colour for a terminal.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let pointed_at =
            |at: usize| self.list.iter().flat_map(|m| &m.place).any(|p| p.source == at);
        let texts: Vec<String> = (0..self.sources.len())
            .map(|at| if pointed_at(at) { self.source_shown(at) } else { String::new() })
            .collect();
        let mut blocks: Vec<String> =
            self.list.iter().map(|mistake| self.block(mistake, &texts, &renderer)).collect();
        if self.more > 0 {
            let (told, more) = (self.list.len(), units::count(self.more as u64));
            blocks.push(format!("the first {told} mistakes, and {more} more; nothing was sent"));
        } else if self.list.len() > 1 {
            blocks.push(format!("{} mistakes; nothing was sent", self.list.len()));
        }
        blocks.join("\n\n")
    }

    fn block(&self, mistake: &Diagnostic, texts: &[String], renderer: &Renderer) -> String {
        let mut group: Group<'_> = Group::with_title(Level::ERROR.primary_title(&mistake.title));
        match self.shown(mistake, texts) {
            Some((name, text, span)) => {
                let caret = AnnotationKind::Primary.span(span).label(mistake.expected.as_str());
                group = group.element(Snippet::source(text).path(name).annotation(caret));
            }
            None if !mistake.expected.is_empty() => {
                group = group.element(Level::NOTE.message(&mistake.expected));
            }
            None => {}
        }
        if let Some(help) = &mistake.help {
            group = group.element(Level::HELP.message(help));
        }
        renderer.render(&[group])
    }

    fn shown<'a>(
        &'a self,
        mistake: &Diagnostic,
        texts: &'a [String],
    ) -> Option<(&'a str, &'a str, Range<usize>)> {
        let place = mistake.place.as_ref()?;
        let name = &self.sources.get(place.source)?.name;
        let text = texts.get(place.source)?;
        let start = floor_boundary(text, place.span.start);
        let end = floor_boundary(text, place.span.end.max(start));
        Some((name, text, start..end))
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// `text` with secrets and the user part of URLs starred out, byte for byte, so
/// that every offset stays where it was.
fn hide(text: &str, known: &[Secret]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut text = std::borrow::Cow::Borrowed(text);
    for secret in known.iter().map(Secret::expose).filter(|secret| secret.len() >= NO_WORD) {
        if text.contains(secret) {
            text = text.replace(secret, &stars(secret)).into();
        }
    }
    let text = text.as_ref();
    // Word by word only where there is something to hide.
    let secrets = mask(text, &[]) != text;
    for line in text.split_inclusive('\n') {
        let line = if secrets { hide_words(line) } else { line.to_owned() };
        out.push_str(&hide_users(&line));
    }
    out
}

fn hide_words(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    let in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    while !rest.is_empty() {
        let end = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        if mask(word, &[]) == word {
            out.push_str(word);
        } else {
            out.push_str(&stars(word));
        }
        let gap = tail.find(in_word).unwrap_or(tail.len());
        out.push_str(&tail[..gap]);
        rest = &tail[gap..];
    }
    out
}

/// Stars out what stands between `://` and the last `@` of the same word.
fn hide_users(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, tail) = rest.split_at(at + 3);
        out.push_str(before);
        let end = tail.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`'));
        let word = &tail[..end.unwrap_or(tail.len())];
        let user = word.rfind('@').unwrap_or(0);
        out.push_str(&stars(&word[..user]));
        rest = &tail[user..];
    }
    out.push_str(rest);
    out
}

fn stars(text: &str) -> String {
    "*".repeat(text.len())
}

/// `text` as it can be quoted in a message: in back quotes, at most 60 characters.
pub(super) fn quote(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("`{}`", short.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"))
}

/// The one of `known` that `word` may have been meant to be.
pub(super) fn suggestion<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word: String = word.chars().take(100).collect::<String>().to_lowercase().replace('-', "_");
    let scored = known.into_iter().map(|name| {
        (strsim::damerau_levenshtein(&word, &name.to_lowercase().replace('-', "_")), name)
    });
    let (distance, name) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= (word.len().max(name.len()) / 3).max(1)).then_some(name)
}

/// `a`, `b` and `c`, each in back quotes.
pub(super) fn listing<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(quote).collect();
    match names.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// The mistake that `word` is none of `known`, which are `what`s.
pub(super) fn unknown(what: &str, word: &str, known: &[&str]) -> Wrong {
    let wrong = Wrong::new(
        format!("unknown {what} {}", quote(word)),
        format!("known: {}", listing(known.iter().copied())),
    );
    match suggestion(word, known.iter().copied()) {
        Some(name) => wrong.help(format!("did you mean {}?", quote(name))),
        None => wrong,
    }
}
