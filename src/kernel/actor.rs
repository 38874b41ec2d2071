use super::{UserId, named};
use serde::Serialize;
use utoipa::ToSchema;

/// Who does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// An authenticated user: by a password, a token or a link that only they have.
    User(UserId),
    /// Someone at the command line.
    Operator,
    /// The server itself, without a request.
    Server,
    /// A client that has proved nothing.
    Anonymous,
}

named! {
    /// What an actor is, apart from which user.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
    #[serde(rename_all = "snake_case")]
    pub enum ActorKind {
        /// An authenticated user.
        User = "user",
        /// Someone at the command line.
        Operator = "operator",
        /// The server itself.
        Server = "server",
        /// A client that has proved nothing.
        Anonymous = "anonymous",
    }
}

impl Actor {
    /// The user, if it is one.
    #[must_use]
    pub fn user(self) -> Option<UserId> {
        match self {
            Self::User(user) => Some(user),
            Self::Operator | Self::Server | Self::Anonymous => None,
        }
    }

    /// What it is.
    #[must_use]
    pub fn kind(self) -> ActorKind {
        match self {
            Self::User(_) => ActorKind::User,
            Self::Operator => ActorKind::Operator,
            Self::Server => ActorKind::Server,
            Self::Anonymous => ActorKind::Anonymous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_back_by_the_name_it_is_serialized_with() {
        for kind in ActorKind::ALL {
            assert_eq!(ActorKind::from_name(kind.name()), Some(kind));
            assert_eq!(serde_json::to_value(kind).ok(), Some(kind.name().into()));
        }
        assert_eq!(ActorKind::from_name("root"), None);
    }
}
