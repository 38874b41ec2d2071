# 화면과 이메일에 쓰는 글입니다. 모든 언어에 같은 이름이 있어야 하며, 테스트가 이를 비교합니다.
# {$something} 자리에는 값이 들어갑니다. 값에 따라 모양이 달라지는 조사는 값 바로 뒤에 붙이지 않습니다.
# 문체는 '합니다/해 주세요'로 통일합니다.

## 모든 화면

language = 언어
terms = 이용약관
skip-to-content = 본문으로 건너뛰기
wrong-address-text = 이 화면은 서비스의 정식 주소에서 열리지 않아 여기서는 로그인할 수 없습니다.
title-problem = 오류: { $title }

## 로그인과 가입

login-title = 로그인
login-submit = 로그인
login-busy = 로그인하는 중…
login-remember = 이 기기에서 로그인 상태 유지
login-remember-hint = 여러 사람이 함께 쓰는 컴퓨터에서는 선택하지 마세요.
login-forgot = 비밀번호를 잊으셨나요?
login-new-here = 처음이신가요?
login-to-register = 계정 만들기
register-title = 계정 만들기
register-submit = 계정 만들기
register-busy = 계정을 만드는 중…
register-known-here = 이미 계정이 있으신가요?
register-to-login = 로그인
register-terms = 계정을 만들면 다음 약관에 동의하게 됩니다.

form-email = 이메일 주소
form-email-missing = 이메일 주소를 입력해 주세요.
form-name = 이름(선택)
form-name-hint = 어떻게 불러 드릴까요?
form-password = 비밀번호
form-password-missing = 비밀번호를 입력해 주세요.
form-new-password-missing = 사용할 비밀번호를 입력해 주세요.
form-new-password-hint = 8자 이상 입력해 주세요. 모든 언어의 문자와 공백, 긴 문장도 쓸 수 있습니다.
form-show = 표시
form-show-label = 비밀번호 표시
form-hide = 숨기기
form-hide-label = 비밀번호 숨기기
form-caps = Caps Lock이 켜져 있습니다.

# 로그인되어 있던 사용자가 로그인 화면을 보게 된 이유입니다.
notice-signed-out = 로그아웃되었습니다.
notice-registered = 계정을 만들었습니다. 계속하려면 로그인해 주세요.
notice-session-expired = 로그인이 만료되었습니다. 계속하려면 다시 로그인해 주세요.
notice-session-revoked = 이 기기에서 로그아웃되었습니다. 계속하려면 다시 로그인해 주세요.
notice-session-limit = 로그인한 기기가 너무 많아 로그아웃되었습니다. 계정에 허용된 기기 수를 넘어, 새로 로그인한 기기가 이 기기를 대신하게 되었습니다. 계속하려면 다시 로그인해 주세요.
notice-password-changed = 비밀번호가 변경되어 로그아웃되었습니다. 새 비밀번호로 로그인해 주세요.
notice-ended-by-user = 회원님의 다른 기기에서 이 기기를 로그아웃했습니다. 계속하려면 다시 로그인해 주세요.
notice-revoked-by-admin = 관리자가 이 기기를 로그아웃했습니다. 계속하려면 다시 로그인해 주세요.
notice-refresh-token-invalid = 로그인 정보를 확인할 수 없습니다. 계속하려면 다시 로그인해 주세요.
notice-refresh-token-reused = 계정을 보호하기 위해 이 기기를 로그아웃했습니다. 이미 사용된 로그인 토큰이 다시 사용되었는데, 다른 사람이 사용했을 수 있습니다. 다시 로그인한 뒤 계정 화면에서 로그인된 기기를 확인해 주세요.
notice-refresh-token-ahead = 안전을 위해 이 기기를 로그아웃했습니다. 계속하려면 다시 로그인해 주세요.
notice-ambiguous-token = 이 브라우저에 로그인 정보가 두 개 이상 저장되어 있습니다. 계속하려면 다시 로그인해 주세요.
notice-account-blocked = 차단된 계정입니다. 이유는 서비스 운영자에게 문의해 주세요.

## 요청이 거부된 이유

