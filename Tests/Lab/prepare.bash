# Makes what a boot needs, once: sourced by run.
#
# The cache holds folders named after a hash of all that went into them. Each is built under
# another name and renamed when it is whole, so an interrupted run leaves nothing that a later
# one could take for a result.
#   system-HASH   a Debian with QEMU, a compiler, and the kernel's source unpacked
#   kernel-HASH   bzImage, its configuration, the kernel's own test programs
#   guest-HASH    what guests of stock VMMs run: Debian's cloud kernel, pciutils; and libuuid
#   vfio-HASH     the kernel's VFIO self-tests
#   arm-HASH      QEMU for arm64
#   firmware-HASH OVMF

# Count up when a step below changes in a way that the hashes do not see.
recipe=1
suite=trixie
kernel_package=linux-source-7.2
packages=(
  # What a boot needs.
  qemu-system-x86 qemu-system-data seabios busybox-static
  # What the kernel and its tests are built from, and with.
  "$kernel_package" gcc libc6-dev make bc flex bison libelf-dev libcap-dev xz-utils rsync
)
# Unpacked beside that Debian, not into it, so that they can change without building all again.
guest_packages=(linux-image-cloud-amd64 pciutils uuid-dev)
arm_packages=(qemu-system-arm)
firmware_packages=(ovmf)

# hash WORD...: a short name for these words.
hash() { printf '%s\n' "$@" | sha256sum | cut -c1-16; }

# Sets system, kernel and source to folders that exist.
prepare() {
  [[ "$(uname -sm)" == "Linux x86_64" ]] || skip "the lab's programs are for Linux on x86-64"
  mkdir -p "$cache" 2>/dev/null && [[ -w "$cache" ]] || skip "cannot write $cache"
  locked make_all
}

# locked COMMAND: one at a time; a second run waits here and then finds everything made.
locked() {
  exec {lock}>"$cache/lock"
  flock --nonblock "$lock" || {
    say "waiting for another run that prepares"
    flock "$lock"
  }
  rm -rf --one-file-system "$cache"/partial-*
  "$@"
  exec {lock}>&-
}

make_all() {
  system="$cache/system-$(hash "$recipe" "$suite" "${packages[@]}")"
  [[ -d "$system" ]] || make_system
  local version
  version="$(<"$system/kernel-version")"
  kernel="$cache/kernel-$(hash "$recipe" "$version" "$(<"$system/compiler-version")" \
    "$(grep ^CONFIG_ "$lab/kernel.config")" "$(<"$lab/build-kernel")")"
  source="$system/usr/src/$kernel_package"
  [[ -d "$kernel" ]] || make_kernel
}

# logged FILE COMMAND...: runs it with its messages in a file. If this run is ended, so is it, with
# all that it started.
logged() {
  setsid "${@:2}" >"$1" 2>&1 </dev/null &
  local child=$! ended=0
  # shellcheck disable=SC2064 # The child is known now.
  trap "kill -- -$child 2>/dev/null; exit 143" INT TERM HUP
  wait "$child" || ended=$?
  trap - INT TERM HUP
  return "$ended"
}

# Sets mirror and keyring, and sees to it that mmdebstrap is there.
find_debian() {
  [[ "$(id -u)" == 0 ]] || skip "not root: no Debian can be unpacked here"
  command -v apt-get >/dev/null || skip "no apt here"
  if ! command -v mmdebstrap >/dev/null; then
    say "installing mmdebstrap"
    logged "$cache/apt.log" sh -c \
      'apt-get update && apt-get install -y --no-install-recommends mmdebstrap' ||
      skip "mmdebstrap cannot be installed: see $cache/apt.log"
  fi
  # The machine's own mirror: whatever it takes Debian's packages from.
  mirror="$(apt-get indextargets --format '$(REPO_URI)' \
    'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sed -n 1p)"
  [[ -n "$mirror" ]] || skip "apt knows no Debian mirror; is 'apt-get update' needed?"
  keyring="$(debian_keyring)"
  [[ -n "$keyring" ]] || skip "no keyring that Debian's packages are signed by"
}

# unpack FOLDER VARIANT PACKAGE...: a Debian, or with the variant extract only the packages' files.
unpack() {
  local line="deb [signed-by=$keyring] $mirror" folder="$1" variant="$2"
  shift 2
  logged "$cache/system.log" mmdebstrap --mode=root --variant="$variant" --keyring="$keyring" \
    --aptopt="APT::Default-Release \"$suite-backports\"" \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --include="$(IFS=,; printf '%s' "$*")" \
    "$suite" "$folder" "$line $suite main" "$line $suite-backports main" ||
    skip "Debian cannot be unpacked: see $cache/system.log"
}

