//! Programs with the code that `connect` prints for an SMTP key.

use std::fs;
use std::os::unix::fs::symlink;

use super::machine::{Debian, Machine};
use super::only_as_root;
use crate::parallel::on_each;
use crate::sandbox::Run;

/// A certificate that all programs trust, and Postfix on both ports.
const CONFIGURE: &str = r#"
# nodemailer connects nowhere without a network beside loopback.
ip link add outside type veth peer name beyond && ip addr add 192.0.2.1/24 dev outside &&
ip link set outside up && ip link set beyond up &&
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost \
  -keyout /etc/postfix/key.pem -out /usr/local/share/ca-certificates/localhost.crt &&
update-ca-certificates &&
postconf -e smtpd_tls_cert_file=/usr/local/share/ca-certificates/localhost.crt \
  smtpd_tls_key_file=/etc/postfix/key.pem mydestination=localhost,example.com &&
postkey connect postfix >>/etc/postfix/master.cf &&
postkey connect postfix | sed 's/^submission /465 /; s/tls_security_level=encrypt/tls_wrappermode=yes/' \
  >>/etc/postfix/master.cf &&
service postfix start </dev/null
"#;

/// Libraries, where the code expects them.
const PHP_LIBRARY: &str = "<?php require '/usr/share/php/libphp-phpmailer/autoload.php';\n";

/// What WordPress does with the plug-in.
const WORDPRESS: &str = r#"<?php
require 'vendor/autoload.php';
function add_filter($name, $filter) { $GLOBALS['from'] = $filter(); }
function add_action($name, $action) { $GLOBALS['action'] = $action; }
require 'postkey.php';
$mail = new PHPMailer\PHPMailer\PHPMailer(true);
$action($mail);
$mail->setFrom($from);
$mail->addAddress('root@example.com');
$mail->Subject = 'Test';
$mail->Body = 'It works.';
$mail->send();
"#;

/// What Laravel does with the settings, as far as they are an array.
const LARAVEL: &str = r#"<?php
function env($name) { return getenv($name); }
$smtp = (require 'config.php')['mailers']['smtp'];
exit($smtp['password'] === getenv('SHOP_MAIL_SMTP_PASSWORD') && $smtp['username'] === 'shop_prod' ? 0 : 1);
"#;

/// What Django does with the settings.
const DJANGO: &str = "
import os, smtplib, ssl, settings
kind = smtplib.SMTP if getattr(settings, 'EMAIL_USE_TLS', False) else smtplib.SMTP_SSL
with kind(settings.EMAIL_HOST, settings.EMAIL_PORT) as server:
    if kind is smtplib.SMTP: server.starttls(context=ssl.create_default_context())
    server.login(settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD)
    server.sendmail(settings.DEFAULT_FROM_EMAIL, ['root@example.com'], 'Subject: Test\\n\\nIt works.')
";

/// What Rails does with the settings.
const RAILS: &str = r#"
require "net/smtp"
require "ostruct"
module Rails
  Mailer = OpenStruct.new
  def self.application = self
  def self.config = OpenStruct.new(action_mailer: Mailer)
  def self.configure(&block) = instance_exec(&block)
end
require "./production"
smtp = Rails::Mailer.smtp_settings
tls = smtp[:tls] ? { tls: true } : { starttls: smtp[:enable_starttls] ? :always : false }
login = { user: smtp[:user_name], secret: smtp[:password], authtype: smtp[:authentication] }
Net::SMTP.start(smtp[:address], smtp[:port], **tls, **login) do |server|
  server.send_message("Subject: Test\n\nIt works.\n", "shop@example.com", "root@example.com")
end
"#;

/// The programs, the file of each, and how it is run.
const PROGRAMS: [(&str, &str, &str); 12] = [
    ("curl", "mail.sh", "sh mail.sh"),
    ("node", "node.mjs", "node node.mjs"),
    ("nodemailer", "mail.mjs", "node mail.mjs"),
    ("python", "mail.py", "python3 mail.py"),
    ("php", "mail.php", "php mail.php"),
    ("ruby", "mail.rb", "ruby mail.rb"),
    (
        "go",
        "mail.go",
        "{ [ mail -nt mail.go ] || gccgo -o mail mail.go; } && ./mail",
    ),
    (
        "msmtp",
        "msmtprc",
        "chmod 600 msmtprc && printf 'Subject: Test\\n\\nIt works.\\n' | msmtp -C msmtprc root@example.com",
    ),
    ("rails", "production.rb", "ruby rails.rb"),
    ("django", "settings.py", "python3 django.py"),
    (
        "laravel",
        "config.php",
        "php -l config.php && php laravel.php",
    ),
    ("wordpress", "postkey.php", "php wordpress.php"),
];

#[test]
fn each_program_sends_mail_with_the_key_in_its_environment() {
    only_as_root!();
    let (machine, secret) = Machine::with_dovecot(Debian::Here);
    let run = machine.shell(CONFIGURE);
    assert_eq!(run.status, 0, "{run:?}");
    let home = machine.sandbox.home();
    fs::create_dir(home.join("vendor")).unwrap();
    fs::create_dir(home.join("node_modules")).unwrap();
    let modules = home.join("node_modules/nodemailer");
    symlink("/usr/share/nodejs/nodemailer", modules).unwrap();
    for (name, text) in [
        ("vendor/autoload.php", PHP_LIBRARY),
        ("wordpress.php", WORDPRESS),
        ("laravel.php", LARAVEL),
        ("django.py", DJANGO),
        ("rails.rb", RAILS),
    ] {
        fs::write(home.join(name), text).unwrap();
    }
    for port in [587, 465] {
        let settings = format!("[smtp]\nhost = \"localhost\"\nport = {port}\n");
        machine.sandbox.settings(&settings);
        on_each(PROGRAMS, |(name, file, run)| {
            let printed = machine.sandbox.run(["connect", name, "shop-mail"]);
            let text = printed.expect(0).stdout;
            let text = text.replace("from@example.com", "shop@example.com");
            let text = text.replace("to@example.com", "root@example.com");
            fs::write(home.join(file), text).unwrap();
            let accepted = sent(&machine, run, Some(&secret));
            assert_eq!(accepted.status, 0, "{name} {port}: {accepted:?}");
        });
    }
    // At once and last: Dovecot makes whoever fails wait longer and longer.
    on_each(PROGRAMS, |(name, _, run)| {
        let secrets = [Some(&secret[1..]), None].into_iter();
        for secret in secrets.filter(|_| name != "laravel") {
            let refused = sent(&machine, run, secret);
            assert_ne!(refused.status, 0, "{name}: {refused:?}");
        }
    });
    machine.expect_no_errors();
}

fn sent(machine: &Machine, run: &str, secret: Option<&str>) -> Run {
    let mut command = machine.command("sh");
    command.args(["-c", &format!("cd; {run}")]).env(
        "NODE_EXTRA_CA_CERTS",
        "/usr/local/share/ca-certificates/localhost.crt",
    );
    if let Some(secret) = secret {
        command.env("SHOP_MAIL_SMTP_PASSWORD", secret);
    }
    Run::of(command.output().unwrap())
}