problem-fields = 아래에 표시된 항목을 수정해 주세요.
problem-invalid-credentials = 이메일 주소 또는 비밀번호가 올바르지 않습니다.
problem-account-blocked = 차단된 계정입니다. 이유는 서비스 운영자에게 문의해 주세요.
problem-email-not-verified = 이메일 주소가 아직 확인되지 않았습니다. 보내 드린 이메일의 링크를 먼저 열어 주세요.
problem-email-taken = 이미 계정이 있는 주소입니다.
problem-registration-closed = 지금은 새 계정을 만들 수 없습니다.
problem-too-many-attempts = 로그인 시도가 너무 많이 실패했습니다.
problem-too-many-requests = 사용 중인 네트워크에서 요청이 너무 많이 들어왔습니다.
problem-temporarily-unavailable = 일시적으로 서비스를 이용할 수 없습니다. 잠시 후 다시 시도해 주세요.
problem-internal-error = 서버에 문제가 발생했습니다. 다시 시도해 주세요.
problem-origin-not-allowed = 이 화면은 서비스의 정식 주소에서 열리지 않아 요청이 거부되었습니다. 다음 주소에서 열어 주세요.
problem-unreachable = 서버에 연결할 수 없습니다. 다시 시도해 주세요.
problem-unexpected-answer = 서버의 응답을 이해할 수 없습니다.
problem-unauthenticated = 로그인이 확인되지 않았습니다. 다시 로그인해 주세요.
problem-access-token-invalid = 로그인이 확인되지 않았습니다. 다시 로그인해 주세요.
problem-access-token-expired = 로그인이 확인되지 않았습니다. 다시 로그인해 주세요.
problem-forbidden = 이 작업을 할 권한이 없습니다.
problem-last-admin = 마지막 관리자입니다. 먼저 다른 사용자에게 관리자 역할을 주세요.
problem-not-found = 더 이상 존재하지 않습니다.
problem-filter = 필터 값이 올바르지 않습니다.
problem-confirmation-invalid = 이곳에서 보낸 링크나 인증 번호가 아닙니다. 새 이메일을 요청해 주세요.
problem-confirmation-expired = 이미 사용했거나 만료된 링크 또는 인증 번호입니다. 새 이메일을 요청해 주세요.
problem-step-up-required = 계속하려면 비밀번호를 확인해 주세요.
problem-other = 처리하지 못했습니다. 다시 시도해 주세요.
problem-wait-seconds = { $number ->
       *[other] { $number }초 후에 다시 시도해 주세요.
    }
problem-wait-minutes = { $number ->
       *[other] { $number }분 후에 다시 시도해 주세요.
    }

field-email-required = 이메일 주소를 입력해 주세요.
field-email-too-long = 이메일 주소가 너무 깁니다. 전체 254자, @ 앞은 64자까지 쓸 수 있습니다.
field-email-not-an-address = 이메일 주소 형식이 올바르지 않습니다. 예: name@example.com
field-email-taken = 이미 가입된 이메일 주소입니다. 로그인해 주세요.
field-password-required = 비밀번호를 입력해 주세요.
field-password-too-short = 비밀번호는 8자 이상이어야 합니다.
field-password-too-long = 비밀번호는 1,024자까지 쓸 수 있습니다.
field-password-too-common = 추측하기 쉬운 비밀번호입니다.
field-password-is-your-address = 이메일 주소는 비밀번호로 쓸 수 없습니다.
field-password-wrong-password = 비밀번호가 올바르지 않습니다.
field-current-password-wrong-password = 현재 비밀번호가 올바르지 않습니다.
field-name-too-long = 이름은 100자까지 쓸 수 있습니다.
field-name-forbidden-character = 이름에는 줄 바꿈이나 글의 방향을 바꾸는 문자를 쓸 수 없습니다.
field-blocked-reason-too-long = 이유는 500자까지 쓸 수 있습니다.
field-blocked-reason-forbidden-character = 이유에는 줄 바꿈이나 글의 방향을 바꾸는 문자를 쓸 수 없습니다.
field-roles-not-a-role = 역할은 영문 소문자로 시작하고 영문 소문자, 숫자, _ . : - 만 쓸 수 있습니다.
field-roles-too-many = 한 사용자에게 역할을 32개까지 줄 수 있습니다.
field-code-required = 이메일의 인증 번호를 입력해 주세요.
field-code-invalid = 인증 번호가 올바르지 않습니다. 가장 최근 이메일을 확인해 주세요.
field-other = 올바르지 않은 값입니다. 수정해 주세요.

