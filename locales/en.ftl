# The texts of the pages and emails. Every language has the same names; a test compares them.
# {$something} is a placeholder. Texts of the groups account, admin, audit, common, detail, device, event, field, form,
# problem, purpose, reason, refused and state also go to the pages' scripts, which cannot choose by number: a script gets the
# default variant ("other").

## Every page

language = Language
terms = Terms of use
skip-to-content = Skip to main content
wrong-address-text = This page is not open at the service’s own address, so signing in does not work here.
title-problem = Problem: { $title }

## Sign-in and registration

login-title = Sign in
login-submit = Sign in
login-busy = Signing in…
login-remember = Stay signed in on this device
login-remember-hint = Do not select this on a shared computer.
login-forgot = Forgot your password?
login-new-here = New here?
login-to-register = Create an account
register-title = Create an account
register-submit = Create account
register-busy = Creating your account…
register-known-here = Already have an account?
register-to-login = Sign in
register-terms = By creating an account you agree to these terms:

form-email = E-mail address
form-email-missing = Enter your e-mail address.
form-name = Name (optional)
form-name-hint = How should we address you?
form-password = Password
form-password-missing = Enter your password.
form-new-password-missing = Choose a password.
form-new-password-hint = At least 8 characters. Letters of any language, spaces and whole sentences are welcome.
form-show = Show
form-show-label = Show password
form-hide = Hide
form-hide-label = Hide password
form-caps = Caps Lock is on.

# Why someone who was signed in sees the sign-in page: the code of the refusal, or the reason of the revocation.
notice-signed-out = You have been signed out.
notice-registered = Your account was created. Sign in to continue.
notice-session-expired = Your session has expired. Sign in to continue.
notice-session-revoked = Your session was revoked. Sign in to continue.
notice-session-limit = You were signed out because of too many devices: your account reached its limit of sessions, and a newer sign-in replaced this one. Sign in to continue.
notice-password-changed = You were signed out because your password was changed. Sign in with your new password.
notice-email-changed = You were signed out because the e-mail address of your account was changed. Sign in with the address that it has now.
notice-factors-reset = You were signed out because an administrator removed your second factor. Sign in with your password, and set up a new one.
notice-factors-recovered = Your second factor was removed, and all your sessions were revoked. Sign in with your password, and set up a new one.
notice-second-factor-required = You were signed out because your permissions now need a second factor. Sign in to set one up.
notice-ended-by-user = This session was revoked from another of your devices. Sign in to continue.
notice-revoked-by-admin = An administrator revoked this session. Sign in to continue.
notice-refresh-token-invalid = Your session could not be recognised. Sign in to continue.
notice-refresh-token-reused = We revoked this session to protect you: its sign-in token was used a second time, possibly by someone else. Sign in again, and check the sessions on your account page.
notice-refresh-token-ahead = We revoked this session as a precaution. Sign in to continue.
notice-ambiguous-token = Your browser holds more than one sign-in for this service. Sign in again to continue.
notice-account-deleted = Your account was deleted.
notice-step-up-required = Sign in again to confirm that it is you.
notice-account-blocked = This account is blocked. Contact the operators of this service for the reason.

## Why a request was refused

problem-fields = Please correct the marked fields below.
problem-invalid-credentials = Incorrect e-mail address or password.
problem-account-blocked = This account is blocked. Contact the operators of this service for the reason.
problem-email-not-verified = Your e-mail address is not verified yet. We have sent you an e-mail: open its link first.
problem-email-taken = This address already has an account.
problem-registration-closed = New accounts cannot be created at the moment.
problem-too-many-attempts = Too many failed attempts.
problem-too-many-requests = Too many requests in a short time.
problem-temporarily-unavailable = The service is temporarily unavailable. Please try again shortly.
problem-internal-error = Something went wrong on our side. Please try again.
problem-origin-not-allowed = This page is not open at the service’s own address, so the service rejected the request. Open it here instead:
problem-unreachable = We could not reach the server. Please try again.
problem-unexpected-answer = The server sent an answer that this page does not understand.
problem-unauthenticated = The server did not accept your sign-in. Please sign in again.
problem-access-token-invalid = The server did not accept your sign-in. Please sign in again.
problem-access-token-expired = The server did not accept your sign-in. Please sign in again.
problem-forbidden = You do not have permission to do this.
problem-undo-pending = The change of your e-mail address can still be undone. Until then the account cannot be deleted.
problem-last-admin = This is the last administrator. Give the role to another user first.
problem-not-found = This no longer exists.
problem-filter = The filter is not valid.
problem-confirmation-invalid = This link or code was not issued by this service. Request a new e-mail.
problem-confirmation-expired = The link or code has already been used or has expired. Request a new e-mail.
problem-step-up-required = Enter your password to continue.
problem-session-changed = Someone has signed in again in this browser. Nothing was changed.
problem-second-factor-required = You have a second factor. Enter your password again, and a code with it.
problem-second-factor-enrolment-required = Your permissions need a second factor. Sign in to set one up.
problem-code-invalid = The code is wrong, or was used before.
problem-challenge-expired = This took too long, or too many codes were wrong. Please sign in again.
problem-other = That did not work. Please try again.
problem-wait-seconds = { $number ->
        [one] Try again in one second.
       *[other] Try again in { $number } seconds.
    }
