<?php
// Calls the API with {key}. Printed by `postkey connect php`, for PHP 8 or later.
// {source}
$secret = getenv('{variable}') ?: throw new RuntimeException('{variable} is not set');
$options = ['header' => "{header}: {scheme}$secret", 'timeout' => 10, 'follow_location' => 0];
$answer = file_get_contents('{api_url}', false, stream_context_create(['http' => $options]));
if ($answer === false) {
    exit(1);
}
echo $answer, "\n";
