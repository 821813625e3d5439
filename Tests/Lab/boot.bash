# Boots the lab's kernel with one program in it: sourced by run.

# What host-qemu changes: a program in front of the emulator, the kernel and its arguments, the
# guest's memory, files for the guest's /modules, and how often it boots before it goes off.
launcher=()
image='' kernel_options='hugepages=128' memory=2G modules='' boots=1
# How long, in seconds, a guest may take to begin with init, before it counts as one that hangs.
begin_patience=400
# What serve-guest changes besides: processors, and options of the machine, such as its firmware.
processors=2 hardware_options=()

# boot PROGRAM ARGS...: runs it in the guest and exits with its exit code; 123 for a guest that hangs before
# init, which an emulator of several processors at once does now and then.
boot() {
  local begun=$SECONDS
  work="$(mktemp -d)"
  emulator='' answerer='' watcher=''
  copiers=()
  trap end_boot EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP

  pack "$@" >"$work/initrd"
  choose_qemu
  choose_machine
  local more
  read -ra more <<<"$qemu_args"
  mkfifo "$work/stdout" "$work/stderr" "$work/next.in" "$work/next.out"
  cat "$work/stdout" &
  copiers+=($!)
  cat "$work/stderr" >&2 &
  copiers+=($!)

  # The kernel checks at boot that a timer tick arrives in time; an emulator on a busy machine
  # fails that now and then, and has nothing to gain from it.
  # A kernel that dies ends the run, unless it is to boot again.
  local again=(-no-reboot)
  ((boots == 1)) || again=()
  local always=(console=ttyS0 loglevel=5 no_timer_check panic=-1 oops=panic)
  timeout --kill-after=5 "$timeout" ${launcher[@]+"${launcher[@]}"} "${qemu[@]}" \
    -nodefaults -no-user-config -display none -monitor none "${again[@]}" \
    -accel tcg,thread=multi -cpu max -smp "$processors" -m "$memory" \
    ${hardware[@]+"${hardware[@]}"} ${hardware_options[@]+"${hardware_options[@]}"} \
    -kernel "${image:-$kernel/bzImage}" -initrd "$work/initrd" \
    -append "${always[*]} $kernel_options $iommu_args $kernel_args" \
    -serial "file:$work/serial" \
    -device virtio-serial-pci,id=ports,max_ports=8 \
    "${ports[@]}" "${more[@]}" </dev/null >"$work/emulator" 2>&1 &
  emulator=$!
  answer_boots &
  answerer=$!
  watch_begin "$emulator" &
  watcher=$!
  local ended=0
  wait "$emulator" || ended=$?
  emulator=''
  kill "$answerer" "$watcher" 2>/dev/null || true
  answerer='' watcher=''
  # A guest that never opened its ports leaves the copiers waiting for a first writer.
  : 1<>"$work/stdout" 2<>"$work/stderr"
  wait "${copiers[@]}" || true
  copiers=()

  if [[ -n "$log" ]]; then
    # All messages if the guest lived to send them, else what reached the console.
    if [[ -s "$work/kernel" ]]; then cp "$work/kernel" "$log"; else cp "$work/serial" "$log"; fi
  fi
  if [[ -e "$work/hangs" ]]; then
    cat "$work/emulator" "$work/serial" >&2 2>/dev/null || true
    say "the guest did not come to init within $begin_patience s"
    exit 123
  fi
  if [[ -s "$work/code" ]]; then
    # A program that makes the kernel complain has found something, whatever it says itself.
    if grep -qE 'WARNING:|BUG:|Oops|call trace' "$work/serial"; then
      say "the kernel complained:"
      cat "$work/serial" >&2
    fi
    if [[ -n "$out" ]]; then
      mkdir -p "$out"
      tar -C "$out" -xf "$work/out"
    fi
    # One line a boot; the worst one counts.
    exit "$(sort -n "$work/code" | tail -n 1)"
  fi
  cat "$work/emulator" "$work/serial" >&2 2>/dev/null || true
  if [[ "$ended" == 124 || "$ended" == 137 ]]; then
    say "no end after $timeout s"
    exit 124
  fi
  [[ "$ended" == 0 ]] || say "the emulator ended with $ended"
  say "the kernel stopped on its own after $((SECONDS - begun)) s"
  exit 125
}

end_boot() {
  local process
  for process in $emulator $answerer $watcher ${copiers[@]+"${copiers[@]}"}; do
    kill "$process" 2>/dev/null || true
  done
  rm -rf --one-file-system "$work"
}

# A guest asks at its end how to go on: it boots again until it has booted often enough.
answer_boots() {
  local count
  exec {asked}<>"$work/next.out" {answer}<>"$work/next.in"
  for ((count = 1; ; count++)); do
    read -r -u "$asked" || return
    if ((count < boots)); then
      echo "$count" >>"$work/reboots"
      echo reboot >&"$answer"
    else
      echo poweroff >&"$answer"
    fi
  done
}

# watch_begin EMULATOR: ends an emulator whose guest does not come to init, at first or after a reboot.
watch_begin() {
  local since=$SECONDS begun rebooted
  while sleep 2; do
    begun="$(grep -c 'lab: init' "$work/serial" 2>/dev/null)" || begun=0
    rebooted="$(wc -l 2>/dev/null <"$work/reboots")" || rebooted=0
    if ((begun > rebooted)); then
      since=$SECONDS
    elif ((SECONDS - since > begin_patience)); then
      : >"$work/hangs"
      kill "$1"
      return
    fi
  done
}