problem-wait-minutes = { $number ->
        [one] Try again in one minute.
       *[other] Try again in { $number } minutes.
    }

field-email-required = Enter your e-mail address.
field-email-too-long = This address is too long. The limit is 254 characters, and 64 before the @.
field-email-not-an-address = This is not a valid e-mail address. Example: name@example.com
field-email-unchanged = This is already the address of your account.
field-email-different = This is not the address of your account.
field-email-taken = An account with this address already exists. Sign in instead.
field-password-required = Enter your password.
field-password-too-short = The password must have at least 8 characters.
field-password-too-long = The password can have at most 1,024 characters.
field-password-too-common = This password is easy to guess.
field-password-is-your-address = Your e-mail address cannot be your password.
field-password-wrong-password = This is not your password.
field-current-password-wrong-password = This is not your current password.
field-name-too-long = The name can have at most 100 characters.
field-name-forbidden-character = The name must not contain line breaks or characters that change the text direction.
field-blocked-reason-too-long = The reason can have at most 500 characters.
field-blocked-reason-forbidden-character = The reason must not contain line breaks or characters that change the text direction.
field-roles-not-a-role = A role starts with a lower-case letter, followed by lower-case letters, digits or any of _ . : -
field-roles-too-many = A user can have at most 32 roles.
field-code-required = Enter the code from the e-mail.
field-code-invalid = This code is wrong. Check the newest e-mail.
field-app-code-required = Enter the code that the app shows.
field-email-code-required = Enter the code from the e-mail.
field-email-code-invalid = This code is wrong. Check the newest e-mail.
field-other = This value is not valid. Please change it.

advice-common = It is a common password, or close to one.
advice-breached = It was found in a data breach. Attackers try it early.
advice-keyboard = Neighbouring keys are guessed first.
advice-repeat = Repeats such as “aaa” or “abcabc” add little.
advice-sequence = Sequences such as “abc” or “6543” add little.
advice-date = Dates and years are guessed early.
advice-word = A single word is not enough. Add one or two more.
advice-name = Names are guessed early.
advice-more-words = Add one or two more words. Uncommon words are better.

# What the user can do after a refusal.
refused-try-again = Try again
refused-sign-in = Sign in again
refused-open = Open { $url }

## The error page

error-status = Error { $number }
error-back = Go to your account
error-request-id = If you contact support, include this request ID:
error-not-found-title = Page not found
error-not-found-detail = The link may be outdated, or the address may contain a typing error.
error-too-many-requests-title = Too many requests
error-too-many-requests-detail = Your network sent too many requests in a short time. Please wait a moment.
error-temporarily-unavailable-title = Temporarily unavailable
error-temporarily-unavailable-detail = The service is temporarily unavailable. Nothing was lost. Please try again shortly.
error-origin-not-allowed-title = Wrong address
error-origin-not-allowed-detail = This page is not open at the service’s own address, so the service rejected the request. Open it here instead:
error-other-title = That did not work
error-other-detail = Something went wrong. Please try again.

## Shared by the scripts

common-noscript = This page needs JavaScript. Turn it on in your browser and reload the page.
common-loading = Loading…
common-busy = Please wait…
common-unreachable = We could not reach the server. Trying again…
common-unavailable = The service is temporarily unavailable. Trying again…
common-limited = Too many requests from your network. Trying again shortly…
common-cancel = Cancel
common-more = Show more
common-save = Save
common-never = never

device-both = { $browser } · { $system }
device-unknown = Unknown device
device-this = This device

## The account

