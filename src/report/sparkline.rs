//! A series of figures as a line of blocks.

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// `values` as at most `most` blocks, the lowest at 0 and the full one at the
/// largest value; `·` where there is no value. Neighbours that share a block
/// are represented by their largest value, so that a spike is never hidden.
#[must_use]
pub fn sparkline(values: &[Option<f64>], most: usize) -> String {
    let values = shrink(values, most);
    let top = values.iter().flatten().fold(0.0_f64, |a, b| a.max(*b));
    values
        .iter()
        .map(|value| match value {
            None => '·',
            Some(value) if top > 0.0 => {
                let level = (value / top * 7.0).round().clamp(0.0, 7.0) as usize;
                BLOCKS.get(level).copied().unwrap_or('█')
            }
            Some(_) => BLOCKS[0],
        })
        .collect()
}

/// At most `most` values: each the largest of its group of neighbours.
pub(super) fn shrink(values: &[Option<f64>], most: usize) -> Vec<Option<f64>> {
    let group = values.len().div_ceil(most.max(1)).max(1);
    values.chunks(group).map(|group| group.iter().flatten().copied().reduce(f64::max)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_survives_the_shrinking() {
        let mut values = vec![Some(1.0); 1000];
        values[501] = Some(100.0);
        values[0] = None;
        let line = sparkline(&values, 50);
        assert_eq!(line.chars().count(), 50);
        assert_eq!(line.matches('█').count(), 1);
        assert_eq!(sparkline(&[None, Some(0.0)], 10), "·▁");
        assert_eq!(sparkline(&[], 10), "");
    }
}
