# shellcheck shell=bash disable=SC1091,SC2034
# postkey rotate --abort web: the new secret is taken back, or nothing changes; the old one always works.
FLAG=--abort KEPT=old GONE=new
. "$(dirname "${BASH_SOURCE[0]}")/rotation-end.sh"
