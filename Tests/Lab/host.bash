# Unmodified programs on a machine with no hardware, below `passage host`: sourced by run.

# Where the device is that all of these use.
host_device=0000:6a:01.0

# find_passage [COMMAND]: sets passage to the program: $PASSAGE, or one built from this clone.
find_passage() {
  local wanted="${1:-host}"
  passage="${PASSAGE:-}"
  if [[ -z "$passage" ]]; then
    local built=(-c release --product passage --package-path "$project"
      --scratch-path "$project/.build-lab" --static-swift-stdlib -Xswiftc -static-executable)
    swift build "${built[@]}" >&2
    passage="$(swift build "${built[@]}" --show-bin-path)/passage"
  fi
  [[ -x "$passage" ]] || fail "no program $passage"
  "$passage" help "$wanted" >/dev/null 2>&1 || fail "$passage has no $wanted command"
}

# verdict NAME PASS|FAIL TEXT: the line that a run ends with; a failure counts.
verdict() {
  printf 'lab: %s: %s %s\n' "$1" "$2" "$3"
  [[ "$2" != FAIL ]] || failed=1
}

# leftovers LOG: what the summary at a log's end says is left on the host, if anything.
leftovers() {
  grep -q '^Summary of' "$1" 2>/dev/null || { echo "the log ends without a summary"; return; }
  sed -n 's/^ *\(left on the host.*\)/\1/p' "$1"
}
