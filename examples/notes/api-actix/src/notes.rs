use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use uuid::Uuid;

/// What a client sends.
#[derive(Deserialize)]
pub struct NewNote {
    text: String,
}

/// A note as clients see it.
#[derive(Clone, Serialize)]
pub struct Note {
    id: Uuid,
    text: String,
}

/// All notes, in memory, by the user's id: the `sub` of an access token.
#[derive(Default)]
pub struct Notes(Mutex<HashMap<String, Vec<Note>>>);

impl Notes {
    /// The notes of a user, newest first.
    pub fn of(&self, user: &str) -> Vec<Note> {
        self.with(user, |notes| notes.iter().rev().cloned().collect())
    }

    /// Adds a note; none where the text is empty or too long.
    pub fn add(&self, user: &str, NewNote { text }: NewNote) -> Option<Note> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > 500 {
            return None;
        }
        let note = Note { id: Uuid::new_v4(), text: text.to_owned() };
        self.with(user, |notes| notes.push(note.clone()));
        Some(note)
    }

    /// Whether the user had such a note.
    pub fn remove(&self, user: &str, id: Uuid) -> bool {
        self.with(user, |notes| {
            let before = notes.len();
            notes.retain(|note| note.id != id);
            notes.len() < before
        })
    }

    fn with<T>(&self, user: &str, work: impl FnOnce(&mut Vec<Note>) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(all.entry(user.to_owned()).or_default())
    }
}