advice-common = 흔히 쓰이는 비밀번호이거나 그와 비슷합니다.
advice-breached = 유출된 비밀번호 목록에 있습니다. 공격자가 먼저 시도하는 비밀번호입니다.
advice-keyboard = 키보드에서 나란히 있는 글자는 가장 먼저 추측됩니다.
advice-repeat = ‘aaa’나 ‘abcabc’처럼 반복되는 글자는 별 도움이 되지 않습니다.
advice-sequence = ‘abc’나 ‘6543’처럼 이어지는 글자는 별 도움이 되지 않습니다.
advice-date = 날짜와 연도는 쉽게 추측됩니다.
advice-word = 단어 하나로는 부족합니다. 한두 단어를 더해 주세요.
advice-name = 이름은 쉽게 추측됩니다.
advice-more-words = 한두 단어를 더해 주세요. 흔하지 않은 단어일수록 좋습니다.

# 요청이 거부된 뒤에 사용자가 할 수 있는 일입니다.
refused-try-again = 다시 시도
refused-sign-in = 다시 로그인
refused-open = { $url } 열기

## 오류 화면

error-status = 오류 { $number }
error-back = 내 계정으로 이동
error-request-id = 문의하실 때 다음 요청 ID를 알려 주세요.
error-not-found-title = 페이지를 찾을 수 없습니다
error-not-found-detail = 오래된 링크이거나 주소에 오타가 있을 수 있습니다.
error-too-many-requests-title = 요청이 너무 많습니다
error-too-many-requests-detail = 사용 중인 네트워크에서 짧은 시간에 너무 많은 요청이 들어왔습니다. 잠시 기다려 주세요.
error-temporarily-unavailable-title = 일시적으로 이용할 수 없습니다
error-temporarily-unavailable-detail = 일시적으로 서비스를 이용할 수 없습니다. 데이터는 그대로 있으니 잠시 후 다시 시도해 주세요.
error-origin-not-allowed-title = 주소가 올바르지 않습니다
error-origin-not-allowed-detail = 이 화면은 서비스의 정식 주소에서 열리지 않아 요청이 거부되었습니다. 다음 주소에서 열어 주세요.
error-other-title = 처리하지 못했습니다
error-other-detail = 문제가 발생했습니다. 다시 시도해 주세요.

## 스크립트와 함께 쓰는 글

common-noscript = 이 화면에는 자바스크립트가 필요합니다. 브라우저에서 자바스크립트를 켜고 새로고침해 주세요.
common-loading = 불러오는 중…
common-busy = 처리하는 중…
common-unreachable = 서버에 연결할 수 없습니다. 다시 시도하는 중…
common-unavailable = 일시적으로 서비스를 이용할 수 없습니다. 다시 시도하는 중…
common-limited = 사용 중인 네트워크에서 요청이 너무 많이 들어왔습니다. 잠시 후 다시 시도합니다…
common-cancel = 취소
common-more = 더 보기
common-save = 저장
common-never = 없음

device-both = { $browser } · { $system }
device-unknown = 알 수 없는 기기
device-this = 이 기기

## 계정

account-title = 내 계정
account-signed-in-as = 로그인한 계정
account-unverified = 이메일 주소가 아직 확인되지 않았습니다. 보내 드린 이메일의 링크를 열어 주세요.
account-verify = 이메일 다시 보내기
account-verify-sent = 링크가 담긴 이메일을 보내 드립니다. 이메일은 10분에 한 번만 보내 드립니다.
account-sign-out = 로그아웃
account-profile = 프로필
account-name = 이름
account-name-hint = 어떻게 불러 드릴까요? 비워 두어도 됩니다.
account-name-saved = 이름을 저장했습니다.
account-admin = 관리
account-sessions = 로그인된 기기
account-sessions-hint = 모르는 기기가 있으면 로그아웃해 주세요. 그 기기에서는 다시 로그인해야 합니다.
account-alone = 다른 곳에는 로그인되어 있지 않습니다.
account-last-used = 마지막 사용
account-since = 로그인
account-ip = IP 주소
account-revoke = 로그아웃
account-revoke-label = 기기 로그아웃: { $device }
account-revoked = 기기를 로그아웃했습니다: { $device }
account-revoked-others = 다른 기기를 모두 로그아웃했습니다.
account-still-signed-in = 아직 로그인되어 있습니다.
account-revoke-others = 다른 기기 모두 로그아웃
account-revoke-others-title = 다른 기기를 모두 로그아웃할까요?
account-revoke-others-text = 다른 모든 기기와 브라우저에서 다시 로그인해야 합니다. 이 기기의 로그인은 유지됩니다.
account-everywhere = 모든 곳에서 로그아웃
account-everywhere-title = 모든 곳에서 로그아웃할까요?
account-everywhere-text = 이 기기를 포함한 모든 기기에서 로그아웃됩니다.
account-password = 비밀번호 변경
account-password-hint = 다른 모든 기기에서 로그아웃됩니다. 이 기기의 로그인은 유지됩니다.
account-password-current = 현재 비밀번호
account-password-new = 새 비밀번호
account-password-save = 비밀번호 변경
account-password-saved = 비밀번호를 변경하고 다른 기기를 모두 로그아웃했습니다.
account-events = 최근 활동
account-events-hint = 본인이 하지 않은 활동이 있으면 비밀번호를 변경해 주세요.
account-events-none = 아직 활동이 없습니다.