account-title = Your account
account-signed-in-as = Signed in as
account-unverified = Your e-mail address is not verified yet. Open the link in the e-mail that we sent you.
account-verify = Send the e-mail again
account-verify-sent = An e-mail with a link is on its way. At most one is sent in ten minutes.
account-sign-out = Sign out
account-profile = Profile
account-name = Name
account-name-hint = How should we address you? You can leave this empty.
account-name-saved = Your name was saved.
account-admin = Administration
account-sessions = Where you are signed in
account-sessions-hint = Revoke any session you do not recognise. That device will have to sign in again.
account-alone = You are not signed in anywhere else.
account-last-used = Last used
account-since = Signed in
account-ip = IP address
account-revoke = Revoke
account-revoke-label = Revoke the session: { $device }
account-revoked = Session revoked: { $device }
account-revoked-others = All other sessions were revoked.
account-still-signed-in = You are still signed in.
account-revoke-others = Revoke all others
account-revoke-others-title = Revoke all other sessions?
account-revoke-others-text = All other devices and browsers will have to sign in again. You stay signed in here.
account-everywhere = Sign out everywhere
account-everywhere-title = Sign out everywhere?
account-everywhere-text = This revokes all your sessions, including this one.
account-password = Change password
account-password-hint = This revokes all your other sessions. You stay signed in here.
account-password-current = Current password
account-password-new = New password
account-password-save = Change password
account-password-saved = Your password was changed, and all other sessions were revoked.
account-address = E-mail address
account-address-hint = We send a link to the new address. Once you have opened it, the address is changed, and all your other sessions are revoked. From the old address the change can be undone for some days.
account-address-title = Change your e-mail address
account-address-current = Current e-mail address
account-address-new = New e-mail address
account-address-save = Change the address
account-address-sent = An e-mail with a link is on its way to the new address. Nothing changes before you open it.
account-address-pending = Waiting for you to open the link in the e-mail to { $email }.
account-address-cancel = Cancel the change
account-address-cancelled = The change was cancelled. Your address stays as it is.
account-delete = Delete the account
account-delete-hint = This deletes your account and what is stored about you, and signs you out everywhere. It cannot be undone.
account-delete-title = Delete your account?
account-delete-text = Type the e-mail address of your account to confirm it. This cannot be undone.
account-delete-label = E-mail address
account-noscript = Without JavaScript you can do this with your password:
account-step-up-title = Confirm that it is you
account-step-up-text = You signed in a while ago. Enter your password to continue.
account-step-up-code-text = You signed in a while ago. Enter a code to continue: of your authenticator app, or a recovery code.
account-step-up-submit = Continue
account-factors = Second factor
account-factors-hint = With an authenticator app, your password alone does not open your account: a sign-in also needs a code of the app.
account-factors-since = Authenticator app set up
account-factors-left = Recovery codes left:
account-factors-on = Your second factor is set up. Keep your recovery codes in a safe place.
account-recovery = Someone who has your password wants your second factor to be removed: from { $at } on, the link of an e-mail does that. If this was not you, cancel it and change your password.
account-recovery-cancel = Keep my second factor
account-recovery-cancelled = Your second factor stays as it is.
account-totp-begin = Set up an authenticator app
account-totp-text = Scan the picture with your authenticator app, then enter the code that it shows.
account-totp-picture = QR code for your authenticator app
account-totp-secret = Without a camera, enter this key in the app:
account-totp-open = Open the app on this device
account-totp-code = Code of the app
account-totp-confirm = Confirm
account-totp-remove = Remove the authenticator app
account-totp-remove-title = Remove the authenticator app?
account-totp-remove-text = Your password alone then opens your account. Your recovery codes stop working.
account-totp-removed = The authenticator app was removed.
account-codes-title = Your recovery codes
account-codes-text = Each of these codes replaces the app once. They are shown only now: print or save them.
account-codes-copy = Copy
account-codes-copied = The codes were copied.
account-codes-save = Save as a file
account-codes-close = I have saved them
account-codes-renew = New recovery codes
account-codes-renew-title = Replace your recovery codes?
account-codes-renew-text = You receive ten new codes. All earlier ones stop working.
account-trusted = Browsers without a code
account-trusted-hint = In these browsers your password is enough to sign in. A change of your password or of your second factor ends that.
account-trusted-until = Until
account-distrust = Ask for a code again
account-distrust-label = Ask for a code again: { $device }
account-distrust-all = Ask for a code everywhere
account-distrusted = From the next sign-in on, a code is asked again.
account-events = Recent activity
account-events-hint = If you do not recognise something here, change your password.
account-events-none = No activity yet.

