# The texts of the pages. Every language has the same names; a test compares them.
# {$something} is filled in. Texts of the groups account, admin, audit, common, device, event, reason and state also go
# to the pages' scripts, where nothing can be chosen by number: they stand without plurals.

## Every page

language = Language
terms = Terms of use
title-problem = Problem: { $title }

## Signing in and up

login-title = Sign in
login-submit = Sign in
login-busy = Signing in…
login-remember = Stay signed in on this device
login-remember-hint = Not on a computer that you share.
login-new-here = New here?
login-to-register = Create an account
register-title = Create an account
register-submit = Create account
register-busy = Creating your account…
register-known-here = Have an account already?
register-to-login = Sign in
register-terms = By creating an account you agree to these terms:

form-email = E-mail address
form-email-missing = Enter your e-mail address.
form-name = Name (optional)
form-name-hint = What we may call you.
form-password = Password
form-password-missing = Enter your password.
form-new-password-missing = Choose a password.
form-new-password-hint = 8 characters or more. Anything goes: letters of any language, spaces, a whole sentence.
form-show = Show
form-show-label = Show password
form-hide = Hide
form-hide-label = Hide password
form-caps = Caps Lock is on.

notice-signed-out = You have been signed out.
notice-session-expired = Your session has expired. Sign in to go on.
notice-session-revoked = This session was ended. Sign in to go on.
notice-refresh-token-invalid = We no longer know this session. Sign in to go on.
notice-refresh-token-reused = We ended this session to protect you: its sign-in token was used somewhere else, and that may not have been you. Sign in again, and look through the sessions on your account page.
notice-account-blocked = This account is blocked. The people who run this service can tell you why.

## What a form was refused for

problem-fields = Please look at the fields marked below.
problem-invalid-credentials = The e-mail address or the password is not right.
problem-account-blocked = This account is blocked. The people who run this service can tell you why.
problem-registration-closed = New accounts cannot be created here at the moment.
problem-too-many-attempts = Too many passwords were tried.
problem-too-many-requests = Too many requests came from here.
problem-temporarily-unavailable = The service cannot answer at the moment. Please try again shortly.
problem-origin-not-allowed = This form was sent from another site. Please use the form here.
problem-unreachable = We could not reach the server. Please try again.
problem-last-admin = This is the last administrator. Make somebody else one first.
problem-not-found = That is no longer there.
problem-filter = What was typed above is not understood. Please check it.
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
field-email-too-long = This address is too long: 254 characters in all and 64 before the @ are the most.
field-email-not-an-address = This is not an e-mail address. One looks like name@example.com.
field-email-taken = There is an account with this address already. Sign in instead.
field-password-required = Enter your password.
field-password-too-short = A password needs at least 8 characters.
field-password-too-long = A password may have at most 1,024 characters.
field-password-too-common = This password is easy to guess.
field-password-is-your-address = Your own e-mail address cannot be your password.
field-current-password-wrong-password = This is not your current password.
field-name-too-long = A name may have at most 100 characters.
field-name-forbidden-character = A name may not contain line breaks or characters that change the direction of writing.
field-blocked-reason-too-long = A reason may have at most 500 characters.
field-blocked-reason-forbidden-character = A reason may not contain line breaks or characters that change the direction of writing.
field-roles-not-a-role = A role begins with a small letter, followed by small letters, digits and any of _ . : -
field-roles-too-many = A person may have at most 32 roles.
field-other = This cannot be used. Please change it.

advice-common = Many people use it, or one much like it.
advice-keyboard = Keys that lie side by side are tried first.
advice-repeat = Repeats such as “aaa” or “abcabc” help little.
advice-sequence = Sequences such as “abc” or “6543” help little.
advice-date = Dates and years are tried early.
advice-word = One word by itself is not enough: add another or two.
advice-name = Names are tried early.
advice-more-words = Add another word or two. Uncommon words are better.

## The error page

error-status = Error { $number }
error-back = Go to your account
error-request-id = If you ask for help, give this number:
error-not-found-title = There is no such page
error-not-found-detail = Perhaps the link is old, or a letter is missing from the address.
error-too-many-requests-title = Too many requests
error-too-many-requests-detail = Too many requests came from your network in a short time. Please wait a little.
error-temporarily-unavailable-title = We will be right back
error-temporarily-unavailable-detail = The service cannot answer at the moment. Nothing was lost; please try again shortly.
error-other-title = That did not work
error-other-detail = Something went wrong on our side. Please try again.

## Shared by the scripts