event-user-added = 계정을 만들었습니다.
event-roles-changed = 관리자가 이 계정의 권한을 변경했습니다.
event-claims-changed = 관리자가 이 계정의 정보를 변경했습니다.
event-user-blocked = 관리자가 이 계정을 차단했습니다.
event-user-unblocked = 관리자가 이 계정의 차단을 해제했습니다.
event-password-changed = 비밀번호를 변경했습니다. 다른 기기는 모두 로그아웃되었습니다.
event-password-changed-for-you = 관리자가 비밀번호를 재설정했습니다. 모든 기기에서 로그아웃되었습니다.
event-signed-in = 로그인했습니다: { $device }
event-sign-in-failed = 잘못된 비밀번호로 로그인을 시도했습니다: { $device }
event-revoked-signed-out = 로그아웃했습니다: { $device }
event-revoked-by-you = 기기를 로그아웃했습니다: { $device }
event-revoked-by-you-all = 여러 기기를 한꺼번에 로그아웃했습니다.
event-revoked-by-admin = 관리자가 기기를 로그아웃했습니다: { $device }
event-revoked-by-admin-all = 관리자가 이 계정의 기기를 로그아웃했습니다.
event-revoked-session-limit = 로그인한 기기가 너무 많아 로그아웃되었습니다: { $device }
event-refresh-token-reused = 이미 사용된 로그인 토큰이 다시 사용되었습니다. 계정을 보호하기 위해 이 기기를 로그아웃했습니다: { $device }
event-refresh-token-ahead = 데이터베이스에 없는 로그인 토큰을 받았습니다. 안전을 위해 이 기기를 로그아웃했습니다: { $device }
event-sign-in-refused = 로그인이 거부되었습니다: { $device }
event-stepped-up = 비밀번호를 다시 확인했습니다: { $device }
event-reauthentication-failed = 현재 비밀번호가 잘못 입력되었습니다: { $device }
event-guessing-limited = 잘못된 비밀번호가 너무 많이 입력되어 다음 시도를 잠시 제한했습니다.
event-access-denied = 관리자 전용 화면을 요청했습니다: { $device }
event-registration-refused = 누군가 회원님의 이메일 주소로 가입을 시도했습니다: { $device }
event-other = 계정이 변경되었습니다.

## 관리

