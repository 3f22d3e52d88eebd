# shellcheck shell=bash disable=SC1091,SC2034
# postkey rotate --finish web: the old secret retires, or nothing changes; the new one always works.
FLAG=--finish KEPT=new GONE=old
. "$(dirname "${BASH_SOURCE[0]}")/rotation-end.sh"
