//! How finely pictures tell time apart: a page of many scenarios has coarser ones, never fewer in silence.

use crate::gate::VerdictKind;
use crate::measure::MOST_BINS;

/// How finely the pictures of a document tell things apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) struct Grain {
    /// The most steps in time that readings have.
    pub(super) steps: usize,
    /// The most steps in time that tables have.
    pub(super) rows: usize,
    /// The most points of a line, and boxes of an area: more than the eye tells apart.
    pub(super) points: usize,
    /// The most columns of a heat map.
    pub(super) columns: usize,
    /// How many buckets a row of it takes: 6 are 14 % of a response time.
    pub(super) tall: u16,
    /// The most identities whose windows are drawn.
    pub(super) identities: usize,
    /// Whose pictures there are.
    pub(super) drawn: Drawn,
}

/// Which scenarios have pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drawn {
    All,
    /// Those that didn't pass.
    NotPassed,
    None,
}

impl Grain {
    /// The finest there is: readings of every step that is recorded.
    pub(in crate::report) const FINEST: Self = Self {
        steps: MOST_BINS,
        rows: 90,
        points: 216,
        columns: 60,
        tall: 6,
        identities: 4,
        drawn: Drawn::All,
    };

    const COARSEST: Self = Self {
        steps: 6,
        rows: 6,
        points: 40,
        columns: 10,
        tall: 12,
        identities: 1,
        drawn: Drawn::All,
    };

    /// From the finest to none at all, each smaller than the one before.
    pub(in crate::report) const ALL: [Self; 12] = [
        Self::FINEST,
        Self { rows: 54, ..Self::FINEST },
        Self { steps: 330, rows: 54, ..Self::FINEST },
        Self { steps: 180, rows: 54, ..Self::FINEST },
        Self { steps: 90, rows: 54, ..Self::FINEST },
        Self { steps: 60, rows: 40, points: 180, columns: 45, ..Self::FINEST },
        Self { steps: 40, rows: 27, points: 144, columns: 36, identities: 3, ..Self::FINEST },
        Self { steps: 27, rows: 18, points: 108, columns: 24, identities: 2, ..Self::FINEST },
        Self {
            steps: 15,
            rows: 10,
            points: 64,
            columns: 16,
            tall: 12,
            identities: 1,
            ..Self::FINEST
        },
        Self::COARSEST,
        Self { drawn: Drawn::NotPassed, ..Self::COARSEST },
        Self { drawn: Drawn::None, ..Self::COARSEST },
    ];

    /// Whether a scenario of this verdict has pictures.
    pub(super) fn draws(self, verdict: VerdictKind) -> bool {
        match self.drawn {
            Drawn::All => true,
            Drawn::NotPassed => verdict != VerdictKind::Pass,
            Drawn::None => false,
        }
    }

    /// Bins in one of at most `most` groups.
    pub(super) fn group(bins: usize, most: usize) -> usize {
        bins.div_ceil(most).max(1)
    }

    /// What is coarser or not there, and where the rest is; `None` for the finest.
    pub(super) fn said(self) -> Option<String> {
        let why = "keeps this page small enough for mail and artifact viewers; suite.json has every second";
        let what = match self.drawn {
            Drawn::All if self == Self::FINEST => return None,
            Drawn::All => {
                let coarser = [
                    ("steps in time to read off", self.steps, Self::FINEST.steps),
                    ("rows under a chart", self.rows, Self::FINEST.rows),
                    ("identities' windows", self.identities, Self::FINEST.identities),
                ];
                let coarser = coarser.iter().filter(|(_, n, finest)| n < finest);
                let coarser =
                    coarser.map(|(what, n, finest)| format!("{n} {what} instead of {finest}"));
                let coarser: Vec<String> = coarser.collect();
                format!("charts are coarser than those of fewer scenarios ({})", coarser.join(", "))
            }
            Drawn::NotPassed => {
                "charts of scenarios that passed are left out, the others' are coarser".to_owned()
            }
            Drawn::None => "charts are left out".to_owned(),
        };
        Some(format!("{what}: this {why}. Fewer scenarios in a run have finer charts."))
    }
}
