//! What a signed-in user does who types the password with it: that is one factor. Who has a second one has presented it, too.

mod extract;

pub use extract::Confirmed;
