use crate::{
    confirmations::{self, Confirmation, ConfirmationStanding},
    lifecycle::Lifecycle,
    mail::{ConfirmationEmail, Notification},
    postgres::DatabaseError,
    users,
    work::Work,
};

impl Lifecycle {
    /// Sends the email that fits the new address of a known user: one that confirms it, or one to its owner, which says that
    /// the address is in use. An address that is reserved for the user who had it counts as in use.
    pub(in crate::lifecycle) async fn look_up_change(
        &self,
        work: &mut Work<'_>,
        change: &Confirmation,
    ) -> Result<(), DatabaseError> {
        confirmations::mark_looked_up(work.connection, change.id).await?;
        if change.standing != ConfirmationStanding::Waiting {
            return Ok(());
        }
        let owner = confirmations::owner_of(work.connection, &change.email).await?.map(|owner| owner.user);
        let is_taken = owner.is_some() || users::is_reserved(work.connection, &change.email, change.user).await?;
        if confirmations::recently_sent(work.connection, change, change.user).await?.is_some() {
            return Ok(());
        }
        let (user, email) =
            if is_taken { (owner, Notification::AddressInUse) } else { (change.user, Notification::ConfirmNewEmail) };
        confirmations::mark_sent(work.connection, change.id).await?;
        let details = change.payload.get("client").cloned().unwrap_or_default();
        work.enqueue_confirmation_email(ConfirmationEmail { confirmation: change.id, user, email, details }).await?;
        self.world().metrics.confirmation(change.purpose.name(), "sent");
        Ok(())
    }
}
