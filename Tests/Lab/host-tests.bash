# The kernel's own test programs below `passage host`, on this machine: sourced by run.

# The VFIO self-tests that need no second machine.
vfio_names=(
  vfio_dma_mapping_test vfio_dma_mapping_mmio_test vfio_iommufd_setup_test vfio_pci_device_test
  vfio_pci_device_init_perf_test vfio_pci_driver_test vfio_pci_sriov_uapi_test
)

# How many tests of one program may skip, and how many must pass.
most_skips=1000 least_passes=1

# host_vfio [NAME...]: the kernel's VFIO self-tests on a software DSA.
host_vfio() {
  prepare
  prepare_vfio_tests
  find_passage
  [[ $# -gt 0 ]] || set -- "${vfio_names[@]}"
  local name
  for name in "$@"; do
    [[ "$name" != */* && -x "$vfio_tests/$name" ]] || fail "no test $name"
    host_test "host-vfio $name" --device "dsa@$host_device,xfer=20" -- "$vfio_tests/$name" "$host_device"
  done
  exit "$failed"
}

# host_iommufd [iommufd|iommufd_fail_nth]: the kernel's iommufd self-test on software mock devices.
host_iommufd() {
  local name="${1:-iommufd}"
  prepare
  [[ "$name" != */* && "$name" == iommufd* && -x "$kernel/$name" ]] || fail "no test $name"
  find_passage
  lend_huge_pages
  # On Linux itself 241 pass and 5 skip; other counts would hide what does not work.
  [[ "$name" != iommufd ]] || { most_skips=5 least_passes=241; }
  host_test "host-iommufd $name" --mock-devices -- "$kernel/$name"
  exit "$failed"
}

# Buffers of up to 128 MiB want huge pages; what was lent here goes back at the end.
lend_huge_pages() {
  local pool=/proc/sys/vm/nr_hugepages before
  exec {huge}>"$cache/huge-pages"
  flock "$huge"
  before="$(<"$pool")"
  if [[ -w "$pool" ]] && ((before < 128)); then
    # shellcheck disable=SC2064 # The count is known now.
    trap "echo $before >$pool" EXIT
    # Memory in use is in pieces; the kernel finds more of it together once it has moved some.
    local tries
    for tries in 1 2 3 4 5 6 7 8 9 10; do
      echo 128 >"$pool"
      (($(<"$pool") < 128)) || break
      echo 1 >/proc/sys/vm/compact_memory 2>/dev/null || true
      sleep "$tries"
    done
  fi
  (($(<"$pool") >= 128)) || say "no huge pages: tests that want them fail"
}

# host_test NAME OPTIONS -- PROGRAM ARGS...: a verdict from what a kselftest program prints.
host_test() {
  local name="$1" begun=$SECONDS output code=0 counts passes
  shift
  output="$(mktemp)"
  timeout --kill-after=5 "$timeout" "$passage" host "$@" </dev/null >"$output" 2>&1 || code=$?
  [[ -z "$log" ]] || cat "$output" >>"$log"
  counts="$(kselftest_counts <"$output")"
  # 4 is kselftest's "skipped as a whole".
  if [[ "$code" == 4 || ("$code" == 0 && "$counts" == 'pass:0 fail:0 '*) ]]; then
    verdict "$name" SKIP "$(sed -n 's/.*# SKIP *//p' "$output" | sed -n 1p)"
  elif [[ "$code" == 0 && "$counts" == *' fail:0 '* ]] && ((${counts//*skip:/} <= most_skips)) &&
    passes="${counts#pass:}" && ((${passes%% *} >= least_passes)); then
    verdict "$name" PASS "$counts after $((SECONDS - begun)) s"
  else
    grep -E '^not ok|^# .*(Expected|Assert|failed|timed out)|^(FAIL|passage)' "$output" | sed -n 1,40p >&2 || true
    [[ -n "$counts" ]] || tail -n 20 "$output" >&2
    [[ "$code" != 124 && "$code" != 137 ]] || counts="no end after $timeout s; $counts"
    verdict "$name" FAIL "${counts:-no test ran}, exit code $code, after $((SECONDS - begun)) s"
  fi
  rm -f "$output"
}

# Counts of a TAP text on standard input; nothing if no test ran.
kselftest_counts() {
  awk '
    /^not ok / { fail++; next }
    /^ok .*# SKIP/ { skip++; next }
    /^ok / { pass++ }
    END {
      if (pass + fail + skip) printf "pass:%d fail:%d skip:%d\n", pass, fail, skip
    }'
}
