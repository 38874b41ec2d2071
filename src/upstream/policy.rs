//! What becomes of a user who comes from a provider: one pure function. No provider opens an account that its owner did not
//! connect, or whose address it did not prove to an account without another owner (ASVS 6.8.1).

use crate::{config::RegistrationPolicy, identity::EmailAddress, kernel::UserId};

/// What the provider says of the user's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssertedAddress {
    /// Nothing.
    None,
    /// An address that the user may have typed there, or of a provider whose word on addresses does not count.
    Unproven(EmailAddress),
    /// An address that the user reads, by a provider whose word on addresses counts.
    Proven(EmailAddress),
}

/// The account with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountOfAddress {
    /// Whose.
    pub user: UserId,
    /// Whether the account's owner has shown to read the address.
    pub is_verified: bool,
}

/// The account that an identity is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountOfIdentity {
    /// Whose.
    pub user: UserId,
    /// Whether an administrator has blocked it.
    pub is_blocked: bool,
}

/// Why the user was sent to the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// To sign in, or to register.
    SignIn,
    /// To connect the identity to the account in whose fresh session it was begun.
    Connect(UserId),
}

/// What is known when the user comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Situation {
    /// What was begun.
    pub aim: Aim,
    /// The account that has this identity.
    pub identity: Option<AccountOfIdentity>,
    /// The identity of the same provider that the account of [`Aim::Connect`] has already, if it is another one.
    pub has_another: bool,
    /// What the provider says.
    pub address: AssertedAddress,
    /// The account with the address, proven or not.
    pub account: Option<AccountOfAddress>,
    /// Who may register.
    pub registration: RegistrationPolicy,
    /// Whether accounts without an address are allowed.
    pub allows_no_email: bool,
}

/// What becomes of the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Signs in to the account, after our second factor.
    SignIn(UserId),
    /// The account is blocked.
    Blocked(UserId),
    /// Gets an account with this address, which is verified.
    Register(EmailAddress),
    /// Gets an account without an address.
    RegisterWithoutAddress,
    /// Would get an account, but strangers may not register.
    RegistrationClosed,
    /// Has an account with this verified address, and connects the identity after a sign-in there. Never silently.
    ConnectAfterSignIn(EmailAddress),
    /// An account has this address, and its owner never showed to read it: who confirms the email takes it over.
    ConfirmByEmail(EmailAddress),
    /// Types an address, and confirms it by email.
    AskAddress,
    /// The identity is connected to the account.
    Connect(UserId),
    /// It was already.
    Connected,
    /// Another account has the identity.
    IdentityTaken,
    /// The account is connected to another identity of the provider.
    AnotherConnected,
}

/// Decides.
#[must_use]
pub fn decide(situation: &Situation) -> Decision {
    match (situation.aim, situation.identity) {
        (Aim::Connect(user), Some(known)) if known.user == user => Decision::Connected,
        (Aim::Connect(_), Some(_)) => Decision::IdentityTaken,
        (Aim::Connect(_), None) if situation.has_another => Decision::AnotherConnected,
        (Aim::Connect(user), None) => Decision::Connect(user),
        (Aim::SignIn, Some(known)) if known.is_blocked => Decision::Blocked(known.user),
        (Aim::SignIn, Some(known)) => Decision::SignIn(known.user),
        (Aim::SignIn, None) => newcomer(situation),
    }
}

/// One whose identity no account has.
fn newcomer(situation: &Situation) -> Decision {
    let may_register = situation.registration == RegistrationPolicy::Open;
    match (&situation.address, situation.account) {
        (AssertedAddress::Proven(email), Some(account)) if account.is_verified => {
            Decision::ConnectAfterSignIn(email.clone())
        }
        (AssertedAddress::Proven(email), Some(_)) => Decision::ConfirmByEmail(email.clone()),
        // What is said of an unproven address must not depend on whether a user has it.
        _ if !may_register => Decision::RegistrationClosed,
        (AssertedAddress::Proven(email), None) => Decision::Register(email.clone()),
        (AssertedAddress::Unproven(_) | AssertedAddress::None, _) if situation.allows_no_email => {
            Decision::RegisterWithoutAddress
        }
        (AssertedAddress::Unproven(_) | AssertedAddress::None, _) => Decision::AskAddress,
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail loudly"
)]
mod tests {
    use super::{AccountOfAddress, AccountOfIdentity, Aim, AssertedAddress, Decision, Situation, decide};
    use crate::{
        config::RegistrationPolicy::{self, Closed, Invite, Open},
        identity::EmailAddress,
        kernel::UserId,
    };
    use uuid::Uuid;

    fn owner() -> UserId {
        UserId::from(Uuid::from_u128(1))
    }

    fn mallory() -> UserId {
        UserId::from(Uuid::from_u128(2))
    }

    /// What the provider says of `alice@example.com`.
    #[derive(Debug, Clone, Copy)]
    enum Says {
        Nothing,
        Unproven,
        Proven,
    }
    use Says::{Nothing, Proven, Unproven};