admin-title = 관리
admin-nav = 관리 메뉴
admin-overview = 현황
admin-users = 사용자
admin-user = 사용자
admin-sessions = 세션
admin-audit = 감사 로그
admin-account = 내 계정
admin-sign-out = 로그아웃
admin-forbidden = 관리자 권한이 필요합니다
admin-forbidden-text = 로그인되어 있지만 이 화면은 관리자만 볼 수 있습니다. 필요하면 관리자에게 권한을 요청해 주세요.
admin-still-signed-in = 아직 로그인되어 있습니다.
admin-live-sessions = 활성 세션
admin-blocked = 차단됨
admin-chart = 최근 24시간
admin-chart-sign-ins = 로그인
admin-chart-refreshes = 토큰 갱신
admin-chart-reuses = 재사용된 토큰
admin-chart-hint = 막대 하나가 한 시간이며, 마지막 한 시간은 아직 끝나지 않았습니다. 토큰 갱신 수는 1분마다 업데이트됩니다.
admin-chart-point = { $hour }: { $number }건
admin-chart-total = 총 { $number }건
admin-chart-most = 시간당 최대 { $number }건
admin-chart-hour = 시각
admin-chart-table = 표로 보기
admin-everyone = 모든 사용자의 세션 종료
admin-everyone-yes = 모든 세션 종료
admin-everyone-text = 본인을 포함한 모든 사용자가 다시 로그인해야 합니다. 되돌릴 수 없습니다.
admin-everyone-title = 모든 사용자의 세션을 종료할까요?
admin-everyone-type = 확인하려면 다음을 입력해 주세요: { $word }
admin-everyone-word = 모두 종료
admin-everyone-done = 종료한 세션: { $number }개
admin-reason = 이유(선택)
admin-search-label = 이메일 주소 또는 이름
admin-status = 상태
admin-status-any = 전체
admin-status-active = 활성
admin-status-blocked = 차단됨
admin-verified = 주소 확인
admin-verified-yes = 확인됨
admin-verified-no = 확인되지 않음
admin-unverified = 주소 미확인
admin-users-none = 조건에 맞는 사용자가 없습니다.
admin-sessions-none = 조건에 맞는 세션이 없습니다.
admin-audit-none = 조건에 맞는 기록이 없습니다.
admin-access = 권한
admin-roles = 역할
admin-roles-hint = 공백으로 구분합니다. ‘admin’ 역할이 있으면 관리자 권한을 갖습니다.
admin-roles-saved = 역할을 저장했습니다. 바로 적용됩니다.
admin-since = 가입
admin-last-login = 마지막 로그인
admin-sessions-live = 활성 세션: { $number }개
admin-block = 차단
admin-block-title = 이 사용자를 차단할까요?
admin-block-text = 이 사용자의 모든 세션이 바로 종료되며, 차단을 해제할 때까지 로그인할 수 없습니다.
admin-block-reason = 이유(선택, 관리자에게만 표시)
admin-blocked-now = 차단됨
admin-blocked-reason = 이유
admin-blocked-done = 사용자를 차단하고 모든 세션을 종료했습니다.
admin-unblock = 차단 해제
admin-unblocked-done = 차단을 해제했습니다.
admin-reset = 비밀번호 재설정 이메일 보내기
admin-reset-sent = 새 비밀번호를 정하는 이메일을 사용자에게 보냅니다. 이메일은 10분에 한 번만 보냅니다.
admin-invitations = 초대
admin-invitations-open = 사용할 수 있는 초대
admin-invitations-none = 사용할 수 있는 초대가 없습니다.
admin-invite = 사용자 초대
admin-invite-text = 링크가 담긴 이메일을 보냅니다. 사용자가 비밀번호를 정하면 계정이 만들어집니다.
admin-invite-email = 이메일 주소
admin-invite-password = 내 비밀번호
admin-invite-submit = 초대 보내기
admin-invited = 보낸 때
admin-invited-done = { $email } 주소로 초대를 보냅니다.
admin-invitation-revoke-label = { $email } 초대 취소
admin-invitation-revoked = 초대를 취소했습니다: { $email }
admin-revoke = 종료
admin-revoke-label = 세션 종료: { $device }
admin-revoked-done = 세션을 종료했습니다: { $device }
admin-revoke-user = 모든 세션 종료
admin-revoke-user-title = 이 사용자의 모든 세션을 종료할까요?
admin-revoke-user-text = 이 사용자는 모든 기기에서 다시 로그인해야 합니다.
admin-revoke-user-done = 종료한 세션: { $number }개
admin-state = 상태
admin-state-any = 전체
admin-revoked = 종료
admin-expires = 만료
admin-generation = 갱신 횟수
admin-ip = IP 주소
admin-last-used = 마지막 사용
admin-created = 로그인
admin-show-user = 사용자 보기
admin-kind = 종류
admin-kind-any = 전체
admin-from = 시작일
admin-of-user = 사용자 ID
admin-of-session = 세션 ID
admin-filter = 적용
admin-actor = 실행자
admin-session = 세션
admin-request = 요청
admin-events = 활동 기록
admin-back = 전체 사용자

state-live = 활성
state-revoked = 종료됨
state-expired = 만료됨

reason-signed-out = 로그아웃
reason-ended-by-user = 사용자가 종료
reason-password-changed = 비밀번호 변경
reason-blocked = 차단
reason-session-limit = 한도 초과로 새 세션이 대체
reason-refresh-token-reused = 갱신 토큰 재사용
reason-refresh-token-ahead = 알 수 없는 갱신 토큰(데이터베이스보다 최신)
reason-revocation-lost = 데이터 유실 후 종료 복구
reason-revoked-by-admin = 관리자가 종료
reason-wrong-password = 잘못된 비밀번호
reason-unknown-address = 가입되지 않은 이메일 주소
reason-last-admin = 마지막 관리자
reason-not-admin = 관리자가 아님
reason-account-blocked = 차단됨
reason-password-changed-meanwhile = 그사이 비밀번호가 변경됨

