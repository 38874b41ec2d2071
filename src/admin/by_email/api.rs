use crate::{
    admin::reads::find_user,
    http::{Cursors, FieldError, FromClient, Listed, PathId, Problem, Query, kind, paths},
    identity::{DisplayName, EmailAddress, Roles},
    kernel::{InvitationId, Moment, UserId},
    lifecycle::{self, Invitation, Inviting, Lifecycle, NewInvitation, too_many_emails},
    sessions::{Admin, After, Asked, Authority, FreshAuthority, Sessions},
    users::{Accounts, Refused},
};
use actix_web::{HttpResponse, web::Data};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

/// What these endpoints take and answer.
#[derive(OpenApi)]
#[openapi(paths(invite, list_invitations, show_invitation, revoke_invitation, send_reset))]
struct Described;

/// The description of these endpoints.
pub(crate) fn described() -> utoipa::openapi::OpenApi {
    Described::openapi()
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InviteRequest {
    /// The address of the new user.
    #[schema(format = "idn-email", example = "alice@example.com")]
    email: String,
    /// The display name, unless the user types another.
    #[schema(example = "Alice")]
    name: Option<String>,
    /// What the user may do from the start: at most 32 roles.
    #[schema(value_type = Option<Vec<crate::identity::Role>>)]
    roles: Option<Vec<String>>,
}

/// An invitation that can still be used.
#[derive(Serialize, ToSchema)]
#[schema(as = Invitation)]
pub(crate) struct InvitationView {
    id: InvitationId,
    /// The address that it was sent to.
    #[schema(example = "alice@example.com")]
    email: String,
    /// The display name that the account begins with.
    #[schema(required = true)]
    name: Option<String>,
    /// The roles that the account begins with.
    roles: Vec<String>,
    /// The administrator who invites; null: an operator.
    #[schema(required = true)]
    invited_by: Option<UserId>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Moment,
    /// When its link expires.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Moment,
}

/// An answer with one invitation.
#[derive(Serialize, ToSchema)]
pub(crate) struct InvitationAnswer {
    /// The invitation.
    invitation: InvitationView,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct InvitationsQuery {
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
    /// Maximum number of entries.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

#[utoipa::path(
    post,
    path = paths::ADMIN_USERS,
    tag = "admin",
    operation_id = "invite",
    summary = "Invite a user",
    description = "Sends an email. The account is created when its user follows the link and chooses a password. An invitation with roles needs a fresh session: signed in, or confirmed at `POST /api/v1/auth/step-up`, within the last ten minutes.",
    security(("bearer" = [])),
    request_body(content = InviteRequest, example = json!({ "email": "bob@example.com", "roles": ["editor"] })),
    responses((status = 202, body = InvitationAnswer, description = "The email follows")),
    extensions(("x-problems" = json!([kind::EMAIL_TAKEN.code, kind::STEP_UP_REQUIRED.code]))),
)]
pub(crate) async fn invite(
    Asked(admin, wanted): Asked<Admin, InviteRequest>,
    FromClient(client): FromClient,
    lifecycle: Data<Lifecycle>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let (new, roles) = wanted.parse()?;
    let gives_roles = roles.iter().next().is_some();
    let inviting = if gives_roles {
        // A stolen access token must not create another administrator.
        let fresh = sessions.require_fresh_admin(admin.clone()).await?;
        lifecycle.invite_with_roles(&FreshAuthority::of(&fresh, &client), new, roles).await?
    } else {
        lifecycle.invite(&Authority::of(&admin, &client), new).await?
    };
    match inviting {
        Inviting::Invited(invitation) => {
            Ok(HttpResponse::Accepted().json(InvitationAnswer { invitation: (*invitation).into() }))
        }
        Inviting::EmailTaken => Err(Problem::new(kind::EMAIL_TAKEN, "This address has an account.")),
        Inviting::Limited { wait, .. } => Err(too_many_emails(wait)),
        Inviting::NotFresh => Err(sessions.no_longer_admin(admin).await),
    }
}

impl InviteRequest {
    /// Parses every field and reports all errors at once.
    fn parse(self) -> Result<(NewInvitation, Roles), Problem> {
        let email = EmailAddress::parse(&self.email).map_err(|error| error.of("email"));
        let name = DisplayName::parse(self.name.as_deref().unwrap_or_default()).map_err(|error| error.of("name"));
        let roles = Roles::parse(self.roles.unwrap_or_default()).map_err(|error| error.of("roles"));
        match (email, name, roles) {
            (Ok(email), Ok(name), Ok(roles)) => Ok((NewInvitation { email, name }, roles)),
            (email, name, roles) => {
                let errors: Vec<FieldError> = [email.err(), name.err(), roles.err()].into_iter().flatten().collect();
                Err(Problem::fields(errors))
            }
        }
    }
}

#[utoipa::path(
    get,
    path = paths::ADMIN_INVITATIONS,
    tag = "admin",
    operation_id = "invitations",
    summary = "List open invitations",
    security(("bearer" = [])),
    params(InvitationsQuery),
    responses((status = 200, body = Listed<InvitationView>, description = "Newest first")),
)]
pub(crate) async fn list_invitations(
    After(admin, Query(query)): After<Admin, Query<InvitationsQuery>>,
    FromClient(client): FromClient,
    lifecycle: Data<Lifecycle>,
    cursors: Data<Cursors>,
) -> Result<HttpResponse, Problem> {
    const LIST: &str = "invitations";
    let page = cursors.request(LIST, query.cursor.as_deref(), query.limit)?;
    let rows = lifecycle.invitations(&Authority::of(&admin, &client), page).await?;
    let listed = cursors.page(LIST, page, rows, |row| row.id.as_uuid());
    let items = listed.items.into_iter().map(InvitationView::from).collect::<Vec<_>>();
    Ok(HttpResponse::Ok().json(Listed { items, next_cursor: listed.next_cursor }))
}

