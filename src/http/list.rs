use super::Problem;
use crate::kernel::{MasterKeys, PageRequest};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use uuid::Uuid;

/// Default number of entries per page.
const DEFAULT_LIMIT: u32 = 50;
/// The most entries of one page.
const MAX_LIMIT: u32 = 200;
/// Bytes of a cursor's tag.
const TAG: usize = 16;

/// One page of a list, the form of every list in the API.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Listed<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page begins; null on the last page.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

/// Makes and reads cursors: an id and a tag over it and the list's name, so that a cursor that is not ours, or that
/// belongs to another list, is refused.
#[derive(Clone)]
pub struct Cursors(hmac::Key);

impl Cursors {
    /// Cursors under a key derived from the master key.
    #[must_use]
    pub fn new(keys: &MasterKeys) -> Self {
        let key = keys.current.derive("heirloom/cursor/v1");
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()))
    }

    /// Reads what a client asked for.
    ///
    /// # Errors
    /// 422 when the limit is not 1 to 200 or the cursor is not one of this list's.
    pub fn request(&self, list: &str, cursor: Option<&str>, limit: Option<u32>) -> Result<PageRequest, Problem> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Problem::field("limit", "out_of_range", format!("must be from 1 to {MAX_LIMIT}")));
        }
        let not_ours = || Problem::field("cursor", "invalid", "is not a cursor of this list");
        let after = cursor.map(|text| self.read(list, text).ok_or_else(not_ours)).transpose()?;
        Ok(PageRequest { after, limit })
    }

    /// Makes a page of the rows that [`PageRequest::rows`] asked for.
    pub fn page<T>(&self, list: &str, wanted: PageRequest, mut rows: Vec<T>, id: impl Fn(&T) -> Uuid) -> Listed<T> {
        let limit = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|last| self.write(list, id(last)));
        Listed { items: rows, next_cursor }
    }

    fn write(&self, list: &str, id: Uuid) -> String {
        let tag = hmac::sign(&self.0, &signed(list, id));
        let tag = tag.as_ref().iter().take(TAG);
        URL_SAFE_NO_PAD.encode(id.as_bytes().iter().chain(tag).copied().collect::<Vec<_>>())
    }

    fn read(&self, list: &str, text: &str) -> Option<Uuid> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (id, _tag) = bytes.split_at_checked(16)?;
        let id = Uuid::from_slice(id).ok()?;
        aws_lc_rs::constant_time::verify_slices_are_equal(self.write(list, id).as_bytes(), text.as_bytes()).ok()?;
        Some(id)
    }
}

fn signed(list: &str, id: Uuid) -> Vec<u8> {
    [list.as_bytes(), b"/", id.as_bytes()].concat()
}

impl std::fmt::Debug for Cursors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cursors")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::MasterKey;
    use std::sync::Arc;

    fn cursors() -> Cursors {
        Cursors::new(&MasterKeys { current: Arc::new(MasterKey::from_bytes([3; 32])), previous: Arc::new([]) })
    }

    ///
    #[test]
    fn a_cursor_leads_on_in_its_own_list_only() {
        let (cursors, id) = (cursors(), Uuid::from_u128(42));
        let text = cursors.write("users", id);
        assert_eq!(cursors.request("users", Some(&text), None).map(|page| page.after).ok(), Some(Some(id)));
        assert!(cursors.request("sessions", Some(&text), None).is_err());
        assert!(cursors.request("users", Some("AAAA"), None).is_err());
        assert!(cursors.request("users", Some(&text), Some(0)).is_err());
        assert!(cursors.request("users", None, Some(201)).is_err());
    }

    #[test]
    fn the_last_page_leads_nowhere() {
        let cursors = cursors();
        let wanted = PageRequest { after: None, limit: 2 };
        let page = |rows: Vec<u128>| cursors.page("x", wanted, rows, |row| Uuid::from_u128(*row));
        assert!(page(vec![1, 2]).next_cursor.is_none());
        let more = page(vec![1, 2, 3]);
        assert_eq!(more.items, [1, 2]);
        assert!(more.next_cursor.is_some());
    }
}
