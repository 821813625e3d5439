# Guests of stock QEMU below `passage serve`: our device, our VT-d unit: sourced by run.

# Where the device stands in the guest.
served_device=0000:00:08.0

# serve_guest [stock|pasids|faults|vfio-tests|passed|own-iommu] [VARIANT...]: boots guests, a verdict each.
serve_guest() {
  local wanted=("$@") name variant
  [[ $# -gt 0 ]] || wanted=(stock pasids faults vfio-tests passed own-iommu)
  case "${wanted[0]}" in
    stock | pasids | faults | vfio-tests | passed | own-iommu) ;;
    *) fail "serve-guest takes stock, pasids, faults, vfio-tests, passed or own-iommu" ;;
  esac
  prepare
  prepare_guest
  prepare_vfio_tests
  find_passage serve
  # Words behind stock name some of its variants.
  if [[ "${wanted[0]}" == stock && $# -gt 1 ]]; then
    stock_variants=("${wanted[@]:1}")
    wanted=(stock)
  fi
  for name in "${wanted[@]}"; do
    case "$name" in
      stock) for variant in "${stock_variants[@]}"; do serve_stock "$variant"; done ;;
      pasids)
        serve_pasids
        serve_pasids_elsewhere
        ;;
      faults) serve_faults ;;
      vfio-tests) serve_vfio_tests ;;
      passed) serve_passed ;;
      own-iommu) serve_own_iommu ;;
      *) fail "serve-guest knows no $name" ;;
    esac
  done
  exit "$failed"
}

# Debian's own kernel, and one thing that differs in each of the others.
stock_variants=(plain two-processors root-port 5G ovmf several)

# serve_stock VARIANT: Debian's cloud kernel finds device and unit, and again after a reboot.
serve_stock() {
  local variant="$1" place="$served_device" device=dsa
  case "$variant" in
    plain | two-processors | 5G) ;;
    root-port) place=0000:01:00.0 device=dsa@01:00.0 ;;
    ovmf)
      if ! prepare_firmware; then
        verdict "serve-guest stock, $variant" SKIP "no OVMF: $no_firmware"
        return
      fi
      ;;
    several)
      serve_several
      return
      ;;
    *) fail "serve-guest stock knows no $variant" ;;
  esac
  served_guest "stock, $variant" "$device" 2 stock "$place"
}

# Several devices of several models behind one unit: on bus 0 and below a root port, with PASIDs and without.
serve_several() {
  served_guest 'stock, several' 'dsa nic dump dsa@01:00.0' 1 several \
    "$served_device" 0000:00:0a.0 0000:01:00.0 -- 0000:00:09.0
}

# The lab's kernel: PASIDs, page requests and tables of the program's own, with few and with many.
serve_pasids() {
  served_guest pasids dsa 1 pasids "$served_device" 1 16 1000
}

# The same behind a root port, with memory above 4 GiB, where Linux takes what it hands out.
serve_pasids_elsewhere() {
  served_guest 'pasids, root port and 5G' dsa@01:00.0 1 pasids 0000:01:00.0 16
}

# The lab's kernel, without ATS: the unit reports what does not translate.
serve_faults() {
  served_guest faults dsa 1 faults "$served_device"
}

# The kernel's VFIO self-tests, in the guest.
serve_vfio_tests() {
  served_guest vfio-tests dsa,xfer=16 1 vfio "$served_device" "${vfio_names[@]}"
}

# A VFIO device of the host: a software one, which `passage host` gives to `passage serve` by system calls.
serve_passed() {
  served_guest passed "vfio=$host_device" 1 passed "$served_device" 16
}

# The device alone, behind QEMU's own unit, which has no way for PASIDs from a served device.
serve_own_iommu() {
  served_guest own-iommu dsa,xfer=12 1 own "$served_device" "${own_names[@]}"
}

# What tries registers and interrupts, and what moves memory: here all of it by messages, as QEMU has
# no descriptors for what its unit maps.
own_names=(vfio_pci_device_test 'vfio_pci_driver_test -v vfio_type1v2_iommu -v iommufd')