event-user-added = Your account was created.
event-roles-changed = An administrator changed your permissions.
event-claims-changed = An administrator changed the data of your account.
event-user-blocked = An administrator blocked your account.
event-user-unblocked = An administrator unblocked your account.
event-password-changed = You changed your password. Your other sessions were revoked.
event-password-changed-for-you = Your password was reset by an administrator. All your sessions were revoked.
event-email-changed = You changed the e-mail address of your account. Your other sessions were revoked.
event-email-change-undone = The change of your e-mail address was undone, and all your sessions were revoked.
event-password-reset = You chose a new password by e-mail. All your sessions were revoked.
event-signed-in = Signed in: { $device }
event-sign-in-failed = Failed sign-in with a wrong password: { $device }
event-revoked-signed-out = You signed out: { $device }
event-revoked-by-you = You revoked a session: { $device }
event-revoked-by-you-all = You revoked several sessions at once.
event-revoked-by-admin = An administrator revoked one of your sessions: { $device }
event-revoked-by-admin-all = An administrator revoked your sessions.
event-revoked-session-limit = A session was revoked because of too many devices: { $device }
event-refresh-token-reused = A sign-in token was used a second time. We revoked the session of this device to protect you: { $device }
event-refresh-token-ahead = We received a token our database does not know, and revoked the session as a precaution: { $device }
event-sign-in-refused = A sign-in was refused: { $device }
event-stepped-up = You confirmed your password: { $device }
event-factor-added = You set up an authenticator app
event-factor-removed = Your authenticator app was removed
event-factors-reset = An administrator removed your second factor. All your sessions were revoked.
event-factor-recovery-started = Someone with your password asked for your second factor to be removed: { $device }
event-factor-recovery-cancelled = The removal of your second factor was cancelled.
event-factor-recovery-completed = Your second factor was removed after the waiting time. All your sessions were revoked.
event-device-trusted = You chose not to be asked for a code in a browser: { $device }
event-devices-distrusted = You chose to be asked for a code again.
event-recovery-code-used = A recovery code was used
event-recovery-codes-renewed = You created new recovery codes
event-second-factor-failed = A wrong code of your second factor was typed: { $device }
event-reauthentication-failed = The current password was entered incorrectly: { $device }
event-guessing-limited = Too many wrong passwords were entered. Further attempts had to wait.
event-access-denied = An administrator-only page was requested: { $device }
event-registration-refused = Someone tried to create an account with your address: { $device }
event-confirmation-requested = An e-mail with a link was requested: { $device }
event-confirmation-used = A link or code from an e-mail was used: { $device }
event-confirmation-failed = A wrong code from an e-mail was entered: { $device }
event-other = Your account was changed.

## The administration

admin-title = Administration
admin-nav = Sections
admin-overview = Overview
admin-users = Users
admin-user = User
admin-sessions = Sessions
admin-audit = Audit log
admin-account = Your account
admin-sign-out = Sign out
admin-forbidden = Administrator access required
admin-forbidden-text = You are signed in, but only administrators can open this page. If you need access, ask an administrator.
admin-still-signed-in = You are still signed in.
admin-live-sessions = Live sessions
admin-blocked = Blocked
admin-chart = The last 24 hours
admin-chart-sign-ins = Sign-ins
admin-chart-refreshes = Refreshes
admin-chart-reuses = Reused tokens
admin-chart-hint = Each bar is one hour; the last hour is still running. Refreshes are updated once a minute.
admin-chart-point = { $hour }: { $number }
admin-chart-total = { $number } in total
admin-chart-most = at most { $number } per hour
admin-chart-hour = Hour
admin-chart-table = Show as a table
admin-everyone = Revoke the sessions of all users
admin-everyone-yes = Revoke all sessions
admin-everyone-text = All users, including you, will have to sign in again. This cannot be undone.
admin-everyone-title = Revoke the sessions of all users?
admin-everyone-type = To confirm, type { $word }
admin-everyone-word = EVERYONE
admin-everyone-done = Sessions revoked: { $number }
admin-reason = Reason (optional)
admin-search-label = E-mail address or name
admin-status = Status
admin-status-any = All
admin-status-active = Active
admin-status-blocked = Blocked
admin-verified = Address verified
admin-verified-yes = Yes
admin-verified-no = No
admin-unverified = Address not verified
admin-users-none = No users match.
admin-sessions-none = No sessions match.
admin-audit-none = No events match.
admin-access = Permissions
admin-roles = Roles
admin-roles-hint = Separated by spaces. The role “admin” gives administrator access.
admin-roles-saved = The roles were saved and are in effect.
admin-since = Registered
admin-last-login = Last sign-in
admin-sessions-live = Live sessions: { $number }
admin-block = Block
admin-block-title = Block this user?
admin-block-text = This revokes all their sessions at once. They cannot sign in until they are unblocked.
admin-block-reason = Reason (optional, shown to administrators only)
admin-blocked-now = Blocked
admin-blocked-reason = Reason
admin-blocked-done = The user was blocked, and all their sessions were revoked.
admin-unblock = Unblock
admin-unblocked-done = The user was unblocked.
admin-reset = Send a password reset
admin-reset-sent = An e-mail to choose a new password is on its way to the user. At most one is sent in ten minutes.
admin-reset-factors = Remove second factors
admin-reset-factors-title = Remove the second factors of this user?
admin-reset-factors-text = For a user who has lost them: make sure that it is really them who asks. All their sessions are revoked, and they receive an e-mail.
admin-reset-factors-done = The second factors were removed, and all sessions of the user were revoked.
admin-reset-factors-none = This user has no second factor. Nothing was changed.
admin-invitations = Invitations
admin-invitations-open = Open invitations
admin-invitations-none = No invitation is open.
admin-invite = Invite a user
admin-invite-text = An e-mail with a link is sent. The account is created when its user chooses a password.
admin-invite-email = E-mail address
admin-invite-submit = Send the invitation
admin-invited = Sent
admin-invited-done = The invitation is on its way to { $email }.
admin-invitation-revoke = Revoke
admin-invitation-revoke-label = Revoke the invitation of { $email }
admin-invitation-revoked = Invitation revoked: { $email }
admin-revoke = Revoke
admin-revoke-label = Revoke the session: { $device }
admin-revoked-done = Session revoked: { $device }
admin-revoke-user = Revoke all sessions
admin-revoke-user-title = Revoke all sessions of this user?
admin-revoke-user-text = They will have to sign in again on every device.
admin-revoke-user-done = Sessions revoked: { $number }
admin-state = State
admin-state-any = All
admin-revoked = Revoked
admin-expires = Expires
admin-generation = Refreshes
admin-ip = IP address
admin-last-used = Last used
admin-created = Signed in
admin-show-user = Show user
admin-kind = Kind
admin-kind-any = All
admin-from = From
admin-of-user = User ID
admin-of-session = Session ID
admin-filter = Filter
admin-actor = By
admin-session = Session
admin-request = Request
admin-events = Events
admin-back = All users