audit-user-added = 계정 생성
audit-roles-changed = 역할 변경
audit-claims-changed = 클레임 변경
audit-user-blocked = 차단
audit-user-unblocked = 차단 해제
audit-user-deleted = 사용자 삭제
audit-user-deleted-self = 사용자가 계정 삭제
audit-user-invited = 사용자 초대
audit-invitation-revoked = 초대 취소
audit-users-imported = 사용자 가져오기
audit-users-exported = 사용자 내보내기
audit-password-changed = 비밀번호 변경
audit-confirmation-requested = 이메일 요청
audit-confirmation-used = 이메일로 확인
audit-confirmation-failed = 잘못된 인증 번호
audit-password-reset = 비밀번호 재설정
audit-signed-in = 로그인
audit-sign-in-failed = 로그인 실패
audit-sessions-ended = 세션 종료
audit-refresh-token-reused = 갱신 토큰 재사용
audit-refresh-token-ahead = 알 수 없는 갱신 토큰(데이터베이스보다 최신)
audit-revocation-lost = 데이터 유실 후 종료 복구
audit-stepped-up = 비밀번호 확인
audit-reauthentication-failed = 비밀번호 확인 실패
audit-guessing-limited = 시도 횟수 초과
audit-access-denied = 접근 거부
audit-signing-key-added = 서명 키 게시
audit-audit-chain-resumed = 감사 체인 재개
audit-audit-chain-refused = 감사 체인 거부
audit-audit-events-missing = 감사 기록 누락
audit-registration-refused = 회원가입 거부
detail-algorithm = 알고리즘
detail-by-link = 이메일 링크로 실행
detail-key = 키
detail-limit = 한도
detail-route = 경로
detail-signs-from = 서명 시작
detail-wait-seconds = 대기 시간(초)
detail-generation = 세대
detail-new-device = 새 기기
detail-reason = 이유
detail-remembered = 로그인 상태 유지
detail-roles = 역할
detail-seq = 순번
detail-sessions = 세션 수
detail-transport = 토큰 전달 방식
detail-yes = 예
detail-no = 아니요

## 이메일