# The initial file system: busybox, init, the program and its files.
pack() {
  local root="$work/root" file host guest word quoted
  mkdir -p "$root"/{bin,dev,proc,sys,tmp,out,lab}
  cp "$system/usr/bin/busybox" "$root/bin/busybox"
  cp "$lab/init" "$root/init"
  guest="/$(basename "$1")"
  [[ ! -e "$root$guest" ]] || fail "the guest has its own $guest: call the program something else"
  cp "$1" "$root$guest"
  chmod 755 "$root/init" "$root$guest"
  quoted="'$guest'"
  for word in "${@:2}"; do quoted+=" '${word//\'/\'\\\'\'}'"; done
  printf 'exec %s\n' "$quoted" >"$root/lab/command"
  [[ -z "$out" ]] || : >"$root/lab/wants-out"
  for file in ${files[@]+"${files[@]}"}; do
    host="${file%%:*}"
    guest="/$(basename "$host")"
    [[ "$file" != *:* ]] || guest="${file#*:}"
    [[ -f "$host" ]] || fail "no file $host"
    mkdir -p "$root/$(dirname "$guest")"
    cp "$host" "$root/$guest"
  done
  [[ -z "$modules" ]] || cp -r "$modules" "$root/modules"
  (cd "$root" && find . | "$system/usr/bin/busybox" cpio -o -H newc 2>/dev/null)
}

# Sets qemu to the command that stands before all options: the lab's QEMU, or $QEMU.
choose_qemu() {
  # The lab's runs with its own Debian's loader and libraries: no chroot, nothing mounted, and every
  # path means what it means here.
  qemu=("$system/usr/lib64/ld-linux-x86-64.so.2"
    --library-path "$system/usr/lib/x86_64-linux-gnu" "$system/usr/bin/qemu-system-x86_64"
    -L "$system/usr/share/seabios" -L "$system/usr/share/qemu")
  [[ -n "${QEMU:-}" ]] || return 0
  # Another one brings its own firmware.
  qemu=("$(command -v "$QEMU")") || fail "no program $QEMU"
}

# Sets hardware, ports and iommu_args.
choose_machine() {
  local name
  iommu_args='intel_iommu=off amd_iommu=off'
  hardware=(-machine q35)
  case "$machine" in
    vtd)
      hardware+=(-device "$(vtd_scalable first-stage)")
      iommu_args='intel_iommu=on,sm_on'
      ;;
    vtd-second-stage)
      hardware+=(-device "$(vtd_scalable)")
      iommu_args='intel_iommu=on,sm_on'
      ;;
    vtd-legacy)
      hardware+=(-device "$(vtd)")
      iommu_args='intel_iommu=on,sm_off'
      ;;
    amd)
      hardware+=(-device amd-iommu,device-iotlb=on,dma-remap=on,intremap=on)
      iommu_args='amd_iommu=pgtbl_v1'
      ;;
    none) ;;
    # What stands behind a stock VMM's own IOMMU; host-qemu puts a device there.
    host)
      hardware+=(-device "$(vtd_scalable first-stage)")
      iommu_args='intel_iommu=on,sm_on'
      ;;
    # Machine, unit and what the kernel needs for it come from `passage serve`.
    serve)
      hardware=()
      iommu_args=''
      ;;
    *) fail "no machine is named $machine" ;;
  esac
  [[ "$machine" == host || "$machine" == serve ]] || hardware+=(
    # Endpoints below root ports of their own: each has an IOMMU group to itself.
    -device pcie-root-port,id=port1,chassis=1,addr=4
    -device pcie-root-port,id=port2,chassis=2,addr=5
    -device pcie-root-port,id=port3,chassis=3,addr=6
    -device pcie-root-port,id=port4,chassis=4,addr=7
    -device nvme,serial=lab,bus=port1
    -device e1000e,bus=port2
    -device igb,bus=port3
    -device virtio-net-pci,bus=port4,disable-legacy=on,iommu_platform=on,ats=on
    # A device whose DMA a program starts with three register writes.
    -device edu,addr=8,dma_mask=0xffffffffffffffff
    # Two behind a conventional bridge share a group.
    -device pcie-pci-bridge,id=shared,addr=9
    -device edu,bus=shared,addr=1,dma_mask=0xffffffffffffffff
    -device e1000,bus=shared,addr=2
  )
  ports=()
  for name in stdout stderr code kernel out; do
    ports+=(-chardev "file,id=$name,path=$work/$name"
      -device "virtserialport,bus=ports.0,chardev=$name,name=$name")
  done
  ports+=(-chardev "pipe,id=next,path=$work/next"
    -device "virtserialport,bus=ports.0,chardev=next,name=next")
}

vtd() { printf 'intel-iommu,intremap=on,device-iotlb=on,caching-mode=on'; }

# The same in scalable mode with PASIDs, and with first-stage tables if wanted.
vtd_scalable() {
  local words first=fsts=on,svm=on
  words="$(vtd),scalable-mode=on,pasid-bits=20"
  if [[ "$("${qemu[@]}" -device intel-iommu,help 2>&1)" == *' x-scalable-mode='* ]]; then
    # QEMU 10.1's, which has PASIDs only without device TLBs.
    words=intel-iommu,intremap=on,caching-mode=on,x-scalable-mode=on,x-pasid-mode=on first=x-flts=on
  fi
  [[ "${1:-}" == first-stage ]] || first=''
  printf '%s' "$words${first:+,$first}"
}
