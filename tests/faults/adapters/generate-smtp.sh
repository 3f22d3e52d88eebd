# shellcheck shell=bash disable=SC1091,SC2034
# postkey generate smtp new, with all that can restrict an SMTP key: judged as generate.sh judges an
# API key, and there is no key without its restrictions.
. "$(dirname "${BASH_SOURCE[0]}")/generate.sh"
KIND=smtp RESTRICTIONS=(--sender 'example.com,robot@acme.org' --network '203.0.113.0/24' --limit 100/day)
RESTRICTED='"limit":"100/day".*"senders":"example.com,robot@acme.org","networks":"203.0.113.0/24"'