state-live = Live
state-revoked = Revoked
state-expired = Expired

reason-signed-out = Signed out
reason-ended-by-user = Revoked by the user
reason-password-changed = Password changed
reason-email-changed = Address changed
reason-factors-reset = Second factors removed by an administrator
reason-factors-recovered = Second factors removed after the waiting time
reason-second-factor-required = A second factor was demanded
reason-blocked = Blocked
reason-session-limit = Replaced by a newer session (limit reached)
reason-refresh-token-reused = Refresh token reused
reason-refresh-token-ahead = Unknown refresh token (newer than the database)
reason-revocation-lost = Revocation restored after data loss
reason-revoked-by-admin = Revoked by an administrator
reason-wrong-password = Wrong password
reason-unknown-address = Unknown address
reason-last-admin = The last administrator
reason-not-admin = Not an administrator
reason-account-blocked = Blocked
reason-password-changed-meanwhile = Password changed in the meantime

audit-user-added = Account created
audit-roles-changed = Roles changed
audit-claims-changed = Claims changed
audit-user-blocked = Blocked
audit-user-unblocked = Unblocked
audit-user-deleted = User deleted
audit-user-deleted-self = Account deleted by its user
audit-user-invited = User invited
audit-invitation-revoked = Invitation revoked
audit-users-imported = Users imported
audit-users-exported = Users exported
audit-password-changed = Password changed
audit-confirmation-requested = Email requested
audit-confirmation-used = Confirmed by email
audit-confirmation-failed = Wrong code
audit-password-reset = Forgotten password replaced
audit-email-changed = Address changed
audit-email-change-undone = Change of address undone
audit-signed-in = Signed in
audit-sign-in-failed = Sign-in failed
audit-sessions-ended = Sessions revoked
audit-refresh-token-reused = Refresh token reused
audit-refresh-token-ahead = Unknown refresh token (newer than the database)
audit-revocation-lost = Revocation restored after data loss
audit-stepped-up = Password confirmed
audit-factor-added = Second factor set up
audit-factor-removed = Second factor removed
audit-factors-reset = Second factors removed by an administrator
audit-factor-recovery-started = Removal of lost factors begun
audit-factor-recovery-cancelled = Removal of lost factors cancelled
audit-factor-recovery-completed = Lost factors removed
audit-device-trusted = Device trusted
audit-devices-distrusted = Device no longer trusted
audit-recovery-code-used = Recovery code used
audit-recovery-codes-renewed = Recovery codes renewed
audit-second-factor-failed = Wrong code of a second factor
audit-reauthentication-failed = Password not confirmed
audit-guessing-limited = Too many failed attempts
audit-access-denied = Access denied
audit-signing-key-added = Signing key published
audit-audit-chain-resumed = Audit chain resumed
audit-audit-chain-refused = Audit chain refused
audit-audit-events-missing = Audit events missing
audit-registration-refused = Registration refused
detail-algorithm = Algorithm
detail-by-link = Via e-mail link
detail-key = Key
detail-limit = Limit
detail-route = Path
detail-signs-from = Signs from
detail-wait-seconds = Wait (s)
detail-generation = Generation
detail-new-device = New device
detail-purpose = Purpose
detail-reason = Reason
detail-removed = Removed
detail-remembered = Stays signed in
detail-roles = Roles
detail-seq = Sequence number
detail-sessions = Sessions
detail-transport = Token transport
detail-trusted-device = Trusted device
detail-yes = yes
detail-no = no