common-noscript = This page works with JavaScript, which is switched off in this browser. Switch it on and load the page again.
common-loading = One moment…
common-busy = One moment…
common-unreachable = We could not reach the server. Trying again…
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
account-sign-out = Sign out
account-profile = Profile
account-name = Name
account-name-hint = What we may call you. You may leave it empty.
account-name-saved = Your name was saved.
account-admin = Administration
account-sessions = Where you are signed in
account-sessions-hint = End whatever you do not recognise.
account-alone = You are signed in nowhere else.
account-last-used = Last used
account-since = Signed in
account-ip = IP address
account-end = End
account-end-label = End the session: { $device }
account-ended = Ended: { $device }
account-ended-others = All other sessions were ended.
account-not-ended = That did not work, and nothing was ended. Please try again.
account-not-signed-out = We could not reach the server, so you are still signed in. Please try again.
account-end-others = End all others
account-end-others-title = End all other sessions?
account-end-others-text = Every other device and browser will have to sign in again. You stay signed in here.
account-everywhere = Sign out everywhere
account-everywhere-title = Sign out everywhere?
account-everywhere-text = All your sessions will end, this one too.
account-password = Change password
account-password-hint = All other sessions will end. You stay signed in here.
account-password-current = Current password
account-password-new = New password
account-password-save = Change password
account-password-saved = Your password was changed, and all other sessions were ended.
account-events = What happened on your account
account-events-hint = If something here was not you, change your password.
account-events-none = Nothing yet.

event-user-added = Your account was created.
event-roles-changed = An administrator changed what you may do here.
event-claims-changed = An administrator changed data of your account.
event-user-blocked = An administrator blocked your account.
event-user-unblocked = An administrator lifted the block of your account.
event-password-changed = You changed your password, and your other sessions were ended.
event-password-changed-for-you = Your password was set anew by the people who run this service, and all sessions were ended.
event-signed-in = Sign-in: { $device }
event-sign-in-failed = Somebody tried to sign in with a wrong password: { $device }
event-ended-signed-out = You signed out: { $device }
event-ended-ended-by-user = You ended a session: { $device }
event-ended-ended-by-user-all = You ended several sessions at once.
event-ended-by-admin = An administrator ended a session of yours: { $device }
event-ended-by-admin-all = An administrator ended your sessions.
event-refresh-token-reused = Somebody used an old sign-in token. To protect you, we ended the session of this device: { $device }
event-refresh-token-ahead = A sign-in token came that our database no longer knew, and we ended the session to be safe: { $device }
event-sign-in-refused = A sign-in was refused: { $device }
event-reauthentication-failed = The current password was typed wrongly: { $device }
event-guessing-limited = Too many wrong passwords were tried, so further ones had to wait.
event-access-denied = Something was asked for that only administrators may have: { $device }
event-other = Something was changed on your account.

## The administration

admin-title = Administration
admin-nav = Sections
admin-overview = Overview
admin-people = People
admin-person = Person
admin-sessions = Sessions
admin-audit = Audit log
admin-account = Your account
admin-sign-out = Sign out
admin-forbidden = This account is no administrator
admin-forbidden-text = You are signed in, but this part is for administrators only. If you need it, ask one of them.
admin-not-signed-out = We could not reach the server, so you are still signed in. Please try again.
admin-live-sessions = Live sessions
admin-users = People
admin-blocked = Blocked
admin-chart = The last 24 hours
admin-chart-sign-ins = Sign-ins
admin-chart-refreshes = Refreshes
admin-chart-reuses = Reused tokens
admin-chart-hint = Each bar is one hour; the last one is not over yet. Refreshes are counted in once a minute.
admin-chart-point = { $hour }: { $number }
admin-chart-total = { $number } in all
admin-chart-most = { $number } an hour at most
admin-chart-hour = Hour
admin-chart-table = As a table
admin-everyone = End everybody’s sessions
admin-everyone-yes = End them all
admin-everyone-text = Everybody will have to sign in again, you too. This cannot be undone.
admin-everyone-title = End the sessions of everybody?
admin-everyone-type = To confirm, type { $word }
admin-everyone-word = EVERYONE
admin-everyone-done = All sessions were ended: { $number }
admin-reason = Reason (optional)
admin-search-label = Address or name
admin-status = Status
admin-status-any = All
admin-status-active = Active
admin-status-blocked = Blocked
admin-people-none = Nobody matches.
admin-sessions-none = No sessions match.
admin-audit-none = No events match.
admin-access = Rights
admin-roles = Roles
admin-roles-hint = Separated by spaces. “admin” makes an administrator.
admin-roles-saved = The roles were saved. They take effect at once.
admin-since = Member since
admin-last-login = Last sign-in
admin-sessions-live = Live sessions: { $number }
admin-block = Block
admin-block-title = Block this person?
admin-block-text = All their sessions end at once, and they cannot sign in any more.
admin-block-reason = Reason (optional, for administrators)
admin-blocked-now = Blocked
admin-blocked-reason = Reason
admin-blocked-done = Blocked. All sessions were ended.
admin-unblock = Lift the block
admin-unblocked-done = The block was lifted.
admin-revoke = End
admin-revoke-label = End the session: { $device }
admin-revoked-done = The session was ended: { $device }
admin-revoke-user = End all sessions
admin-revoke-user-title = End all sessions of this person?
admin-revoke-user-text = They will have to sign in again on every device.
admin-revoke-user-done = Sessions ended: { $number }
admin-state = State
admin-state-any = All
admin-ended = Ended
admin-expires = Ends
admin-generation = Refreshes
admin-ip = IP address
admin-last-used = Last used
admin-created = Signed in
admin-show-person = Show the person
admin-kind = Kind
admin-kind-any = All
admin-from = From
admin-of-user = Person (id)
admin-of-session = Session (id)
admin-filter = Filter
admin-actor = By
admin-user = Person
admin-session = Session
admin-request = Request
admin-events = Events
admin-back = All people