#[utoipa::path(
    get,
    path = paths::ADMIN_INVITATION,
    tag = "admin",
    operation_id = "invitation",
    summary = "Show an open invitation",
    security(("bearer" = [])),
    params(("id" = inline(InvitationId), Path, description = "The invitation")),
    responses((status = 200, body = InvitationAnswer, description = "The invitation")),
)]
pub(crate) async fn show_invitation(
    After(admin, PathId(id)): After<Admin, PathId<InvitationId>>,
    FromClient(client): FromClient,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let found = lifecycle.invitation(&Authority::of(&admin, &client), id).await?;
    let invitation = found.ok_or_else(|| Problem::not_found("invitation"))?.into();
    Ok(HttpResponse::Ok().json(InvitationAnswer { invitation }))
}

#[utoipa::path(
    delete,
    path = paths::ADMIN_INVITATION,
    tag = "admin",
    operation_id = "revokeInvitation",
    summary = "Revoke an invitation",
    description = "Its link no longer works. An email that was not sent yet is not sent.",
    security(("bearer" = [])),
    params(("id" = inline(InvitationId), Path, description = "The invitation")),
    responses((status = 204, description = "Revoked")),
)]
pub(crate) async fn revoke_invitation(
    After(admin, PathId(id)): After<Admin, PathId<InvitationId>>,
    FromClient(client): FromClient,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    if lifecycle.revoke_invitation(&Authority::of(&admin, &client), id).await? {
        return Ok(HttpResponse::NoContent().finish());
    }
    Err(Problem::not_found("invitation"))
}

#[utoipa::path(
    post,
    path = paths::ADMIN_PASSWORD_RESET,
    tag = "admin",
    operation_id = "sendPasswordReset",
    summary = "Send a user the email that leads to a new password",
    description = "Only the user chooses the password. At most one email in ten minutes.",
    security(("bearer" = [])),
    params(("id" = inline(UserId), Path, description = "The user")),
    responses((status = 202, description = "The email follows")),
    extensions(("x-problems" = json!([kind::EMAIL_REQUIRED.code]))),
)]
pub(crate) async fn send_reset(
    After(admin, PathId(id)): After<Admin, PathId<UserId>>,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let user = find_user(&accounts, &admin, id).await?.ok_or_else(|| Problem::not_found("user"))?;
    let requested = lifecycle.send_reset(&Authority::of(&admin, &client), &user).await?;
    let no_address = || Problem::new(kind::EMAIL_REQUIRED, "This user has no address.");
    lifecycle::requested(requested.ok_or_else(no_address)?)?;
    Ok(HttpResponse::Accepted().finish())
}

impl From<Invitation> for InvitationView {
    fn from(invitation: Invitation) -> Self {
        let Invitation { id, email, name, roles, invited_by, created_at, expires_at } = invitation;
        Self { id, email, name, roles, invited_by, created_at, expires_at }
    }
}