purpose-register = Registration
purpose-verify-email = Verification of the address
purpose-reset-password = Password reset
purpose-change-email = Change of address
purpose-cancel-email-change = Cancellation of a change of address
purpose-undo-email-change = Undo of a change of address
purpose-invite = Invitation
purpose-enrol-factor = Setting up a second factor
purpose-recover-factors = Removal of lost second factors
purpose-cancel-factor-recovery = Cancellation of a removal of second factors

## Emails

mail-greeting = Hello,
mail-token-reused-subject = { $brand }: we revoked one of your sessions
mail-token-reused-text = A sign-in token of one of your devices was used a second time. It may have been stolen, so we revoked that session. The device has to sign in again.
mail-new-device-subject = { $brand }: sign-in from a new device
mail-new-device-text = Someone signed in to your account from a device or network that we have not seen before.
mail-password-changed-subject = { $brand }: your password was changed
mail-password-changed-text = The password of your account was changed. Your other devices have to sign in again.
mail-factor-added-subject = { $brand }: a second factor was set up
mail-factor-added-text = An authenticator app was set up as the second factor of your account. From now on, a sign-in asks for a code of it.
mail-factor-removed-subject = { $brand }: your second factor was removed
mail-factor-removed-text = The authenticator app of your account was removed. From now on, the password alone is enough to sign in.
mail-factors-reset-subject = { $brand }: an administrator removed your second factor
mail-factors-reset-text = An administrator removed the second factor of your account and revoked all its sessions. Sign in with your password, and set up a new one.
mail-factors-reset-advice = If you asked for this, no action is needed. If not, contact the operators of this service.
mail-recovery-code-used-subject = { $brand }: a recovery code was used
mail-recovery-code-used-text = A recovery code of your account was used in place of your authenticator app. It does not work a second time.
mail-recovery-codes-renewed-subject = { $brand }: new recovery codes
mail-recovery-codes-renewed-text = New recovery codes were created for your account. The earlier ones do not work any more.
mail-blocked-subject = { $brand }: your account was blocked
mail-blocked-text = An administrator blocked your account and revoked its sessions.
mail-blocked-advice = If you do not know why, contact the operators of this service.
mail-session-limit-subject = { $brand }: signed out because of too many devices
mail-session-limit-text = One of your devices was signed out because of too many devices: your account reached its limit of sessions, and a newer sign-in replaced the session that was idle longest. The newer sign-in:
mail-confirm-registration-subject = { $brand }: confirm your registration
mail-confirm-registration-text = Someone registered at { $brand } with this e-mail address. Confirm it to create the account.
mail-confirm-registration-action = Confirm the registration
mail-confirm-registration-advice = If this was not you, ignore this e-mail: no account is created.
mail-already-registered-subject = { $brand }: you already have an account
mail-already-registered-text = Someone registered at { $brand } with this e-mail address, which already has an account. Nothing was changed. If this was you, sign in. If you have forgotten your password, choose a new one there.
mail-already-registered-action = Sign in
mail-already-registered-advice = If this was not you, ignore this e-mail.
mail-address-in-use-subject = { $brand }: this address already has an account
mail-address-in-use-text = Someone asked to change the e-mail address of another account at { $brand } to this one. This address already has an account, so nothing was changed.
mail-address-in-use-action = Sign in
mail-address-in-use-advice = If this was you, sign in with this address, or choose another one. If not, ignore this e-mail.
mail-verify-email-subject = { $brand }: confirm your e-mail address
mail-verify-email-text = Confirm that this e-mail address of your account at { $brand } is yours.
mail-verify-email-action = Confirm the address
mail-verify-email-advice = If you have no account at { $brand }, ignore this e-mail.
mail-reset-password-subject = { $brand }: choose a new password
mail-reset-password-text = Someone asked for a new password for your account at { $brand }. Choosing one revokes all sessions: every device has to sign in again.
mail-reset-password-action = Choose a new password
mail-reset-password-advice = If this was not you, ignore this e-mail: your password stays as it is. Never pass on the link or the code.
mail-email-change-requested-subject = { $brand }: a change of your e-mail address was requested
mail-email-change-requested-text = Someone who is signed in to your account asked to change its e-mail address. The change takes effect once the new address is confirmed.
mail-email-change-requested-action = Cancel the change
mail-email-change-requested-advice = If this was you, no action is needed. If not, cancel the change and choose a new password.
mail-confirm-new-email-subject = { $brand }: confirm your new e-mail address
mail-confirm-new-email-text = Someone asked to use this e-mail address for an account at { $brand }. The change takes effect once you confirm it.
mail-confirm-new-email-action = Confirm the new address
mail-confirm-new-email-advice = If this was not you, ignore this e-mail: nothing is changed.
mail-email-changed-subject = { $brand }: your e-mail address was changed
mail-email-changed-text = The e-mail address of your account was changed. You can no longer sign in with this one.
mail-email-changed-action = Undo the change
mail-email-changed-advice = If this was you, no action is needed. If not, undo the change: you choose a new password, and every other device is signed out.
mail-invitation-subject = { $brand }: you are invited
mail-invitation-text = An administrator of { $brand } invites you to create an account with this e-mail address.
mail-invitation-action = Create the account
mail-invitation-advice = If you do not expect this, ignore this e-mail: no account is created.
mail-enrolment-code-subject = { $brand }: your code for a second factor
mail-enrolment-code-text = Someone who has the password of your account is setting up a second factor for it. The code below completes that.
mail-enrolment-code-code = Type this code where you set up the second factor, within ten minutes:
mail-enrolment-code-advice = If this was not you, someone else knows your password: choose a new one. Never pass on the code, also not to someone who says they work for this service.
mail-factor-recovery-started-subject = { $brand }: your second factor is to be removed
mail-factor-recovery-started-text = Someone who has the password of your account has lost its second factor, and asks for its removal. After the waiting time a last e-mail follows, whose link removes it. Until then we write every day.
mail-factor-recovery-started-action = Keep the second factor
mail-factor-recovery-started-advice = If this was you, no action is needed. If not, someone else knows your password: keep the second factor, and choose a new password.
mail-factor-recovery-ready-subject = { $brand }: remove your second factor
mail-factor-recovery-ready-text = The waiting time is over. With this link and your password you remove the second factor of your account. All sessions are then revoked: every device has to sign in again.
mail-factor-recovery-ready-action = Remove the second factor
mail-factor-recovery-ready-advice = If you did not ask for this, do not open the link: sign in, cancel the removal on your account page, and choose a new password. Never pass on the link.
mail-code = Or type this code where you asked for this e-mail, within ten minutes of the request:
mail-expires-minutes = { $number ->
    [one] The link works once, within one minute of the request.
   *[other] The link works once, within { $number } minutes of the request.
}
mail-expires-hours = { $number ->
    [one] The link works once, within one hour of the request.
   *[other] The link works once, within { $number } hours of the request.
}
mail-expires-days = { $number ->
    [one] The link works once, within one day of the request.
   *[other] The link works once, within { $number } days of the request.
}
mail-revoke-action = Revoke all sessions
mail-when = When: { $at }
mail-device = Device: { $device }
mail-ip = IP address: { $ip }
mail-was-you = If this was you, no action is needed.
mail-was-not-you = If this was not you, revoke all your sessions here (the link works once, for seven days), and then choose a new password:
mail-signature = { $brand }. Please do not reply to this e-mail.