make_system() {
  local begun=$SECONDS partial="$cache/partial-system"
  find_debian
  say "unpacking Debian $suite with QEMU and the kernel's source"
  unpack "$partial" apt "${packages[@]}"
  tar -C "$partial/usr/src" -xf "$partial/usr/src/$kernel_package.tar.xz"
  rm -rf "$partial/usr/src/$kernel_package.tar.xz" "$partial"/var/lib/apt/lists/*
  chroot "$partial" dpkg-query -W -f '${Version}\n' "$kernel_package" \
    >"$partial/kernel-version"
  chroot "$partial" gcc --version | sed -n 1p >"$partial/compiler-version"
  mv "$partial" "$system"
  say "Debian is there after $((SECONDS - begun)) s"
}

# The file that signs Debian's packages on this machine.
debian_keyring() {
  local file
  for file in $(sed -n 's/^Signed-By:[[:space:]]*\(\/[^[:space:]]*\).*/\1/Ip' \
    /etc/apt/sources.list.d/*.sources 2>/dev/null | grep -i debian) \
    /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
    if [[ -f "$file" ]]; then
      printf '%s\n' "$file"
      return
    fi
  done
}

make_kernel() {
  local begun=$SECONDS
  say "building Linux $(<"$system/kernel-version"), about seven minutes on two cores"
  build "$kernel" kernel.log build-kernel kernel.config
  say "the kernel is there after $((SECONDS - begun)) s"
}

# build RESULT LOG SCRIPT FILE...: runs a script of the lab inside its Debian, beside copies of
# these files, and keeps what it leaves in result/.
build() {
  local result="$1" log="$cache/$2" script="$3" partial jobs
  partial="$system/partial-$script"
  [[ "$(id -u)" == 0 ]] || skip "not root: nothing can be built in the lab's Debian"
  jobs="$(nproc)"
  rm -rf "$partial"
  mkdir "$partial"
  (cd "$lab" && cp -r "$script" "${@:4}" "$partial/")
  # A mount namespace of its own, because objtool wants /proc and nothing is to stay mounted.
  # shellcheck disable=SC2016 # The inner shell's own arguments.
  logged "$log" unshare --mount sh -c \
    'mount -t proc proc "$1/proc" && exec chroot "$1" /bin/sh "$2" "$3" "$4"' \
    - "$system" "/partial-$script/$script" "/usr/src/$kernel_package" "$jobs" ||
    { say "$script fails: see $log"; exit 1; }
  rm -rf "$cache/partial-$script"
  mkdir "$cache/partial-$script"
  mv "$partial"/result/* "$cache/partial-$script/"
  rm -rf "$partial"
  mv "$cache/partial-$script" "$result"
}

# Sets guest to a folder that exists.
prepare_guest() {
  guest="$cache/guest-$(hash "$recipe" "$suite" "${guest_packages[@]}")"
  [[ -d "$guest" ]] || locked make_files "$guest" "${guest_packages[@]}"
}

# Sets arm to a folder that exists.
prepare_arm() {
  arm="$cache/arm-$(hash "$recipe" "$suite" "${arm_packages[@]}")"
  [[ -d "$arm" ]] || locked make_files "$arm" "${arm_packages[@]}"
}

# Sets firmware to a folder that exists, or no_firmware to why there is none, and fails.
prepare_firmware() {
  firmware="$cache/firmware-$(hash "$recipe" "$suite" "${firmware_packages[@]}")"
  [[ -d "$firmware" ]] && return
  # In a shell of its own, since what cannot be made ends that.
  no_firmware="$( (locked make_files "$firmware" "${firmware_packages[@]}") 2>&1 | tail -n 1)"
  [[ -d "$firmware" ]]
}

# make_files FOLDER PACKAGE...: the files of packages and of what they depend on.
make_files() {
  local begun=$SECONDS result="$1" partial="$cache/partial-files"
  shift
  [[ ! -d "$result" ]] || return 0
  find_debian
  say "unpacking the files of $*"
  unpack "$partial" extract "$@"
  rm -rf "$partial"/var/lib/apt/lists/*
  mv "$partial" "$result"
  say "they are there after $((SECONDS - begun)) s"
}

# Sets vfio_tests to a folder that exists.
prepare_vfio_tests() {
  prepare_guest
  vfio_tests="$cache/vfio-$(hash "$recipe" "$(<"$system/kernel-version")" \
    "$(<"$system/compiler-version")" "$(<"$lab/build-vfio-tests")")"
  [[ -d "$vfio_tests" ]] || locked make_vfio_tests
}

make_vfio_tests() {
  [[ ! -d "$vfio_tests" ]] || return 0
  say "building the kernel's VFIO self-tests"
  build "$vfio_tests" vfio.log build-vfio-tests \
    "$guest/usr/include/uuid" "$guest/usr/lib/x86_64-linux-gnu/libuuid.a"
}
