# Stock QEMU below `passage host`: its own IOMMU, its own vPASID, our device: sourced by run.

# Where QEMU puts the device in the guest.
guest_device=0000:00:05.0

# host_qemu [host|fd]: boots guests in front of a software DSA.
#   the lab's kernel drives the device with PASIDs, twice with a reboot between
#   the same with the PASID capability at another offset
#   Debian's cloud kernel shows it
host_qemu() {
  local ways=(host fd) way
  [[ $# -eq 0 ]] || ways=("$1")
  [[ "${ways[*]}" == host || "${ways[*]}" == fd || $# -eq 0 ]] || fail "host-qemu takes host or fd"
  prepare
  prepare_guest
  find_passage
  local engine
  engine="${CONFORMANCE:-$(conformance_program)}"
  for way in "${ways[@]}"; do
    if [[ -z "$guest_kernel" || "$guest_kernel" == lab ]]; then
      qemu_guest "$way" lab 0xff8 2 "$engine"
    fi
    if [[ -z "$guest_kernel" || "$guest_kernel" == cloud ]]; then
      qemu_guest "$way" cloud 0xff8 1 ''
    fi
  done
  # Where vfio-pci puts the capability is up to the device's end; this is what the user may say.
  [[ "$guest_kernel" == cloud ]] || qemu_guest "${ways[0]}" lab 0xe00 1 "$engine"
  exit "$failed"
}

# qemu_guest host|fd lab|cloud OFFSET BOOTS ENGINE: one guest, one verdict.
qemu_guest() {
  local arguments=("$@")
  local way="$1" which="$2" offset="$3" count="$4" engine="$5" begun=$SECONDS
  local name="host-qemu $way $which kernel, PASID at $offset" keep code=0 problems=()
  keep="$(mktemp -d)"
  (
    launcher=("$passage" host --log "$keep/requests" --device "dsa@$host_device" --)
    local device="vfio-pci,id=engine,iommufd=host,addr=${guest_device:8:2}"
    local iommufd='iommufd,id=host'
    case "$way" in
      host) device+=",host=$host_device" ;;
      fd)
        launcher+=(/bin/sh "$lab/open-descriptors")
        iommufd+=',fd=8'
        device+=',fd=9'
        ;;
    esac
    [[ "$offset" == 0xff8 ]] || device+=",x-vpasid-cap-offset=$offset"
    machine=host memory=512M boots="$count"
    kernel_options='vfio_pci.disable_denylist=1'
    # Memory in a file, which the device reaches without a system call, and in the other way not.
    [[ "$way" == fd ]] || qemu_args+=' -object memory-backend-memfd,id=ram,size=512M,share=on'
    [[ "$way" == fd ]] || qemu_args+=' -machine memory-backend=ram'
    qemu_args+=" -object $iommufd -device $device"
    guest_tools
    if [[ "$which" == cloud ]]; then
      cloud_kernel "$keep/modules"
    else
      files+=("$engine:/passage-conformance")
    fi
    [[ -n "$log" ]] || log="$keep/kernel"
    boot "$lab/host-guest" "$guest_device"
  ) >"$keep/output" 2>"$keep/errors" || code=$?
  if [[ "$code" == 123 && -z "${second_try:-}" ]]; then
    tail -n 20 "$keep/errors" >&2
    rm -rf "$keep"
    second_try=', the second try: the first guest never came to init' qemu_guest "${arguments[@]}"
    return
  fi

  [[ "$code" == 0 ]] || problems+=("exit code $code")
  local seen
  seen="$(grep -cx "PASID capability at $offset, enabled" "$keep/output" || true)"
  [[ "$seen" == "$count" ]] || problems+=("the capability was seen in $seen of $count boots")
  seen="$(grep -cx 'driver vfio-pci' "$keep/output" || true)"
  [[ "$seen" == "$count" ]] || problems+=("vfio-pci took the device in $seen of $count boots")
  if [[ -n "$engine" ]]; then
    seen="$(grep -cE '^engine: ([0-9]+) of \1 statements hold' "$keep/output" || true)"
    [[ "$seen" == "$count" ]] || problems+=("the engine did its work in $seen of $count boots")
  fi
  local left
  left="$(leftovers "$keep/requests")"
  [[ -z "$left" ]] || problems+=("$left")
  if [[ ${#problems[@]} -eq 0 ]]; then
    verdict "$name" PASS "$count boots after $((SECONDS - begun)) s${second_try:-}"
  else
    cat "$keep/output" "$keep/errors" >&2
    tail -n 40 "$keep/requests" >&2 2>/dev/null || true
    verdict "$name" FAIL "$(IFS=';'; echo "${problems[*]}"), after $((SECONDS - begun)) s${second_try:-}"
  fi
  rm -rf "$keep"
}

# lspci with its libraries and names, from Debian's packages.
guest_tools() {
  local library folder="$guest/usr/lib/x86_64-linux-gnu"
  files+=("$guest/usr/bin/lspci:/usr/bin/lspci" "$guest/usr/share/misc/pci.ids:/usr/share/misc/pci.ids"
    "$guest/usr/lib64/ld-linux-x86-64.so.2:/lib64/ld-linux-x86-64.so.2")
  while read -r library; do
    files+=("$library:/lib/x86_64-linux-gnu/${library##*/}")
  done < <("$guest/usr/lib64/ld-linux-x86-64.so.2" --library-path "$folder" \
    --list "$guest/usr/bin/lspci" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p')
}

# cloud_kernel FOLDER: boots Debian's kernel, and puts the modules that VFIO needs into a folder.
cloud_kernel() {
  local release number=0 name file
  release="$(cd "$guest/usr/lib/modules" && echo *)"
  image="$guest/usr/lib/modules/$release/vmlinuz"
  modules="$1"
  mkdir "$modules"
  for name in irqbypass vfio vfio_iommu_type1 vfio-pci-core vfio-pci; do
    file="$(find "$guest/usr/lib/modules/$release/kernel" -name "$name.ko.xz")"
    # One that is built in has no file.
    [[ -n "$file" ]] || continue
    number=$((number + 1))
    xz -dc "$file" >"$modules/$number-$name.ko"
  done
  echo disable_denylist=1 >"$modules/$number-$name.options"
}