## A forgotten password, and the page behind an email's link

forgot-title = Forgot your password?
forgot-text = Enter the e-mail address of your account. We send you a link and a code to choose a new password.
forgot-submit = Send the e-mail
forgot-busy = Sending…
forgot-to-login = Back to sign-in
code-title = Check your e-mail
code-text = If there is an account with this address, an e-mail is on its way. Open its link on any device, or type its code here within ten minutes.
code-register-text = An e-mail to your address is on its way. Type its code here within ten minutes, or open its link. On another device, you choose the password there.
code-code = Code
code-code-hint = Eight digits, such as 4821 0937.
code-new-password = New password
confirm-reset-password-submit = Set the new password
code-busy = Saving…
code-nothing = Nothing arrived? Check your spam folder. At most one e-mail is sent in ten minutes.
code-again = Send it again
code-sent-again = The e-mail was requested again. If one was sent within the last ten minutes, use that one.
code-other-address = Use another address
confirm-reset-password-title = Choose a new password
confirm-title = Confirm
confirm-submit = Confirm
confirmed = This is confirmed.
confirm-register-title = Create your account
confirm-register-button-text = The account is created with this address, and you are signed in here.
confirm-register-new-password-text = Choose the password of your account. It replaces the one that was typed at the registration.
confirm-register-submit = Create the account
confirmed-register = Your account was created. Sign in with its password.
confirm-verify-email-title = Confirm your e-mail address
confirm-verify-email-button-text = You are signed in here. Confirm that this address is yours.
confirm-verify-email-password-text = Enter the password of your account to confirm that this address is yours.
confirm-verify-email-submit = Confirm the address
confirmed-verify-email = Your e-mail address is confirmed.
confirm-invite-title = Create your account
confirm-invite-new-password-text = You are invited to create an account with this address. Choose its password.
confirm-invite-submit = Create the account
confirmed-invite = Your account was created. Sign in with its password.
confirm-reset-password-new-password-text = All your sessions are then revoked: every device has to sign in again.
confirmed-reset-password = Your new password is set. Every device has to sign in again.
confirm-change-email-title = Confirm your new e-mail address
confirm-change-email-button-text = You are signed in here. This address replaces the old one, and all other devices are signed out.
confirm-change-email-password-text = Enter the password of your account. This address then replaces the old one, and all other devices are signed out.
confirm-change-email-submit = Change the address
confirmed-change-email = Your e-mail address was changed. Sign in with it from now on.
confirm-cancel-email-change-title = Cancel the change of your e-mail address
confirm-cancel-email-change-button-text = You are signed in here. The e-mail address of your account stays as it is.
confirm-cancel-email-change-password-text = Enter the password of your account. Its e-mail address then stays as it is.
confirm-cancel-email-change-submit = Cancel the change
confirmed-cancel-email-change = The change was cancelled. Your e-mail address stays as it is. If you did not request the change, choose a new password.
confirm-recover-factors-title = Remove your second factor
confirm-recover-factors-password-text = Enter the password of your account. Its second factor is then removed, and every device has to sign in again.
confirm-recover-factors-submit = Remove the second factor
confirmed-recover-factors = Your second factor was removed. Sign in with your password, and set up a new one.
confirm-cancel-factor-recovery-title = Keep your second factor
confirm-cancel-factor-recovery-button-text = You are signed in here. Your second factor stays as it is.
confirm-cancel-factor-recovery-password-text = Enter the password of your account. Its second factor then stays as it is.
confirm-cancel-factor-recovery-submit = Keep the second factor
confirmed-cancel-factor-recovery = Your second factor stays as it is. If you did not ask for its removal, choose a new password.
confirm-undo-email-change-title = Undo the change of your e-mail address
confirm-undo-email-change-new-password-text = Choose a new password. Your account then has this address again, and every device has to sign in again.
confirm-undo-email-change-submit = Undo the change
confirmed-undo-email-change = Your account has this address again. Sign in with your new password.
confirm-done-title = Done
confirm-to-login = Sign in
confirm-device = Requested from: { $device }
confirm-expired-title = This link does not work
confirm-expired = It has already been used, has expired, or is incomplete. Open the complete link of the newest e-mail.
confirm-ask-again = Request a new e-mail
confirm-noscript = Your browser does not run scripts, so this page cannot read the link. Turn them on, or enter the code from the e-mail on the page where you requested it.

