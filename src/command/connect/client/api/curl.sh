# Calls the API with {key}. Printed by `postkey connect curl`.
# {source}
# curl reads the header from standard input, so that the secret is never an argument.
printf '{header}: {scheme}%s\n' "${variable}" |
  curl --globoff --fail-with-body --silent --show-error --header @- '{api_url}'
