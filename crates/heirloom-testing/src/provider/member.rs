/// Who signs in at a provider.
#[derive(Debug, Clone)]
pub struct Member {
    /// Who they are there. GitHub's and Kakao's are numbers.
    pub subject: String,
    /// Microsoft's `tid`.
    pub tenant: String,
    /// Their address, if they have one and consent to its use.
    pub email: Option<String>,
    /// What the provider says of it.
    pub is_email_verified: bool,
    /// Their name.
    pub name: Option<String>,
}

impl Member {
    /// With an address that is verified.
    pub fn new(subject: &str, email: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            tenant: "9188040d-6c67-4c5b-b112-36a304b66dad".to_owned(),
            email: Some(email.to_owned()),
            is_email_verified: true,
            name: None,
        }
    }

    /// The same with an address that is not verified.
    pub fn unverified(self) -> Self {
        Self { is_email_verified: false, ..self }
    }

    /// The same without an address.
    pub fn without_email(self) -> Self {
        Self { email: None, ..self }
    }

    /// The same with a name.
    pub fn named(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }
}
