//! How a user proved who they are: the methods (RFC 8176), and how much they prove together (`OpenID` Connect Core §2).

use crate::kernel::named;

named! {
    /// One way to prove who one is, or what is known of such a proof. The names are those of RFC 8176 §2.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub enum AuthenticationMethod {
        /// The password.
        Password = "pwd",
        /// A code that is accepted once: of an authenticator app, or a recovery code.
        Code = "otp",
        /// The possession of a key: a passkey or a security key has signed.
        Key = "pop",
        /// Another provider vouches for the user. Not a name of RFC 8176.
        Federated = "fed",
        /// More than one factor.
        SeveralFactors = "mfa",
    }
}

named! {
    /// How much a proof of identity proves: `acr`. In ascending order.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub enum AuthenticationLevel {
        /// One factor.
        OneFactor = "urn:heirloom:acr:1",
        /// Two factors.
        TwoFactors = "urn:heirloom:acr:2",
        /// A passkey that has verified its user: two factors, and no other site can pass the proof on (`OpenID` Connect
        /// EAP ACR Values 1.0 §2).
        PhishingResistant = "phr",
    }
}

/// What a user proves in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProvenBy {
    /// The password.
    Password,
    /// A code of an authenticator app, or a recovery code.
    Code,
    /// A passkey or security key whose user was present.
    Key,
    /// A passkey that has verified its user, by PIN or biometrics: two factors in one.
    VerifiedKey,
    /// A sign-in at another provider. What it asked there is not known: one factor.
    Provider,
}

named! {
    /// What a user can prove who they are with. The names are those of the members of the request to step up, but for
    /// [`StepUpMethod::Provider`].
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum StepUpMethod {
        /// The password.
        Password = "password",
        /// A code of an authenticator app.
        Totp = "totp",
        /// A passkey.
        Passkey = "passkey",
        /// A recovery code.
        RecoveryCode = "recovery_code",
        /// A new sign-in with another provider.
        Provider = "provider",
    }
}

/// What a user can prove who they are with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts")]
pub struct CredentialKinds {
    /// Whether there is a password.
    pub has_password: bool,
    /// Whether an authenticator app is set up.
    pub has_totp: bool,
    /// Whether there is a passkey that can be used.
    pub has_passkey: bool,
    /// Whether an identity of a provider opens the account.
    pub has_identity: bool,
}

/// What makes a user's session fresh: with what they can prove who they are, and how much that has to prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provable {
    methods: Vec<StepUpMethod>,
    levels: Vec<AuthenticationLevel>,
}

impl Provable {
    /// By what a user has. With a second factor, nothing less will do. Nothing at all: only an email helps.
    #[must_use]
    pub fn by(credentials: CredentialKinds, needs_second_factor: bool) -> Self {
        let CredentialKinds { has_password, has_totp, has_passkey, has_identity } = credentials;
        if needs_second_factor {
            return Self::by_factors(has_totp, has_passkey);
        }
        let methods = [has_password.then_some(StepUpMethod::Password), has_identity.then_some(StepUpMethod::Provider)];
        Self { methods: methods.into_iter().flatten().collect(), levels: vec![AuthenticationLevel::OneFactor] }
    }

    fn by_factors(has_totp: bool, has_passkey: bool) -> Self {
        let methods = [
            has_totp.then_some(StepUpMethod::Totp),
            has_passkey.then_some(StepUpMethod::Passkey),
            Some(StepUpMethod::RecoveryCode),
        ];
        let levels =
            [Some(AuthenticationLevel::TwoFactors), has_passkey.then_some(AuthenticationLevel::PhishingResistant)];
        Self { methods: methods.into_iter().flatten().collect(), levels: levels.into_iter().flatten().collect() }
    }

    /// The names of the methods: any one of them will do.
    #[must_use]
    pub fn methods(&self) -> Vec<&'static str> {
        self.methods.iter().map(|method| method.name()).collect()
    }

    /// `acr_values`: which levels will do, separated by spaces (RFC 9470 §3).
    #[must_use]
    pub fn acr_values(&self) -> String {
        self.levels.iter().map(|level| level.name()).collect::<Vec<_>>().join(" ")
    }
}

/// The methods of a proof of identity: `amr`, in a fixed order, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthenticationMethods(Vec<AuthenticationMethod>);

impl AuthenticationMethods {
    /// What one step proves by itself.
    #[must_use]
    pub fn of(proven: ProvenBy) -> Self {
        Self::default().and(proven)
    }