## The page that revokes all sessions

end-sessions-title = Revoke all sessions
end-sessions-text = All devices and browsers that are signed in to your account will have to sign in again. Type the password of your account to confirm it. If you have forgotten it, choose a new one: that revokes all sessions, too.
end-sessions-account = Sign in, and revoke single sessions
end-sessions-submit = Revoke all sessions
end-sessions-done = { $number ->
    [0] There was no live session to revoke.
    [one] One session was revoked.
   *[other] { $number } sessions were revoked.
}
end-sessions-to-login = Sign in and choose a new password
end-sessions-expired = This link has expired or was already used. You can revoke sessions on your account page.

## The API documentation

docs-title = HTTP API
docs-token = Access token, for requests that need one
docs-document = The OpenAPI 3.1 document
docs-noscript = This page needs JavaScript. The document above has the same content.
docs-answer = Answer
docs-body = Body (JSON)
docs-send = Send
docs-failed = The document could not be loaded.
docs-not-sent = The request could not be sent.

second-factor-title = One more step
second-factor-text = Your password is right. Enter the code that your authenticator app shows, or one of your recovery codes.
second-factor-code = Code
second-factor-hint = Six digits, or a recovery code such as 3-7KQF-M2XA-9TRD.
second-factor-trust = { $number ->
    [one] Do not ask for a code in this browser for one day
   *[other] Do not ask for a code in this browser for { $number } days
}
second-factor-trust-hint = Do not select this on a shared computer.
second-factor-lost = You have neither the app nor a recovery code?
second-factor-again = Start again
enrol-title = Set up a second factor
enrol-text = Your permissions need a second factor: with it, your password alone does not open your account.
enrol-email-code = Code from the e-mail
enrol-email-code-hint = We have sent eight digits to your address. They show that it is you who sets this up.
recovery-title = Your second factor will be removed
recovery-text = If your password is all that you have left, we can remove your second factor. To protect you from someone who has stolen the password, that takes { $number } hours: we write to your address at once and every day, and every device that is signed in can cancel it. After that, the link of a last e-mail and your password remove the second factor. An administrator can also remove it.
recovery-start = Remove my second factor
recovery-started = We have sent you an e-mail. The link that removes your second factor follows by e-mail at { $at }. It works with your password only.
recovery-cancel-hint = If you find your app or a recovery code meanwhile, sign in and cancel the removal on your account page.
recovery-under-way = Someone who has your password wants your second factor to be removed: from { $at } on, the link of an e-mail does that. If this was not you, sign in, cancel the removal on your account page, and choose a new password.
