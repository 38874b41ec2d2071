/// The known name that is nearest to a misspelt one, by the number of characters to change.
pub(super) fn nearest(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    known.min_by_key(|candidate| strsim::osa_distance(name, candidate))
}
