#define _GNU_SOURCE
// The device of device.h served by libvfio-user. Benchmarks/run compiles this file where LIBVFIO_USER
// names an installed one; nothing else here knows the library.
#include "../VFIOUserProbe/device.h"

#include <errno.h>
#include <libvfio-user.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <syslog.h>

static vfu_ctx_t *context;
static uint8_t registers[REGISTER_BYTES];
static uint8_t buffer[1 << 20];

static void check(bool holds, const char *what) {
  if (holds) return;
  perror(what);
  exit(1);
}

static uint64_t wide(size_t offset) {
  uint64_t value;
  memcpy(&value, registers + offset, 8);
  return value;
}

// One stretch of the client's memory, as the library describes it.
static dma_sg_t *stretch(void *space, uint64_t address, size_t count, int protection) {
  int found = vfu_addr_to_sgl(context, (vfu_dma_addr_t)address, count, space, 1, protection);
  return found == 1 ? space : NULL;
}

static void copy(void) {
  char spaces[3][128];
  struct iovec source, target, record;
  size_t count = wide(BYTE_COUNT);
  uint64_t doorbell = wide(DOORBELL);
  dma_sg_t *from = stretch(spaces[0], wide(SOURCE), count, PROT_READ);
  dma_sg_t *to = stretch(spaces[1], wide(TARGET), count, PROT_WRITE);
  dma_sg_t *done = stretch(spaces[2], wide(RECORD), 8, PROT_WRITE);
  if (from == NULL || to == NULL || done == NULL) return;
  if (vfu_sgl_get(context, from, &source, 1, 0) != 0) return;
  if (vfu_sgl_get(context, to, &target, 1, 0) == 0) {
    memcpy(target.iov_base, source.iov_base, count);
    if (vfu_sgl_get(context, done, &record, 1, 0) == 0) {
      __atomic_store_n((uint64_t *)record.iov_base, doorbell, __ATOMIC_RELEASE);
      vfu_sgl_put(context, done, &record, 1);
    }
    vfu_sgl_put(context, to, &target, 1);
  }
  vfu_sgl_put(context, from, &source, 1);
}

static void copy_by_messages(void) {
  char space[128];
  size_t count = wide(BYTE_COUNT);
  uint64_t doorbell = wide(DOORBELL);
  if (count > sizeof buffer) return;
  dma_sg_t *from = stretch(space, wide(SOURCE), count, PROT_READ);
  if (from == NULL || vfu_sgl_read(context, from, 1, buffer, 0) != 0) return;
  dma_sg_t *to = stretch(space, wide(TARGET), count, PROT_WRITE);
  if (to == NULL || vfu_sgl_write(context, to, 1, buffer, 0) != 0) return;
  dma_sg_t *done = stretch(space, wide(RECORD), 8, PROT_WRITE);
  if (done != NULL) vfu_sgl_write(context, done, 1, &doorbell, 0);
}

static ssize_t access_registers(
    vfu_ctx_t *unused, char *bytes, size_t count, loff_t offset, bool is_write) {
  (void)unused;
  if (offset < 0 || (size_t)offset > sizeof registers || count > sizeof registers - (size_t)offset) {
    errno = EINVAL;
    return -1;
  }
  if (!is_write) {
    memcpy(bytes, registers + offset, count);
    return (ssize_t)count;
  }
  memcpy(registers + offset, bytes, count);
  if (offset != DOORBELL) return (ssize_t)count;
  switch (registers[DOORBELL]) {
    case COPY: copy(); break;
    case COPY_BY_MESSAGES: copy_by_messages(); break;
    case INTERRUPT: vfu_irq_trigger(context, 0); break;
  }
  return (ssize_t)count;
}

static void mapped(vfu_ctx_t *unused, vfu_dma_info_t *info) { (void)unused, (void)info; }
static void unmapped(vfu_ctx_t *unused, vfu_dma_info_t *info) { (void)unused, (void)info; }

static void log_line(vfu_ctx_t *unused, int level, const char *text) {
  (void)unused, (void)level;
  fprintf(stderr, "libvfio-user: %s\n", text);
}

int main(int count, char **arguments) {
  check(count == 2 && dma_sg_size() <= 128, "usage");
  context = vfu_create_ctx(VFU_TRANS_SOCK, arguments[1], 0, NULL, VFU_DEV_TYPE_PCI);
  check(context != NULL, "vfu_create_ctx");
  check(vfu_setup_log(context, log_line, LOG_ERR) == 0, "vfu_setup_log");
  check(vfu_pci_init(context, VFU_PCI_TYPE_EXPRESS, PCI_HEADER_TYPE_NORMAL, 0) == 0, "vfu_pci_init");
  vfu_pci_set_id(context, 0x1b36, 0x0005, 0, 0);
  check(
      vfu_setup_region(
          context, VFU_PCI_DEV_BAR0_REGION_IDX, REGISTER_BYTES, access_registers,
          VFU_REGION_FLAG_RW | VFU_REGION_FLAG_MEM, NULL, 0, -1, 0) == 0,
      "vfu_setup_region");
  check(
      vfu_setup_device_dma(context, LIBVFIO_USER_MAX_DMA_REGIONS, mapped, unmapped) == 0,
      "vfu_setup_device_dma");
  check(vfu_setup_device_nr_irqs(context, VFU_DEV_MSIX_IRQ, 1) == 0, "vfu_setup_device_nr_irqs");
  check(vfu_realize_ctx(context) == 0, "vfu_realize_ctx");
  for (;;) {
    if (vfu_attach_ctx(context) != 0) continue;
    // Answers messages until the client is gone.
    while (vfu_run_ctx(context) >= 0 || errno == EINTR) {
    }
  }
}
