#!/bin/sh
# Gathers below a folder what an installation changed since /tmp/begun, by hard links: no byte is there twice.
#   gather.sh [--take] FOLDER
# With --take it is gone from where it was, so that only what becomes of it in FOLDER is ever stored.
# Logs, caches and locks stay behind.
set -eu
take=
if [ "$1" = --take ]; then
    take=yes
    shift
fi
mkdir -p "$1"
find / -xdev ! -type d -cnewer /tmp/begun ! -path "/layers/*" ! -path "/var/log/*" ! -path "/var/cache/*" \
    ! -path "/var/lib/apt/*" ! -name "*-old" ! -iname lock ! -name lock-frontend -print0 > /tmp/changed
xargs -0 -a /tmp/changed cp --archive --link --parents --target-directory="$1"
if [ -n "$take" ]; then
    xargs -0 -a /tmp/changed rm -f
fi
