<?php
/**
 * Plugin Name: Mail with a postkey key
 *
 * For WordPress, in wp-content/mu-plugins/postkey.php: sends mail with {key}.
 * Printed by `postkey connect wordpress`, for PHP 8 or later.
 * {source}
 */
add_action('phpmailer_init', function ($mail) {
    $mail->isSMTP();
    $mail->Host = '{smtp_host}';
    $mail->Port = {smtp_port};
    $mail->SMTPSecure = '{php_tls}';
    $mail->SMTPAuth = true;
    $mail->Username = '{username}';
    $mail->Password = getenv('{variable}') ?: throw new RuntimeException('{variable} is not set');
});
add_filter('wp_mail_from', fn () => 'from@example.com');
