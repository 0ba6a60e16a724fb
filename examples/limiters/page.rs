//! What docs/limiters.md says between its simulated tables.

pub(crate) const INTRODUCTION: &str = "## In simulation

Made by `cargo run --release --example limiters`; how they are told is in
[rate-limits.md](rate-limits.md). Limits of 5 to 60 in 10 to 60 s, declared and met by the identity that
is set aside, at 100/s at most; answers take up to 0 to 150 ms (another longest each run), 1 % fail before
the limiter and 3 % after it, 2 % are probes that it counts or doesn't, the server's clock is off by up to
two seconds. Thresholds were chosen on other seeds than those reported.

### Named

Of 100 runs over so many windows: named rightly · can't tell, with what would · named wrongly · accused (of
those that do what is declared).
";
pub(crate) const STRANGE: &str = "
### Named, of limiters written apart

The same, of limiters in `examples/limiters/strangers.rs` that share nothing with what load-gate knows: nginx's
arithmetic, GCRA by arrival times, Redis recipes, Cloudflare's counter, Stripe's script.
";
pub(crate) const SHORT: &str = "
### Declared in a second or two

Likewise, of 25 runs each that last half a minute, where the limit is declared in one second or in two.
";
pub(crate) const ACCUSED: &str = "
### Accused
";
pub(crate) const ERRING: &str = "
### Erring

Of 25 runs each, how many had the right rule fail first: *engages* for one that is off, *lets through* for
half the limit, *holds* for twice the limit, *recovers* for one that never resets (refusals declared to be free);
and in how many *holds* fails where so many of a hundred get through that are to be refused, under a load of four
times the limit at one rate.
";
pub(crate) const UNSHAPED: &str = "
### Loads that aren't shaped

Bursts of all sizes and pauses, and one in four of one rate throughout, over 0.2 to 5 windows, with 0.3 to
30 times what the limit admits.
";
