//! What a command does that is asked to end: it ends within four seconds, and its exit code
//! says what stands on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use super::scarce::{self, FEWEST_DESCRIPTORS};
use super::world::INCONCLUSIVE;
use super::{signals, stderr};
use crate::engine::{self, Stop};
use signals::Leave;

/// How often it is looked whether a pass has been withdrawn.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How many looks there are: a second's.
const LOOKS: u32 = 100;

/// Hears signals for a command.
#[derive(Clone)]
pub(super) struct Interrupts {
    pub(super) stop: Stop,
    /// The exit code of what stands on disk.
    standing: Arc<AtomicU8>,
}

impl Interrupts {
    /// The first signal ends the command, and reports follow; the second leaves at once,
    /// with what is on disk, as does an end that takes too long.
    pub(super) fn listen() -> anyhow::Result<Self> {
        let heard = Self { stop: Stop::default(), standing: Arc::new(AtomicU8::new(INCONCLUSIVE)) };
        let theirs = heard.clone();
        // As few descriptors as are given at first may be too few even for that.
        let _ = engine::raise_descriptor_limit(FEWEST_DESCRIPTORS);
        signals::listen(&heard.stop, move |why| theirs.leave(why))
            .map_err(|error| scarce::no_beginning(&error))?;
        Ok(heard)
    }

    /// What is about to be on disk stands for this exit code; until then nothing is there
    /// but checkpoints.
    pub(super) fn stands(&self, code: u8) {
        self.standing.store(code, Ordering::Release);
    }

    /// Leaves, unless the end is decided and close by. A pass that stands on disk is no
    /// longer one, and whoever is to withdraw it knows already.
    #[expect(
        clippy::disallowed_methods,
        reason = "who asks twice doesn't wait until main is back; files are there whole or not at all"
    )]
    fn leave(&self, why: Leave) {
        let standing = || self.standing.load(Ordering::Acquire);
        for _ in 0..LOOKS {
            if self.stop.is_closed() {
                return;
            }
            if standing() != 0 || why == Leave::TooSlow {
                break;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        if why == Leave::TooSlow {
            let words =
                "error: the end took too long after the interrupt: left with what is on disk\n";
            stderr::write(words.as_bytes().to_vec());
            stderr::flush();
        }
        std::process::exit(i32::from(if standing() == 0 { INCONCLUSIVE } else { standing() }))
    }
}
