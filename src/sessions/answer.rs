//! What a client is handed whose session was opened or rotated: tokens in the body, cookies.

mod api;

pub use api::{
    NewTotpAnswer, TokenAnswer, add_cookies, cookies_of_sign_in, redirect_signed_in, token_answer, tokens_of_enrolment,
    tokens_of_sign_in,
};
