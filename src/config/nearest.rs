/// The known name that is nearest to a misspelt one, by the number of characters to change, in whatever case.
pub(super) fn nearest(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    known.min_by_key(|candidate| strsim::osa_distance(&name, &candidate.to_ascii_lowercase()))
}
