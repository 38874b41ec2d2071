//! Tokens that were never issued.

use super::super::{family::Family, kit::Stop, model::TokenNo, trial::Trial};

/// Letters of base64url, by value. Its neighbour 32 further differs in the highest of the six bits, the one that counts
/// in every place of a text, the last included.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Places of a token that are mangled at most: tokens that are JWTs can be long.
const PLACES: usize = 128;

/// Each mangled token is refused, and afterwards the genuine one rotates as before.
pub async fn forged(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    let family = Family::open(trial).await?;
    family.rotate(&mut rng).await?;
    let text = family.text(family.newest());
    if present(&family, forgeries(&text, &mut rng), "the newest token").await? {
        return family.close().await;
    }
    family.rotate(&mut rng).await?;
    if trial.needs_rotation().is_ok() {
        // A mangled stale token is not a replay.
        let stale = forgeries(&family.text(TokenNo(0)), &mut rng).into_iter().rev().take(24).collect();
        present(&family, stale, "a stale token").await?;
        family.rotate(&mut rng).await?;
    }
    family.close().await
}

/// Presents one after another. Returns whether one was accepted.
async fn present(family: &Family<'_>, forgeries: Vec<(String, String)>, whose: &str) -> Result<bool, Stop> {
    for (what, forgery) in forgeries {
        if family.refresh_forged(forgery, format!("{whose} {what}")).await?.issued().is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Each with what was done to it.
fn forgeries(text: &str, rng: &mut fastrand::Rng) -> Vec<(String, String)> {
    let letters: Vec<char> = text.chars().collect();
    let mut places: Vec<usize> = (0..letters.len()).collect();
    // The end, where a signature stands, is always among them.
    let (head, tail) = places.split_at_mut(letters.len().saturating_sub(PLACES / 2));
    rng.shuffle(head);
    let mut chosen: Vec<usize> = tail.iter().chain(head.iter()).copied().take(PLACES).collect();
    chosen.sort_unstable();
    let mangled = chosen.into_iter().map(|place| {
        let other = letters.iter().enumerate().map(|(at, letter)| if at == place { other(*letter) } else { *letter });
        (format!("whose character {place} was changed"), other.collect::<String>())
    });
    let all_but_last: String = letters.iter().take(letters.len().saturating_sub(1)).collect();
    let whole = [
        ("cut short by a character".to_owned(), all_but_last),
        ("with a character more".to_owned(), format!("{text}A")),
        ("written twice".to_owned(), format!("{text}{text}")),
        ("that is empty".to_owned(), String::new()),
    ];
    mangled.chain(whole).collect()
}

fn other(letter: char) -> char {
    let place = LETTERS.iter().position(|known| char::from(*known) == letter);
    let neighbour = place.and_then(|place| LETTERS.get(place ^ 32));
    neighbour.map_or('A', |letter| char::from(*letter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_place_is_mangled_once_and_nothing_is_left_as_it_was() {
        let mut rng = fastrand::Rng::with_seed(1);
        let text = "hrt_Ad8B.-_0";
        let forged: BTreeSet<_> = forgeries(text, &mut rng).into_iter().map(|(_, forged)| forged).collect();
        assert_eq!(forged.len(), text.len() + 4);
        assert!(!forged.contains(text));
        let long = "x".repeat(2000);
        assert_eq!(forgeries(&long, &mut rng).len(), PLACES + 4);
    }

    #[test]
    fn the_highest_bit_of_a_letter_is_changed() {
        for (letter, changed) in [('A', 'g'), ('g', 'A'), ('_', 'f'), ('.', 'A')] {
            assert_eq!(other(letter), changed);
        }
    }
}