    /// The methods of these names. An unknown one, which a later version may have written, is left out: it proves nothing.
    #[must_use]
    pub fn from_names<Name: AsRef<str>>(names: &[Name]) -> Self {
        Self::sorted(names.iter().filter_map(|name| AuthenticationMethod::from_name(name.as_ref())).collect())
    }

    /// These, and one more step of the same sign-in.
    #[must_use]
    pub fn and(&self, proven: ProvenBy) -> Self {
        let mut methods = self.0.clone();
        methods.push(match proven {
            ProvenBy::Password => AuthenticationMethod::Password,
            ProvenBy::Code => AuthenticationMethod::Code,
            ProvenBy::Key | ProvenBy::VerifiedKey => AuthenticationMethod::Key,
            ProvenBy::Provider => AuthenticationMethod::Federated,
        });
        let has = |method| methods.contains(&method);
        let has_possession = has(AuthenticationMethod::Code) || has(AuthenticationMethod::Key);
        let has_first = has(AuthenticationMethod::Password) || has(AuthenticationMethod::Federated);
        if proven == ProvenBy::VerifiedKey || has_first && has_possession {
            methods.push(AuthenticationMethod::SeveralFactors);
        }
        Self::sorted(methods)
    }

    /// Whether the password is one of them.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.has(AuthenticationMethod::Password)
    }

    /// What a session has after a step-up: only what was proven now counts. A code or a key is a second factor beside the
    /// password, or the verified passkey, that the session began with; a password alone is one factor, even in a session that
    /// had two.
    #[must_use]
    pub fn stepped_up(&self, proven: ProvenBy) -> Self {
        let began_with_password = self.has_password();
        let began_at_provider = self.has(AuthenticationMethod::Federated);
        let began_with_passkey = self.has(AuthenticationMethod::Key) && self.has(AuthenticationMethod::SeveralFactors);
        match proven {
            ProvenBy::Code | ProvenBy::Key if began_with_password => Self::of(ProvenBy::Password).and(proven),
            ProvenBy::Code | ProvenBy::Key if began_at_provider => Self::of(ProvenBy::Provider).and(proven),
            ProvenBy::Code if began_with_passkey => Self::of(ProvenBy::VerifiedKey).and(proven),
            ProvenBy::Password | ProvenBy::Code | ProvenBy::Key | ProvenBy::VerifiedKey | ProvenBy::Provider => {
                Self::of(proven)
            }
        }
    }

    /// How much they prove: `acr`. Beside a password or a code, a key may have been a second factor only.
    #[must_use]
    pub fn level(&self) -> AuthenticationLevel {
        if !self.has(AuthenticationMethod::SeveralFactors) {
            return AuthenticationLevel::OneFactor;
        }
        let beside = [AuthenticationMethod::Password, AuthenticationMethod::Code, AuthenticationMethod::Federated];
        if beside.into_iter().any(|method| self.has(method)) {
            return AuthenticationLevel::TwoFactors;
        }
        if self.has(AuthenticationMethod::Key) {
            AuthenticationLevel::PhishingResistant
        } else {
            AuthenticationLevel::TwoFactors
        }
    }

    fn has(&self, method: AuthenticationMethod) -> bool {
        self.0.contains(&method)
    }

    /// `acr`, as access tokens state it.
    #[must_use]
    pub fn acr(&self) -> &'static str {
        self.level().name()
    }

    /// `amr`, as the database and access tokens state it.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|method| method.name()).collect()
    }

    fn sorted(mut methods: Vec<AuthenticationMethod>) -> Self {
        methods.sort_unstable();
        methods.dedup();
        Self(methods)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "urn:heirloom:acr:1";
    const TWO: &str = "urn:heirloom:acr:2";
    const PASSKEY: &str = "phr";

    #[track_caller]
    fn expect(methods: &AuthenticationMethods, acr: &str, amr: &[&str]) {
        assert_eq!((methods.acr(), &*methods.names()), (acr, amr));
    }

    #[test]
    fn the_steps_of_a_sign_in_add_up() {
        for (steps, acr, amr) in [
            (&[][..], ONE, &[][..]),
            (&[ProvenBy::Password], ONE, &["pwd"]),
            (&[ProvenBy::Code], ONE, &["otp"]),
            (&[ProvenBy::Password, ProvenBy::Password], ONE, &["pwd"]),
            (&[ProvenBy::Password, ProvenBy::Code], TWO, &["pwd", "otp", "mfa"]),
            (&[ProvenBy::Code, ProvenBy::Password], TWO, &["pwd", "otp", "mfa"]),
            (&[ProvenBy::Key], ONE, &["pop"]),
            (&[ProvenBy::VerifiedKey], PASSKEY, &["pop", "mfa"]),
            (&[ProvenBy::Code, ProvenBy::Key], ONE, &["otp", "pop"]),
            (&[ProvenBy::Password, ProvenBy::Key], TWO, &["pwd", "pop", "mfa"]),
            (&[ProvenBy::Password, ProvenBy::VerifiedKey], TWO, &["pwd", "pop", "mfa"]),
            (&[ProvenBy::Provider], ONE, &["fed"]),
            (&[ProvenBy::Password, ProvenBy::Provider], ONE, &["pwd", "fed"]),
            (&[ProvenBy::Provider, ProvenBy::Code], TWO, &["otp", "fed", "mfa"]),
            (&[ProvenBy::Provider, ProvenBy::Key], TWO, &["pop", "fed", "mfa"]),
        ] {
            let methods = steps.iter().fold(AuthenticationMethods::default(), |all, step| all.and(*step));
            expect(&methods, acr, amr);
        }
    }

    /// S-85.
    #[test]
    fn a_step_up_counts_what_was_proven_now() {
        let began =
            |steps: &[ProvenBy]| steps.iter().fold(AuthenticationMethods::default(), |all, step| all.and(*step));
        for (before, step, acr, amr) in [
            (&[ProvenBy::Password][..], ProvenBy::Password, ONE, &["pwd"][..]),
            (&[ProvenBy::Password, ProvenBy::Code], ProvenBy::Password, ONE, &["pwd"]),
            (&[ProvenBy::Password], ProvenBy::Code, TWO, &["pwd", "otp", "mfa"]),
            (&[ProvenBy::Password, ProvenBy::Code], ProvenBy::Key, TWO, &["pwd", "pop", "mfa"]),
            (&[ProvenBy::Password], ProvenBy::VerifiedKey, PASSKEY, &["pop", "mfa"]),
            (&[ProvenBy::VerifiedKey], ProvenBy::Code, TWO, &["otp", "pop", "mfa"]),
            (&[ProvenBy::VerifiedKey], ProvenBy::Key, ONE, &["pop"]),
            (&[ProvenBy::VerifiedKey], ProvenBy::Password, ONE, &["pwd"]),
            (&[ProvenBy::Provider], ProvenBy::Code, TWO, &["otp", "fed", "mfa"]),
            (&[ProvenBy::Provider], ProvenBy::Password, ONE, &["pwd"]),
        ] {
            expect(&began(before).stepped_up(step), acr, amr);
        }
    }

    /// S-84, U-46.
    #[test]
    fn what_a_user_does_not_have_is_not_offered() {
        let has = |letters: &str| CredentialKinds {
            has_password: letters.contains('p'),
            has_totp: letters.contains('t'),
            has_passkey: letters.contains('k'),
            has_identity: letters.contains('i'),
        };
        for (credentials, needs_second_factor, methods, levels) in [
            ("p", false, &["password"][..], ONE),
            ("i", false, &["provider"], ONE),
            ("pi", false, &["password", "provider"], ONE),
            ("", false, &[], ONE),
            ("t", true, &["totp", "recovery_code"], TWO),
            ("pi", true, &["recovery_code"], TWO),
            ("itk", true, &["totp", "passkey", "recovery_code"], "urn:heirloom:acr:2 phr"),
        ] {
            let provable = Provable::by(has(credentials), needs_second_factor);
            assert_eq!((&*provable.methods(), &*provable.acr_values()), (methods, levels), "{credentials}");
        }
    }

    #[test]
    fn names_are_read_back_in_order_and_unknown_ones_prove_nothing() {
        for methods in [
            AuthenticationMethods::default(),
            AuthenticationMethods::of(ProvenBy::Password),
            AuthenticationMethods::of(ProvenBy::Password).and(ProvenBy::Code),
            AuthenticationMethods::of(ProvenBy::VerifiedKey),
        ] {
            assert_eq!(AuthenticationMethods::from_names(&methods.names()), methods);
        }
        expect(&AuthenticationMethods::from_names(&["mfa", "otp", "pwd", "otp"]), TWO, &["pwd", "otp", "mfa"]);
        expect(&AuthenticationMethods::from_names(&["PWD", "face", ""]), ONE, &[]);
    }

    #[test]
    fn levels_are_ordered() {
        let levels = AuthenticationLevel::ALL;
        assert!(levels.is_sorted() && levels.map(AuthenticationLevel::name) == [ONE, TWO, PASSKEY]);
    }
}
