//! Words of signing in, changing a password, and the bill.

super::words! {
    SIGN_IN: "Sign in", "サインイン";
    ACCOUNT: "Account {}", "アカウント {}";
    USER: "User", "ユーザー";
    IS_ROOT: "the account's root", "アカウントのルート";
    PASSWORD: "Password", "パスワード";
    CODE: "Code of the MFA device, where there is one", "MFAデバイスのコード(ある場合)";
    CHANGE_TITLE: "Change a password", "パスワードの変更";
    CHANGE: "Change", "変更する";
    PASSWORD_NOW: "Password until now", "現在のパスワード";
    PASSWORD_NEW: "New password", "新しいパスワード";
    PASSWORD_AGAIN: "New password again", "新しいパスワード(確認)";
    OWN: "Your sign-in", "サインイン情報";
    UNTIL: "until {}", "{} まで";
    CHANGE_OWN: "Change the password", "パスワードを変更する";
    BILL: "The bill", "請求";
    NO_BILL: "{} may not see the bill: {} is refused.", "{}は請求を表示できません: {}が許可されていません。";
    FOREIGN_FORM: "This form did not come from a page of this server, or is too old. Open the page again.", "このフォームはこのサーバーのページから送られていないか、古すぎます。ページを開き直してください。";
    NOT_SAME: "The two new passwords are not the same.", "新しいパスワードが一致しません。";
    CHANGED: "The password is changed: sign in with it.", "パスワードを変更しました。新しいパスワードでサインインしてください。";
    WRONG: "The user, the password or the code is not right.", "ユーザー、パスワード、またはコードが正しくありません。";
    WAIT: "Too many wrong passwords: try again in {} s.", "パスワードの誤りが多すぎます。{}秒後に試してください。";
    CODE_NEEDED: "The code of the MFA device is needed too.", "MFAデバイスのコードも必要です。";
    MUST_CHANGE: "This password was set by somebody else: change it, then sign in.", "このパスワードは他の人が設定したものです。変更してからサインインしてください。";
    EXPIRED: "This password is too old: change it, then sign in.", "このパスワードは期限切れです。変更してからサインインしてください。";
    EXPIRED_FOR_GOOD: "This password is too old: an administrator must set another one.", "このパスワードは期限切れです。管理者による再設定が必要です。";
    NOT_ALLOWED: "Policies refuse it, not the password rules: {} is not allowed {}. An administrator can attach IAMUserChangePassword.", "パスワードの規則ではなくポリシーが拒否しました: {} {}。管理者が IAMUserChangePassword を付与できます。";
    NEW_PASSWORD: "The password rules refuse it, not a policy: the new password must have {}.", "ポリシーではなくパスワードの規則が拒否しました。新しいパスワードの条件: {}。";
    RULE_AT_LEAST: "at least {} characters", "{}文字以上";
    RULE_AT_MOST: "at most {} characters", "{}文字以下";
    RULE_UPPER: "an uppercase letter", "英大文字";
    RULE_LOWER: "a lowercase letter", "英小文字";
    RULE_NUMBER: "a number", "数字";
    RULE_SYMBOL: "a symbol of ! @ # $ % ^ & * ( ) _ + - = [ ] { } | '", "記号 ! @ # $ % ^ & * ( ) _ + - = [ ] { } | ' のいずれか";
    RULE_THREE: "three of uppercase letters, lowercase letters, numbers and symbols", "英大文字・英小文字・数字・記号のうち3種類";
    RULE_OTHER: "something else than the user's name", "ユーザー名と異なること";
    NOT_NOW: "It cannot be done at the moment: try again.", "現在実行できません。もう一度試してください。";
}