mail-greeting = 안녕하세요.
mail-token-reused-subject = { $brand }: 기기 한 대를 로그아웃했습니다
mail-token-reused-text = 회원님의 기기 한 대에서 쓰던 로그인 토큰이 다시 사용되었습니다. 도난되었을 수 있어 그 기기를 로그아웃했습니다. 해당 기기에서는 다시 로그인해야 합니다.
mail-new-device-subject = { $brand }: 새 기기에서 로그인했습니다
mail-new-device-text = 지금까지 사용한 적이 없는 기기나 네트워크에서 회원님의 계정에 로그인했습니다.
mail-password-changed-subject = { $brand }: 비밀번호가 변경되었습니다
mail-password-changed-text = 회원님 계정의 비밀번호가 변경되었습니다. 다른 기기에서는 다시 로그인해야 합니다.
mail-blocked-subject = { $brand }: 계정이 차단되었습니다
mail-blocked-text = 관리자가 회원님의 계정을 차단하고 모든 기기를 로그아웃했습니다.
mail-blocked-advice = 이유를 모르시면 서비스 운영자에게 문의해 주세요.
mail-session-limit-subject = { $brand }: 로그인한 기기가 너무 많아 기기 한 대를 로그아웃했습니다
mail-session-limit-text = 로그인한 기기가 너무 많아 기기 한 대를 로그아웃했습니다. 계정에 허용된 기기 수를 넘어, 가장 오래 사용하지 않은 기기 대신 새로 로그인한 기기가 등록되었습니다. 새 로그인:
mail-confirm-registration-subject = { $brand }: 가입을 확인해 주세요
mail-confirm-registration-text = 이 이메일 주소로 { $brand }에 가입 신청이 있었습니다. 확인하시면 계정이 만들어집니다.
mail-confirm-registration-action = 가입 확인하기
mail-confirm-registration-advice = 본인이 신청하지 않으셨다면 이 이메일을 무시해 주세요. 계정은 만들어지지 않습니다.
mail-already-registered-subject = { $brand }: 이미 계정이 있습니다
mail-already-registered-text = 이 이메일 주소로 { $brand }에 가입 신청이 있었지만, 이미 계정이 있습니다. 바뀐 것은 없습니다. 본인이 신청하셨다면 로그인해 주세요. 비밀번호를 잊으셨다면 그곳에서 새로 정하실 수 있습니다.
mail-already-registered-action = 로그인
mail-already-registered-advice = 본인이 신청하지 않으셨다면 이 이메일을 무시해 주세요.
mail-verify-email-subject = { $brand }: 이메일 주소를 확인해 주세요
mail-verify-email-text = { $brand } 계정의 이메일 주소가 회원님의 것인지 확인해 주세요.
mail-verify-email-action = 주소 확인하기
mail-verify-email-advice = { $brand }에 계정이 없으시다면 이 이메일을 무시해 주세요.
mail-reset-password-subject = { $brand }: 새 비밀번호를 정해 주세요
mail-reset-password-text = { $brand } 계정의 비밀번호를 새로 정하겠다는 요청이 있었습니다. 새로 정하시면 모든 기기에서 로그아웃되어 다시 로그인해야 합니다.
mail-reset-password-action = 새 비밀번호 정하기
mail-reset-password-advice = 본인이 요청하지 않으셨다면 이 이메일을 무시해 주세요. 비밀번호는 그대로입니다. 링크와 인증 번호는 누구에게도 알려 주지 마세요.
mail-email-change-requested-subject = { $brand }: 이메일 주소 변경 요청이 있었습니다
mail-email-change-requested-text = 회원님의 계정에 로그인한 사람이 이메일 주소를 바꾸겠다고 요청했습니다. 새 주소가 확인되면 변경됩니다.
mail-email-change-requested-action = 변경 취소하기
mail-email-change-requested-advice = 본인이 하신 일이라면 아무것도 하지 않으셔도 됩니다. 본인이 아니라면 변경을 취소하고 새 비밀번호를 정해 주세요.
mail-confirm-new-email-subject = { $brand }: 새 이메일 주소를 확인해 주세요
mail-confirm-new-email-text = 이 주소를 { $brand } 계정의 이메일 주소로 쓰겠다는 요청이 있었습니다. 확인하시면 변경됩니다.
mail-confirm-new-email-action = 새 주소 확인하기
mail-confirm-new-email-advice = 본인이 요청하지 않으셨다면 이 이메일을 무시해 주세요. 바뀌는 것은 없습니다.
mail-email-changed-subject = { $brand }: 이메일 주소가 변경되었습니다
mail-email-changed-text = 회원님 계정의 이메일 주소가 변경되었습니다. 이 주소로는 더 이상 로그인할 수 없습니다.
mail-email-changed-action = 변경 되돌리기
mail-email-changed-advice = 본인이 하신 일이라면 아무것도 하지 않으셔도 됩니다. 본인이 아니라면 변경을 되돌려 주세요. 새 비밀번호를 정하시게 되고, 다른 모든 기기는 로그아웃됩니다.
mail-invitation-subject = { $brand }: 초대합니다
mail-invitation-text = { $brand } 관리자가 이 이메일 주소로 계정을 만들도록 회원님을 초대했습니다.
mail-invitation-action = 계정 만들기
mail-invitation-advice = 모르는 초대라면 이 이메일을 무시해 주세요. 계정은 만들어지지 않습니다.
mail-code = 또는 요청하신 화면에 요청 후 10분 안에 아래 인증 번호를 입력해 주세요.
mail-expires-minutes = 링크는 요청 후 { $number }분 안에 한 번만 사용할 수 있습니다.
mail-expires-hours = 링크는 요청 후 { $number }시간 안에 한 번만 사용할 수 있습니다.
mail-expires-days = 링크는 요청 후 { $number }일 안에 한 번만 사용할 수 있습니다.
mail-revoke-action = 모든 기기에서 로그아웃
mail-when = 일시: { $at }
mail-device = 기기: { $device }
mail-ip = IP 주소: { $ip }
mail-was-you = 본인이 하신 일이라면 아무것도 하지 않으셔도 됩니다.
mail-was-not-you = 본인이 아니라면 아래 링크에서 모든 기기를 로그아웃하고(링크는 7일 동안 한 번만 사용할 수 있습니다) 새 비밀번호를 정해 주세요.
mail-signature = { $brand } 드림. 이 이메일은 발신 전용입니다.

## 잊은 비밀번호와 이메일의 링크로 여는 화면

