use crate::kernel::named;

named! {
    /// A provider whose facts are built in, or a protocol.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Preset {
        /// Apple.
        Apple = "apple",
        /// GitHub.
        Github = "github",
        /// Google.
        Google = "google",
        /// Kakao.
        Kakao = "kakao",
        /// Microsoft.
        Microsoft = "microsoft",
        /// Naver.
        Naver = "naver",
        /// Any provider of plain OAuth 2.0.
        OAuth2 = "oauth2",
        /// Any `OpenID` provider.
        Oidc = "oidc",
    }
}
