# Sends a mail with {key}. Printed by `postkey connect curl`.
# {source}
# curl reads the login from standard input, so that the secret is never an argument.
printf 'user = "{username}:%s"\n' "${variable}" |
  curl --config - --silent --show-error --ssl-reqd '{smtp_scheme}://{smtp_host}:{smtp_port}' \
    --mail-from from@example.com --mail-rcpt to@example.com \
    --header 'From: from@example.com' --header 'To: to@example.com' \
    --header 'Subject: Test' --form '=It works.;type=text/plain'
