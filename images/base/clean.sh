#!/bin/sh
# Takes out of a root file system what no image may hold: privileged file modes, traces of where its packages
# came from and of the machine that made it, logs and caches. The argument is the root, `/` inside a build.
set -eu
root=${1%/}

find "$root/" -xdev -perm /6000 ! -type l -exec chmod ug-s {} +

rm -rf "$root"/etc/apt/sources.list.d/* "$root"/etc/apt/auth.conf.d/* "$root"/etc/apt/apt.conf.d/99mmdebstrap
: > "$root/etc/apt/sources.list"

rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/cache/ldconfig/*
rm -f "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old
find "$root/var/log" -type f -delete
rm -f "$root/etc/machine-id" "$root/var/lib/dbus/machine-id"

# Inside a build these two are mounts of the engine, and not part of the layer.
if [ -n "$root" ]; then
    rm -f "$root/etc/hostname" "$root/etc/resolv.conf"
fi
