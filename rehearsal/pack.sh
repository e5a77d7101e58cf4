#!/bin/sh
# pack.sh ROOM OUT: clang with the libraries that it needs as OUT/_devel.tar, in a folder that can be moved.
set -eu
llvm=/usr/lib/llvm-22
home=$1/_rocm_sdk_devel/lib/llvm
mkdir -p "$home/bin" "$home/lib/clang" "$2"

wrap() { # NAME PROGRAM [OPTION]
    cat > "$home/bin/$1" <<END
#!/bin/sh
here=\$(dirname "\$(readlink -f "\$0")")
export LD_LIBRARY_PATH="\$here/../lib"
exec "\$here/$2.real" ${3:-} "\$@"
END
    chmod 755 "$home/bin/$1"
}

for program in clang-22 lld clang-offload-bundler llvm-objcopy; do
    cp -L "$llvm/bin/$program" "$home/bin/$program.real"
    ldd "$llvm/bin/$program" | awk '$3 ~ /^\// && $1 !~ /^lib(c|m|dl|pthread|rt)\.so/ { print $3 }' \
        | xargs cp -L -t "$home/lib"
    wrap "$program" "$program"
done
wrap clang++ clang-22 --driver-mode=g++
wrap ld.lld lld "-flavor gnu"
cp -rL "$(clang-22 -print-resource-dir)" "$home/lib/clang/22"
tar -C "$1" --sort=name --mtime=@946684800 --owner=0 --group=0 -cf "$2/_devel.tar" _rocm_sdk_devel
