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
        /// A key in hardware.
        HardwareKey = "hwk",
        /// A key in software, such as one that is kept by a password manager.
        SoftwareKey = "swk",
        /// The key verified its user, by a PIN or a fingerprint: a touch alone is not enough for it.
        UserVerified = "user",
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
        /// A key that verified its user: two factors that a phishing page cannot take (`OpenID` EAP ACR Values §4).
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
    /// A key.
    Key {
        /// Whether it is kept in hardware.
        in_hardware: bool,
        /// Whether it verified its user.
        verified_user: bool,
    },
}

/// The methods of a proof of identity: `amr`, in a fixed order, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthenticationMethods(Vec<AuthenticationMethod>);

impl AuthenticationMethods {
    /// What one step proves by itself. A key that verified its user is two factors: having it, and the PIN or the fingerprint.
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
        match proven {
            ProvenBy::Password => methods.push(AuthenticationMethod::Password),
            ProvenBy::Code => methods.push(AuthenticationMethod::Code),
            ProvenBy::Key { in_hardware, verified_user } => {
                let hardware = AuthenticationMethod::HardwareKey;
                methods.push(if in_hardware { hardware } else { AuthenticationMethod::SoftwareKey });
                if verified_user {
                    methods.extend([AuthenticationMethod::UserVerified, AuthenticationMethod::SeveralFactors]);
                }
            }
        }
        let has = |method| methods.contains(&method);
        let has_key = has(AuthenticationMethod::HardwareKey) || has(AuthenticationMethod::SoftwareKey);
        let kinds = [has(AuthenticationMethod::Password), has(AuthenticationMethod::Code), has_key];
        if kinds.into_iter().filter(|has| *has).count() > 1 {
            methods.push(AuthenticationMethod::SeveralFactors);
        }
        Self::sorted(methods)
    }

    /// What a session has after a step-up: only what was proven now counts. A code or a key is a second factor beside what the
    /// session began with; a password alone is one factor, even in a session that had two.
    #[must_use]
    pub fn stepped_up(&self, proven: ProvenBy) -> Self {
        let mut next = Self::of(proven);
        if proven == ProvenBy::Password {
            return next;
        }
        if self.0.contains(&AuthenticationMethod::Password) {
            next.0.push(AuthenticationMethod::Password);
        }
        next.0.push(AuthenticationMethod::SeveralFactors);
        Self::sorted(next.0)
    }

    /// How much they prove: `acr`.
    #[must_use]
    pub fn level(&self) -> AuthenticationLevel {
        let has = |method| self.0.contains(&method);
        let has_key = has(AuthenticationMethod::HardwareKey) || has(AuthenticationMethod::SoftwareKey);
        if has_key && has(AuthenticationMethod::UserVerified) {
            AuthenticationLevel::PhishingResistant
        } else if has(AuthenticationMethod::SeveralFactors) {
            AuthenticationLevel::TwoFactors
        } else {
            AuthenticationLevel::OneFactor
        }
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

    const TOUCHED: ProvenBy = ProvenBy::Key { in_hardware: true, verified_user: false };
    const VERIFIED: ProvenBy = ProvenBy::Key { in_hardware: false, verified_user: true };
    const ONE: &str = "urn:heirloom:acr:1";
    const TWO: &str = "urn:heirloom:acr:2";

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
            (&[TOUCHED], ONE, &["hwk"]),
            (&[VERIFIED], "phr", &["swk", "user", "mfa"]),
            (&[ProvenBy::Password, ProvenBy::Password], ONE, &["pwd"]),
            (&[ProvenBy::Password, ProvenBy::Code], TWO, &["pwd", "otp", "mfa"]),
            (&[ProvenBy::Code, ProvenBy::Password], TWO, &["pwd", "otp", "mfa"]),
            (&[ProvenBy::Password, TOUCHED], TWO, &["pwd", "hwk", "mfa"]),
            (&[ProvenBy::Password, VERIFIED], "phr", &["pwd", "swk", "user", "mfa"]),
            // Two keys are one kind of factor.
            (&[TOUCHED, ProvenBy::Key { in_hardware: false, verified_user: false }], ONE, &["hwk", "swk"]),
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
            (&[VERIFIED], ProvenBy::Password, ONE, &["pwd"]),
            (&[ProvenBy::Password], ProvenBy::Code, TWO, &["pwd", "otp", "mfa"]),
            (&[ProvenBy::Password], TOUCHED, TWO, &["pwd", "hwk", "mfa"]),
            (&[ProvenBy::Password], VERIFIED, "phr", &["pwd", "swk", "user", "mfa"]),
            // A passkey's session: a code is a second factor beside it, but no longer proof against phishing.
            (&[VERIFIED], ProvenBy::Code, TWO, &["otp", "mfa"]),
            (&[VERIFIED], TOUCHED, TWO, &["hwk", "mfa"]),
            (&[VERIFIED], VERIFIED, "phr", &["swk", "user", "mfa"]),
        ] {
            expect(&began(before).stepped_up(step), acr, amr);
        }
    }

    #[test]
    fn names_are_read_back_in_order_and_unknown_ones_prove_nothing() {
        for methods in [
            AuthenticationMethods::default(),
            AuthenticationMethods::of(ProvenBy::Password),
            AuthenticationMethods::of(VERIFIED),
            AuthenticationMethods::of(ProvenBy::Password).and(ProvenBy::Code),
        ] {
            assert_eq!(AuthenticationMethods::from_names(&methods.names()), methods);
        }
        expect(&AuthenticationMethods::from_names(&["mfa", "otp", "pwd", "otp"]), TWO, &["pwd", "otp", "mfa"]);
        expect(&AuthenticationMethods::from_names(&["PWD", "face", ""]), ONE, &[]);
        // Only a key can be proof against phishing.
        expect(&AuthenticationMethods::from_names(&["user", "pwd"]), ONE, &["pwd", "user"]);
    }

    #[test]
    fn levels_are_ordered() {
        let levels = AuthenticationLevel::ALL;
        assert!(levels.is_sorted() && levels.map(AuthenticationLevel::name) == [ONE, TWO, "phr"]);
    }
}
