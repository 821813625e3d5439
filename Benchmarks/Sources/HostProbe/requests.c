#define _GNU_SOURCE
#include "probe.h"
#include "uapi.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

// An opened host: a context, and its first device, bound and attached with PASID 1.
struct machine {
  int context, device;
  uint32_t ioas;
  uint64_t registers, portals, config;
};

static uint64_t region(int device, uint32_t index) {
  struct region_info info = {.size = sizeof info, .index = index};
  check(ioctl(device, DEVICE_GET_REGION_INFO, &info) == 0, "VFIO_DEVICE_GET_REGION_INFO");
  return info.offset;
}

static struct machine open_machine(void) {
  struct machine machine;
  machine.context = open("/dev/iommu", O_RDWR | O_CLOEXEC);
  check(machine.context >= 0, "/dev/iommu");
  machine.device = open("/dev/vfio/devices/vfio0", O_RDWR | O_CLOEXEC);
  check(machine.device >= 0, "/dev/vfio/devices/vfio0");
  struct device_bind bind = {.size = sizeof bind, .context = machine.context};
  check(ioctl(machine.device, DEVICE_BIND_IOMMUFD, &bind) == 0, "VFIO_DEVICE_BIND_IOMMUFD");
  struct ioas_alloc ioas = {.size = sizeof ioas};
  check(ioctl(machine.context, IOAS_ALLOC, &ioas) == 0, "IOMMU_IOAS_ALLOC");
  machine.ioas = ioas.id;
  // IOMMU_HWPT_ALLOC_PASID.
  struct hwpt_alloc table = {
      .size = sizeof table, .flags = 8, .device = bind.device, .parent = ioas.id};
  check(ioctl(machine.context, HWPT_ALLOC, &table) == 0, "IOMMU_HWPT_ALLOC");
  struct device_attach attach = {.size = sizeof attach, .table = table.id};
  check(ioctl(machine.device, DEVICE_ATTACH, &attach) == 0, "VFIO_DEVICE_ATTACH_IOMMUFD_PT");
  attach.flags = 1;
  attach.pasid = 1;
  attach.table = table.id;
  check(ioctl(machine.device, DEVICE_ATTACH, &attach) == 0, "attach of PASID 1");
  machine.registers = region(machine.device, 0);
  machine.portals = region(machine.device, 2);
  machine.config = region(machine.device, 7);
  return machine;
}

// A file's pages: what the host reaches without a system call.
static void *shared_memory(size_t byte_count) {
  int file = memfd_create("memory", MFD_CLOEXEC);
  check(file >= 0 && ftruncate(file, (off_t)byte_count) == 0, "memfd_create");
  void *memory = mmap(NULL, byte_count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  check(memory != MAP_FAILED, "mmap");
  memset(memory, 0, byte_count);
  close(file);
  return memory;
}

void measure_requests(long count) {
  struct machine machine = open_machine();
  void *memory = shared_memory(1 << 20);
  // IOMMU_OPTION_HUGE_PAGES, asked for.
  struct option option = {.size = sizeof option, .option = 1, .operation = 1, .object = machine.ioas};
  struct device_info info = {.size = sizeof info};
  struct ioas_map map = {
      .size = sizeof map, .flags = 7, .ioas = machine.ioas, .address = (uint64_t)memory,
      .length = 4096, .iova = 1 << 30};
  struct ioas_unmap unmap = {
      .size = sizeof unmap, .ioas = machine.ioas, .iova = 1 << 30, .length = 4096};
  MEASURE("option", count, {
    option.value = 0;
    check(ioctl(machine.context, OPTION, &option) == 0 && option.value == 1, "IOMMU_OPTION");
  });
  MEASURE("info", count, {
    info = (struct device_info){.size = sizeof info};
    check(
        ioctl(machine.device, DEVICE_GET_INFO, &info) == 0 && info.regions == 9,
        "VFIO_DEVICE_GET_INFO");
  });
  struct times mapping = make_times(count), unmapping = make_times(count);
  for (long call = -count / 10; call < count; call++) {
    double before = now();
    check(ioctl(machine.context, IOAS_MAP, &map) == 0, "IOMMU_IOAS_MAP");
    double between = now();
    unmap.length = 4096;
    check(ioctl(machine.context, IOAS_UNMAP, &unmap) == 0, "IOMMU_IOAS_UNMAP");
    double after = now();
    if (call < 0) continue;
    mapping.each[mapping.count++] = between - before;
    unmapping.each[unmapping.count++] = after - between;
  }
  tell("map", mapping);
  tell("unmap", unmapping);
  uint32_t word;
  MEASURE("config", count, {
    check(pread(machine.device, &word, 4, (off_t)machine.config) == 4, "config read");
  });
}

// MARK: Copies

static void set_register(struct machine *machine, uint64_t offset, uint32_t value) {
  check(pwrite(machine->device, &value, 4, (off_t)(machine->registers + offset)) == 4, "register");
}

static void command(struct machine *machine, uint32_t value) {
  set_register(machine, 0xa0, value);
  uint32_t status = 1u << 31;
  while (status >> 31) {
    check(
        pread(machine->device, &status, 4, (off_t)(machine->registers + 0xa8)) == 4, "register");
  }
  if ((status & 0xff) != 0) {
    fprintf(stderr, "command %#x: status %#x\n", value, status);
    exit(1);
  }
}

void measure_copies(long count) {
  struct machine machine = open_machine();
  uint64_t *memory = shared_memory(1 << 20);
  struct ioas_map map = {
      .size = sizeof map, .flags = 7, .ioas = machine.ioas, .address = (uint64_t)memory,
      .length = 1 << 20, .iova = 1 << 30};
  check(ioctl(machine.context, IOAS_MAP, &map) == 0, "IOMMU_IOAS_MAP");
  uint16_t decode_and_master = 6;
  check(
      pwrite(machine.device, &decode_and_master, 2, (off_t)(machine.config + 4)) == 2, "command");
  // One dedicated queue whose work has PASID 1, in group 0 with every engine.
  uint32_t queue[8] = {16, 8, 1u | 1u << 4 | 1u << 8 | 1u << 28, 31 | 10 << 5};
  for (int word = 0; word < 8; word++) set_register(&machine, 0x400 + 4 * word, queue[word]);
  set_register(&machine, 0x300, 1);
  set_register(&machine, 0x320, 0xf);
  command(&machine, 1 << 20);
  command(&machine, 6 << 20);
  // Source, target and record each in a page of their own.
  volatile uint64_t *record = memory + 512 * 8;
  uint64_t descriptor[8] = {
      (uint64_t)0xc << 32 | (uint64_t)3 << 56, map.iova + 8 * 4096, map.iova, map.iova + 4096, 4096};
  struct times times = make_times(count);
  for (long call = -count / 10; call < count; call++) {
    memory[0] = (uint64_t)call;
    *record = 0;
    double start = now();
    check(pwrite(machine.device, descriptor, 64, (off_t)machine.portals) == 64, "portal");
    while ((*record & 0xff) == 0) {
    }
    double end = now();
    if ((*record & 0xff) != 1 || memory[512] != (uint64_t)call) {
      fprintf(stderr, "a copy ended with %#lx\n", (unsigned long)*record);
      exit(1);
    }
    if (call >= 0) times.each[times.count++] = end - start;
  }
  tell("copy", times);
}
