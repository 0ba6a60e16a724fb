//! What docs/intervals.md says between its tables.

pub(crate) const INTRODUCTION: &str = "\
# What the intervals cover

Every quantile and every rate in a report carries a 95 % confidence interval, and n samples of one
queue are not n witnesses: neighbouring requests share their fate. So load-gate estimates how many
independent samples a run's samples are worth (`n = 6,000, worth about 210`), and the interval rests
on those. This page shows what that is worth, on simulated runs whose truth is known, recorded and
judged by the code that records and judges real ones. `cargo run --release --example coverage` makes
it anew; the method was chosen on other seeds than those reported here.

## The method

Per second, the samples beyond the quantile's bucket are counted and compared with their share in the
stage (of a ramp, what a curve of the third degree explains is taken out). Four signs of dependence are
looked for in that series: more variance than independent samples would have, resemblance of neighbours,
of the next four, and slow waves. Where none shows, the samples count as independent. Where one does, the
design effect D is the largest of three estimates of the series' long-run variance over the independent
one (the slowest cosines; a first-order autoregression of the counts; one of what exceeds independence,
with the memory that any quantile's series shows), and never less than what nearer quantiles show. The
samples are worth n / D; the interval takes exact binomial bounds (of a rate Wilson's) at that size, less
what D itself may be wrong by (Student's factor). A run under 20 s can't tell, and says so.

## The targets

*Independent* answers are lognormal (σ = 0.6). *AR(1)*: their logarithms are an autoregression from
request to request. *M/M/1* and *D/M/1*: a queue at that utilisation, arrivals at random or as evenly
spaced as load-gate's. *Random stalls*: every 30 s on average everything stands still for a second;
*periodic stalls*: every 10 s for half a second. *Ramp*: a third of the run ramps up, and the level with
the rate to twice as much.

## Intervals

Each cell: in how many runs the 95 % interval holds the truth (where the samples allow no upper bound,
whether the lower one does), how wide it is on average against the interval of as many independent
samples, and, where that isn't all, in how many runs a threshold would be decided: the rest are
inconclusive, with how long a run would decide. Bold: under 92.5 %. The rate is a success rate of
98 %, its failures the slowest answers.";

pub(crate) const COMPARE: &str = "
## Comparing two runs

Two runs of the same target, and two of which the new one is slower; one answer in a hundred fails.
*Any difference*: in how many pairs
of the same target anything at all was called certain (promised: at most 1 %). *Visible from*: the change
of p95 that `compare` says it would see with 80 %, in the median pair; *seen there*: in how many pairs
so much slower it did.";

pub(crate) const DECISIONS: &str = "
## Decisions

A threshold on p95, a minute at 50 arrivals a second, the truth a tenth on either side of the bound.
*False red*: fails though the truth is within; *false green*: passes though it is beyond; *open*:
inconclusive. `point` and `interval` are values of `[gate] decide`. *3 looks*: what it would come to
if an open run were looked at again after two minutes and after three, each look with a third of the error;
`extend` in a profile lengthens its last hold so (docs/config.md).";

pub(crate) const CLOSING: &str = "
## How to read a report then

- With independent samples the intervals keep their word and are as narrow as ever. From a minute on they
  err to the safe side under a memory that is short against the run: mostly above 95 %.
- What has a memory nearly as long as the run (AR(1) at 0.99 or a queue at 0.95 in a minute or three)
  can't be known from it: quantiles far out are then inconclusive, \"n = 1,200, worth about 20 can't
  support p(95)\". A rate of few failures in so short a run under a queue at 0.8 and more is less certain
  than its interval says: where the failures are worth fewer than 20 independent ones and the answers
  resemble their neighbours, the report says so. One thing has no such guard: of a target that stands still
  every half minute a run of one minute has met one stall or four. Both are bold above. Run longer.
- Runs under 20 s are marked \"too short to tell whether neighbours resemble each other\", with reason.
- `decide = \"point\"` decides most and errs where the truth is near the bound; `\"interval\"` errs
  seldom and leaves much open. A longer run buys what neither can.
- `compare` calls few pairs different that aren't; what it can't see it says. The change that it names as
  visible was seen in 47 to 100 % of the pairs above, in 79 % over all of them: take it as about four in five.
  Samples worth fewer than 40 independent ones are not compared: called different they were in 3.7 % of the pairs
  of a queue at 0.95 that met a minute. It costs most where a run is worth hardly more than 40 (the 47 %).
  A success rate isn't called different either where its failures came in few bunches and answers depend:
  it was in 1.2 % of the pairs of that queue.";
