#!/bin/sh
# Prints the folder of libtokenizers.a, the static library that the tokenizer
# links. Three ways, in this order; stderr says which was taken:
#
#   1. LIBTOKENIZERS_DIR, a folder with a library of your own;
#   2. built with cargo from the Rust crate inside the Go module, once, and kept
#      in the user's cache by version;
#   3. where there is no cargo: the project's release archive for this platform.
set -eu

version=1.27.0
module=github.com/daulet/tokenizers
here=$(cd "$(dirname "$0")" && pwd)
platform=$(go env GOOS)-$(go env GOARCH)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/layerclust/libtokenizers-$version-$platform

say() { echo "libtokenizers: $*" >&2; }

if [ -n "${LIBTOKENIZERS_DIR:-}" ]; then
	[ -f "$LIBTOKENIZERS_DIR/libtokenizers.a" ] || { say "LIBTOKENIZERS_DIR=$LIBTOKENIZERS_DIR holds no libtokenizers.a"; exit 1; }
	echo "$LIBTOKENIZERS_DIR"
	exit 0
fi
if [ -f "$cache/libtokenizers.a" ]; then
	echo "$cache"
	exit 0
fi
mkdir -p "$cache"
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT

if command -v cargo >/dev/null 2>&1; then
	say "building version $version with cargo (about a minute, once)"
	(cd "$here/.." && go mod download "$module@v$version") >&2
	cp -R "$(go env GOMODCACHE)/$module@v$version/crates/tokenizers/src" "$work/src"
	chmod -R u+w "$work"
	# The crate's manifest takes tiktoken-rs from git; the registry's release
	# does as well, and with the lock file beside this script the build is the
	# same everywhere.
	cat >"$work/Cargo.toml" <<-EOF
		[package]
		name = "tokenizers-ffi"
		version = "1.26.0"
		edition = "2021"

		[lib]
		crate-type = ["staticlib"]

		[dependencies]
		libc = "0.2"
		tokenizers = "0.22"
		tiktoken-rs = "0.9"
		serde = { version = "1.0", features = ["derive"] }
		serde_json = "1.0"
		base64 = "0.22"
		rustc-hash = "1.1"
	EOF
	cp "$here/libtokenizers.Cargo.lock" "$work/Cargo.lock"
	(cd "$work" && CARGO_TARGET_DIR="$work/target" cargo build --release --locked --quiet) >&2
	mv "$work/target/release/libtokenizers_ffi.a" "$cache/libtokenizers.a"
else
	url=https://$module/releases/download/v$version/libtokenizers.$platform.tar.gz
	say "no cargo here: fetching $url"
	curl --fail --silent --show-error --location --output "$work/lib.tar.gz" "$url" >&2
	tar -xzf "$work/lib.tar.gz" -C "$work" libtokenizers.a
	mv "$work/libtokenizers.a" "$cache/libtokenizers.a"
fi
echo "$cache"
