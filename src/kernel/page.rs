use uuid::Uuid;

/// The requested page: entries whose id comes after `after`, in the list's order.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest {
    /// The last id of the page before.
    pub after: Option<Uuid>,
    /// How many.
    pub limit: u32,
}

impl PageRequest {
    /// How many rows to ask the database for: one more than wanted tells whether there is a next page.
    #[must_use]
    pub fn rows(&self) -> i64 {
        i64::from(self.limit) + 1
    }
}
