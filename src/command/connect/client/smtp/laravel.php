<?php
// For Laravel 11 or later, in config/mail.php: sends mail with {key}.
// Printed by `postkey connect laravel`; the file's other settings stay as they are.
// {source}
return [
    'default' => 'smtp',
    'mailers' => [
        'smtp' => [
            'transport' => 'smtp',
            'scheme' => '{smtp_scheme}',
            'host' => '{smtp_host}',
            'port' => {smtp_port},
            'username' => '{username}',
            'password' => env('{variable}'),
            'require_tls' => true,
        ],
    ],
    'from' => ['address' => 'from@example.com', 'name' => 'Example'],
];