# served_guest NAME DEVICES BOOTS PROGRAM...: one guest, one verdict. Of the devices, dump is one of the
# lab's own file.
served_guest() {
  local arguments=("$@")
  local name="serve-guest $1" devices count="$3" begun=$SECONDS keep code=0 problems=()
  local what="$4" variant="${1##*, }"
  read -ra devices <<<"$2"
  shift 3
  keep="$(mktemp -d)"
  (
    # What the server says to people is kept apart from what the guest says.
    # shellcheck disable=SC2016 # The inner shell's own arguments.
    launcher=(/bin/sh -c 'exec "$@" 2>>"$0"' "$keep/said"
      "$passage" serve --log "$keep/events" --socket-dir "$keep/sockets")
    for device in "${devices[@]}"; do
      if [[ "$device" == dump ]]; then
        # The sample that the program has in it, as if somebody had dumped it.
        "$passage" inspect --emit-config >"$keep/dump" || exit
        device="dump=$keep/dump"
      fi
      launcher+=(--device "$device")
    done
    [[ "$what" != passed ]] ||
      launcher=("$passage" host --device "dsa@$host_device" --log "$keep/requests" -- "${launcher[@]}")
    machine=serve memory=1G boots="$count" processors=1
    kernel_options='vfio_pci.disable_denylist=1'
    if [[ "$what" == own ]]; then
      machine=host
    else
      launcher+=(--iommu vtd)
    fi
    launcher+=(--)
    case "$what" in
      stock | several) cloud_kernel "$keep/modules" ;;
      *)
        processors=2
        # The unit remaps no interrupts: a message of the device could name any vector.
        kernel_options+=' iommufd.allow_unsafe_interrupts=1 vfio_iommu_type1.allow_unsafe_interrupts=1'
        ;;
    esac
    case "$what" in
      faults) kernel_options+=' pci=noats' ;;&
      pasids | faults | passed) files+=("${CONFORMANCE:-$(conformance_program)}:/passage-conformance") ;;
      vfio | own)
        memory=2G
        kernel_options+=' hugepages=128'
        local test
        for test in "${vfio_names[@]}"; do files+=("$vfio_tests/$test"); done
        files+=("$vfio_tests/vfio_pci_driver_test_stores:/vfio_pci_driver_test")
        ;;
    esac
    case "$variant" in
      two-processors) processors=2 ;;
      5G | *' 5G') memory=5G ;;
      ovmf)
        cp "$firmware/usr/share/OVMF/OVMF_VARS_4M.fd" "$keep/variables"
        hardware_options=(
          -drive "if=pflash,unit=0,format=raw,readonly=on,file=$firmware/usr/share/OVMF/OVMF_CODE_4M.fd"
          -drive "if=pflash,unit=1,format=raw,file=$keep/variables"
        )
        ;;
    esac
    guest_tools
    [[ -n "$log" ]] || log="$keep/kernel"
    boot "$lab/serve-guest" "$@"
  ) >"$keep/output" 2>"$keep/errors" || code=$?
  if [[ "$code" == 123 && -z "${second_try:-}" ]]; then
    tail -n 20 "$keep/errors" >&2
    rm -rf "$keep"
    second_try=', the second try: the first guest never came to init' served_guest "${arguments[@]}"
    return
  fi

  [[ "$code" == 0 ]] || problems+=("exit code $code")
  local seen
  seen="$(grep -cE '^serve-guest: ([0-9]+) of \1 statements hold' "$keep/output" || true)"
  [[ "$seen" == "$count" ]] || problems+=("all was well in $seen of $count boots")
  if [[ "$what" == own ]]; then
    grep -q 'no path.* PASID' "$keep/said" ||
      problems+=("nobody said that PASIDs have no path")
  fi
  if [[ ${#problems[@]} -eq 0 ]]; then
    seen="$(sed -n 's/^serve-guest: \([0-9]*\) of.*/\1/p' "$keep/output" | paste -sd+)"
    verdict "$name" PASS "$seen statements after $((SECONDS - begun)) s${second_try:-}"
  else
    cat "$keep/output" "$keep/errors" >&2
    tail -n 40 "$keep/said" "$keep/events" >&2 2>/dev/null || true
    verdict "$name" FAIL "$(IFS=';'; echo "${problems[*]}"), after $((SECONDS - begun)) s${second_try:-}"
  fi
  [[ -z "${KEEP:-}" ]] || { rm -rf "$KEEP/${name//[ ,]/-}"; cp -r "$keep" "$KEEP/${name//[ ,]/-}"; }
  rm -rf "$keep"
}