    /// Whose account has the address.
    #[derive(Debug, Clone, Copy)]
    enum Account {
        Nobodys,
        Verified,
        Unverified,
    }
    use Account::{Nobodys, Unverified, Verified};

    fn alice() -> EmailAddress {
        EmailAddress::parse("alice@example.com").unwrap()
    }

    fn newcomer(says: Says, account: Account, registration: RegistrationPolicy, allows_no_email: bool) -> Decision {
        let of_alice = |is_verified| Some(AccountOfAddress { user: owner(), is_verified });
        decide(&Situation {
            aim: Aim::SignIn,
            identity: None,
            has_another: false,
            address: match says {
                Nothing => AssertedAddress::None,
                Unproven => AssertedAddress::Unproven(alice()),
                Proven => AssertedAddress::Proven(alice()),
            },
            account: match account {
                Nobodys => None,
                Verified => of_alice(true),
                Unverified => of_alice(false),
            },
            registration,
            allows_no_email,
        })
    }

    #[test]
    fn an_unknown_identity_opens_no_account_that_has_an_owner() {
        let (register, ask) = (|| Decision::Register(alice()), || Decision::AskAddress);
        let (connect, confirm) = (|| Decision::ConnectAfterSignIn(alice()), || Decision::ConfirmByEmail(alice()));
        let (closed, nameless) = (|| Decision::RegistrationClosed, || Decision::RegisterWithoutAddress);
        let table = [
            (Proven, Nobodys, six([register(), closed(), closed(), register(), closed(), closed()])),
            (Proven, Verified, six([connect(), connect(), connect(), connect(), connect(), connect()])),
            (Proven, Unverified, six([confirm(), confirm(), confirm(), confirm(), confirm(), confirm()])),
            (Unproven, Nobodys, six([ask(), closed(), closed(), nameless(), closed(), closed()])),
            (Unproven, Verified, six([ask(), closed(), closed(), nameless(), closed(), closed()])),
            (Unproven, Unverified, six([ask(), closed(), closed(), nameless(), closed(), closed()])),
            (Nothing, Nobodys, six([ask(), closed(), closed(), nameless(), closed(), closed()])),
        ];
        for (says, account, cases) in table {
            for (registration, allows_no_email, expected) in cases {
                let decided = newcomer(says, account, registration, allows_no_email);
                assert_eq!(decided, expected, "{says:?}, {account:?}, {registration:?}, {allows_no_email}");
            }
        }
    }

    /// For registration open, by invitation, closed; then the same where accounts without an address are allowed.
    fn six(decisions: [Decision; 6]) -> [(RegistrationPolicy, bool, Decision); 6] {
        let circumstances =
            [(Open, false), (Invite, false), (Closed, false), (Open, true), (Invite, true), (Closed, true)];
        let mut circumstances = circumstances.into_iter();
        decisions.map(|decision| {
            let (registration, allows_no_email) = circumstances.next().unwrap();
            (registration, allows_no_email, decision)
        })
    }

    #[test]
    fn a_known_identity_opens_its_account_whatever_the_provider_says_of_the_address() {
        for address in [AssertedAddress::None, AssertedAddress::Unproven(alice()), AssertedAddress::Proven(alice())] {
            for account in [None, Some(AccountOfAddress { user: mallory(), is_verified: true })] {
                for (registration, is_blocked) in [(Open, false), (Closed, false), (Open, true), (Closed, true)] {
                    let decided = decide(&Situation {
                        aim: Aim::SignIn,
                        identity: Some(AccountOfIdentity { user: owner(), is_blocked }),
                        has_another: false,
                        address: address.clone(),
                        account,
                        registration,
                        allows_no_email: false,
                    });
                    let expected = if is_blocked { Decision::Blocked(owner()) } else { Decision::SignIn(owner()) };
                    assert_eq!(decided, expected, "{address:?}, {account:?}, {registration:?}");
                }
            }
        }
    }

    #[test]
    fn an_identity_is_connected_to_the_account_of_the_session_and_to_no_other() {
        let connecting = |identity: Option<UserId>, has_another| {
            decide(&Situation {
                aim: Aim::Connect(owner()),
                identity: identity.map(|user| AccountOfIdentity { user, is_blocked: false }),
                has_another,
                // The address of another user's account: of no account when connecting.
                address: AssertedAddress::Proven(alice()),
                account: Some(AccountOfAddress { user: mallory(), is_verified: true }),
                registration: Closed,
                allows_no_email: false,
            })
        };
        assert_eq!(connecting(None, false), Decision::Connect(owner()));
        assert_eq!(connecting(None, true), Decision::AnotherConnected);
        assert_eq!(connecting(Some(owner()), false), Decision::Connected);
        assert_eq!(connecting(Some(mallory()), false), Decision::IdentityTaken);
        assert_eq!(connecting(Some(mallory()), true), Decision::IdentityTaken);
    }
}
