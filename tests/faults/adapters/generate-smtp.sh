# shellcheck shell=bash disable=SC1091,SC2034
# postkey generate smtp new: judged as generate.sh judges an API key.
. "$(dirname "${BASH_SOURCE[0]}")/generate.sh"
KIND=smtp
