//! One property for each violation.

use super::{super::property::Property, PREFERENCE};
use std::collections::BTreeSet;

/// Chooses among the candidates of each violation. `certain` are properties that are violated whatever is chosen here.
#[must_use]
pub fn settle(violations: &[Vec<Property>], certain: &BTreeSet<Property>) -> Vec<Property> {
    let single = violations.iter().filter_map(|candidates| match candidates.as_slice() {
        [only] => Some(*only),
        _several => None,
    });
    let mut blamed: BTreeSet<Property> = single.chain(certain.iter().copied()).collect();
    violations.iter().map(|candidates| choose(candidates, &mut blamed)).collect()
}

fn choose(candidates: &[Property], blamed: &mut BTreeSet<Property>) -> Property {
    // A fork shows itself: nothing else is needed to explain what else it does.
    let by_fork = candidates.contains(&Property::Fork) && blamed.contains(&Property::Fork);
    let known = PREFERENCE.into_iter().find(|property| candidates.contains(property) && blamed.contains(property));
    let chosen = if by_fork { Some(Property::Fork) } else { known.or_else(|| candidates.first().copied()) };
    let chosen = chosen.unwrap_or(Property::LiveSessionWorks);
    blamed.insert(chosen);
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use Property::{CrashSafe, Fork, LiveSessionWorks, ReuseDetected, ReuseEndsSession};

    #[test]
    fn what_is_certain_explains_what_is_not() {
        let open = vec![ReuseEndsSession, ReuseDetected];
        let none = BTreeSet::new();
        assert_eq!(settle(std::slice::from_ref(&open), &none), [ReuseEndsSession]);
        assert_eq!(settle(&[open.clone(), vec![ReuseDetected]], &none), [ReuseDetected, ReuseDetected]);
        assert_eq!(settle(std::slice::from_ref(&open), &[ReuseDetected].into()), [ReuseDetected]);
        assert_eq!(settle(&[vec![CrashSafe, LiveSessionWorks]], &none), [CrashSafe]);
        assert_eq!(settle(&[vec![ReuseDetected, Fork], vec![Fork]], &none), [Fork, Fork]);
        assert_eq!(settle(&[vec![ReuseDetected, Fork]], &none), [ReuseDetected]);
    }
}