forgot-title = 비밀번호를 잊으셨나요?
forgot-text = 계정의 이메일 주소를 입력해 주세요. 새 비밀번호를 정하는 링크와 인증 번호를 보내 드립니다.
forgot-submit = 이메일 보내기
forgot-busy = 보내는 중…
forgot-to-login = 로그인으로 돌아가기
code-title = 이메일을 확인해 주세요
code-text = 이 주소의 계정이 있으면 곧 이메일이 도착합니다. 어느 기기에서든 링크를 여시거나, 10분 안에 이곳에 인증 번호를 입력해 주세요.
code-register-text = 입력하신 주소로 곧 이메일이 도착합니다. 10분 안에 이곳에 인증 번호를 입력하시거나 링크를 열어 주세요. 이 브라우저에서 링크를 열면 계정이 만들어지고, 다른 기기에서 열면 그곳에서 비밀번호를 정합니다.
code-code = 인증 번호
code-code-hint = 여덟 자리 숫자입니다. 예: 4821 0937
code-new-password = 새 비밀번호
confirm-reset-password-submit = 새 비밀번호 저장
code-busy = 저장하는 중…
code-nothing = 이메일이 오지 않았나요? 스팸함을 확인해 주세요. 이메일은 10분에 한 번만 보내 드립니다.
code-again = 다시 보내기
code-sent-again = 이메일을 다시 요청했습니다. 10분 안에 받으신 이메일이 있으면 그 이메일을 사용해 주세요.
code-other-address = 다른 주소 사용하기
confirm-reset-password-title = 새 비밀번호 정하기
confirm-title = 확인
confirm-submit = 확인
confirmed = 확인되었습니다.
confirm-register-title = 계정 만들기
confirm-register-button-text = 이 주소로 계정을 만들고 이 브라우저에서 로그인합니다.
confirm-register-new-password-text = 계정의 비밀번호를 정해 주세요. 가입할 때 입력한 비밀번호 대신 사용됩니다.
confirm-register-submit = 계정 만들기
confirmed-register = 계정을 만들었습니다. 정하신 비밀번호로 로그인해 주세요.
confirm-verify-email-title = 이메일 주소 확인
confirm-verify-email-password-text = 이 주소가 본인의 주소인지 확인할 수 있도록 계정의 비밀번호를 입력해 주세요.
confirm-verify-email-submit = 주소 확인하기
confirmed-verify-email = 이메일 주소를 확인했습니다.
confirm-invite-title = 계정 만들기
confirm-invite-new-password-text = 이 주소로 계정을 만들도록 초대받으셨습니다. 계정의 비밀번호를 정해 주세요.
confirm-invite-submit = 계정 만들기
confirmed-invite = 계정을 만들었습니다. 정하신 비밀번호로 로그인해 주세요.
confirm-reset-password-new-password-text = 저장하시면 모든 기기에서 로그아웃되어 다시 로그인해야 합니다.
confirmed-reset-password = 새 비밀번호를 저장했습니다. 모든 기기에서 다시 로그인해 주세요.
confirm-done-title = 완료되었습니다
confirm-to-login = 로그인
confirm-expired = 사용할 수 없는 링크입니다. 이미 사용했거나 만료되었거나 일부가 빠졌습니다. 가장 최근 이메일의 링크 전체를 열어 주세요.
confirm-ask-again = 새 이메일 요청하기
confirm-noscript = 브라우저에서 스크립트가 꺼져 있어 링크를 읽을 수 없습니다. 이메일을 요청하신 화면에 인증 번호를 입력해 주세요.

## 모든 기기에서 로그아웃하는 화면

end-sessions-title = 모든 기기에서 로그아웃
end-sessions-text = 회원님의 계정으로 로그인된 모든 기기와 브라우저에서 다시 로그인해야 합니다. 확인을 위해 계정의 비밀번호를 입력해 주세요. 비밀번호를 잊으셨다면 새로 정해 주세요. 그때도 모든 기기에서 로그아웃됩니다.
end-sessions-account = 로그인해서 기기별로 로그아웃하기
end-sessions-submit = 모든 기기에서 로그아웃
end-sessions-done = { $number ->
    [0] 로그인된 기기가 없었습니다.
   *[other] 기기 { $number }대를 로그아웃했습니다.
}
end-sessions-to-login = 로그인하고 새 비밀번호 정하기
end-sessions-expired = 만료되었거나 이미 사용한 링크입니다. 로그인된 기기는 계정 화면에서 로그아웃할 수 있습니다.

## API 문서

docs-title = HTTP API 문서
docs-token = 액세스 토큰(필요한 요청에만 사용)
docs-document = OpenAPI 3.1 문서
docs-noscript = 이 화면에는 자바스크립트가 필요합니다. 위 문서에 같은 내용이 있습니다.
docs-answer = 응답
docs-body = 본문(JSON)
docs-send = 보내기
docs-failed = 문서를 불러오지 못했습니다.
docs-not-sent = 요청을 보내지 못했습니다.
