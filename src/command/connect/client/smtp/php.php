<?php
// Sends a mail with {key}. Printed by `postkey connect php`, for PHP 8 or later.
// {source}
// It needs `composer require phpmailer/phpmailer`.
use PHPMailer\PHPMailer\PHPMailer;

require 'vendor/autoload.php';

$mail = new PHPMailer(true);
$mail->isSMTP();
$mail->Host = '{smtp_host}';
$mail->Port = {smtp_port};
$mail->SMTPSecure = '{php_tls}';
$mail->SMTPAuth = true;
$mail->Username = '{username}';
$mail->Password = getenv('{variable}') ?: throw new RuntimeException('{variable} is not set');
$mail->setFrom('from@example.com');
$mail->addAddress('to@example.com');
$mail->Subject = 'Test';
$mail->Body = 'It works.';
$mail->send();
