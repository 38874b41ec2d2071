use super::named;

named! {
    /// How a session's refresh token travels. A session keeps the way it began.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Transport {
        /// In an HttpOnly cookie: browsers.
        Cookie = "cookie",
        /// In JSON: API clients.
        Body = "body",
    }
}