state-live = Live
state-revoked = Ended
state-expired = Expired

reason-signed-out = Signed out
reason-ended-by-user = Ended by its user
reason-password-changed = Password changed
reason-blocked = Blocked
reason-session-limit = Made room for a newer one
reason-refresh-token-reused = A spent token came back
reason-refresh-token-ahead = A token unknown to the database came
reason-revoked-by-admin = Ended by an administrator
reason-wrong-password = Wrong password
reason-unknown-address = Unknown address
reason-last-admin = The last administrator
reason-not-admin = No administrator
reason-account-blocked = Blocked
reason-password-changed-meanwhile = Password changed meanwhile

audit-user-added = Account created
audit-roles-changed = Roles changed
audit-claims-changed = Claims changed
audit-user-blocked = Blocked
audit-user-unblocked = Block lifted
audit-user-deleted = User deleted
audit-users-imported = Users imported
audit-users-exported = Users exported
audit-password-changed = Password changed
audit-signed-in = Signed in
audit-sign-in-failed = Sign-in failed
audit-sessions-ended = Sessions ended
audit-refresh-token-reused = Spent token came back
audit-revocation-lost = Forgotten revocation restored
audit-refresh-token-ahead = Unknown newer token came
audit-reauthentication-failed = Password not confirmed
audit-guessing-limited = Too many passwords tried
audit-access-denied = Access denied
audit-signing-key-added = Signing key published
audit-audit-chain-resumed = Audit log’s chain resumed
detail-algorithm = Algorithm
detail-by-link = By a letter’s link
detail-key = Key
detail-limit = Limit
detail-route = Path
detail-signs-from = Signs from
detail-wait-seconds = Wait (s)
detail-generation = Generation
detail-new-device = New device
detail-reason = Reason
detail-remembered = Stays signed in
detail-roles = Roles
detail-seq = Number
detail-sessions = Sessions
detail-transport = Token travels by
detail-yes = yes
detail-no = no

## Letters

mail-greeting = Hello { $name },
mail-greeting-unnamed = Hello,
mail-token-reused-subject = { $brand }: we ended a session of yours
mail-token-reused-text = Somebody used an old sign-in token of one of your devices. It may have been stolen, so we ended that session. The device has to sign in again.
mail-new-device-subject = { $brand }: sign-in from a new device
mail-new-device-text = Somebody signed in to your account from a device or a place that we had not seen before.
mail-password-changed-subject = { $brand }: your password was changed
mail-password-changed-text = The password of your account was changed. Other devices have to sign in again.
mail-blocked-subject = { $brand }: your account was blocked
mail-blocked-text = An administrator blocked your account and ended its sessions. If you do not know why, please ask them.
mail-when = When: { $at }
mail-device = Device: { $device }
mail-ip = Address: { $ip }
mail-was-you = If you know of this, there is nothing to do.
mail-was-not-you = If it was not you, end all sessions here (the link works once, for seven days), and then choose a new password:
mail-signature = { $brand }. You cannot reply to this letter.

## The page behind a letter's link

end-title = End all sessions
end-text = Every device and browser that is signed in to your account will have to sign in again.
end-submit = End all sessions
end-done = { $number ->
    [0] There was no session left to end.
    [one] One session was ended.
   *[other] { $number } sessions were ended.
}
end-to-login = Sign in and choose a new password
end-over = This link is over, or it was used already. You can end sessions on your account page.

## The interface

docs-title = The HTTP interface
docs-token = Access token, for requests that need one
docs-document = The document (OpenAPI 3.1)
docs-noscript = This page needs JavaScript. The document above says the same.
