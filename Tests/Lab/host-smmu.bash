# Stock QEMU's SMMUv3 in front of the host's: sourced by run.

# host_smmu: how far QEMU's arm-smmuv3 with accel=on goes on this machine.
#
# QEMU makes this IOMMU only with KVM and an interrupt controller in the kernel, so only on an
# arm64 machine; what it would ask of the host comes after that. Here it is asked to, so that the
# day it no longer wants KVM is not missed.
host_smmu() {
  local said code=0 name=host-smmu emulator
  prepare
  prepare_arm
  emulator=("$arm/usr/lib64/ld-linux-x86-64.so.2"
    --library-path "$arm/usr/lib/x86_64-linux-gnu" "$arm/usr/bin/qemu-system-aarch64")
  # Stopped before its first instruction, it lives until its monitor hears that it is to end; one that
  # makes no machine never listens.
  said="$(timeout "$timeout" "${emulator[@]}" -L "$arm/usr/share/qemu" -nodefaults -display none \
    -monitor stdio -S -accel tcg -machine virt,gic-version=3 -cpu max -m 128 \
    -device arm-smmuv3,primary-bus=pcie.0,id=smmu,accel=on,ssidsize=16 2>&1 <<<quit)" || code=$?
  case "$code $said" in
    *'requires KVM'*)
      verdict "$name" SKIP "stock QEMU makes no such IOMMU here: ${said##*: }"
      ;;
    '0 '*)
      verdict "$name" FAIL "QEMU no longer wants KVM for accel=on: guests could be tried"
      ;;
    *) verdict "$name" FAIL "QEMU ended with $code: $said" ;;
  esac
  exit "$failed"
}
