// Gives each of three PASIDs memory of its own at one address, and lets an accelerator (Intel DSA)
// copy in it. Build: cc -O2 -o copy-with-pasids copy-with-pasids.c
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

// <linux/iommufd.h> and <linux/vfio.h> of Linux 7.2; older systems' headers lack some of it.
#define REQUEST(n) _IO(';', n)
struct bind { uint32_t argsz, flags; int32_t iommufd; uint32_t id; };              // 118
struct attach { uint32_t argsz, flags, table, pasid; };                            // 119
struct region { uint32_t argsz, flags, index, caps; uint64_t size, offset; };      // 108
struct space { uint32_t size, flags, id; };                                        // 0x81
struct map { uint32_t size, flags, space, zero; uint64_t memory, length, iova; };  // 0x85
struct table { uint32_t size, flags, device, parent, id, zero, type, length;
               uint64_t data; uint32_t fault, zero2; };                            // 0x89

static int iommu, device;
static uint64_t registers, portals, config;

static void need(int holds, const char *what) {
  if (!holds) { perror(what); exit(1); }
}

static uint64_t where(uint32_t index) {
  struct region r = {.argsz = sizeof r, .index = index};
  need(!ioctl(device, REQUEST(108), &r), "VFIO_DEVICE_GET_REGION_INFO");
  return r.offset;
}

static void set(uint64_t at, uint32_t value) {
  need(pwrite(device, &value, 4, registers + at) == 4, "write of a register");
}

static void command(uint32_t number, uint32_t operand) {
  uint32_t status;
  set(0xa0, number << 20 | operand);
  do need(pread(device, &status, 4, registers + 0xa8) == 4, "command status"); while (status >> 31);
  if (status & 0xff) { fprintf(stderr, "command %u: status %#x\n", number, status & 0xff); exit(1); }
}

int main(void) {
  need((iommu = open("/dev/iommu", O_RDWR)) >= 0, "/dev/iommu");
  need((device = open("/dev/vfio/devices/vfio0", O_RDWR)) >= 0, "/dev/vfio/devices/vfio0");
  struct bind bind = {.argsz = sizeof bind, .iommufd = iommu};
  need(!ioctl(device, REQUEST(118), &bind), "VFIO_DEVICE_BIND_IOMMUFD");
  registers = where(0), portals = where(2), config = where(7);
  uint32_t identity;
  need(pread(device, &identity, 4, config) == 4, "read of config space");
  printf("%04x:%04x\n", identity & 0xffff, identity >> 16);
  need(identity == 0x0b258086, "not a DSA");

  // Without a table of its own a device does no DMA at all; PASID 0 stands for "no PASID" here.
  char *memory[4];
  for (uint32_t pasid = 0; pasid < 4; pasid++) {
    struct space s = {.size = sizeof s};
    need(!ioctl(iommu, REQUEST(0x81), &s), "IOMMU_IOAS_ALLOC");
    struct table t = {.size = sizeof t, .flags = 8 /* PASID */, .device = bind.id, .parent = s.id};
    need(!ioctl(iommu, REQUEST(0x89), &t), "IOMMU_HWPT_ALLOC");
    // Memory in a file is what devices of a software host reach fastest.
    int file = memfd_create("pages", 0);
    need(file >= 0 && !ftruncate(file, 0x3000), "memfd");
    memory[pasid] = mmap(0, 0x3000, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    need(memory[pasid] != MAP_FAILED, "mmap");
    struct map m = {sizeof m, 7 /* fixed, write, read */, s.id, 0,
                    (uintptr_t)memory[pasid], 0x3000, 0x10000};
    need(!ioctl(iommu, REQUEST(0x85), &m), "IOMMU_IOAS_MAP");
    struct attach a = {pasid ? 16 : 12, pasid ? 1 : 0, t.id, pasid};
    need(!ioctl(device, REQUEST(119), &a), "VFIO_DEVICE_ATTACH_IOMMUFD_PT");
  }

  // Memory and bus mastering on; one shared queue, in which each descriptor names its PASID.
  uint16_t on = 6;
  need(pwrite(device, &on, 2, config + 4) == 2, "write of config space");
  command(5, 0);                                    // reset the device
  set(0x400, 16), set(0x404, 16);                   // entries, threshold
  set(0x408, 1 << 28 | 1 << 4), set(0x40c, 31);     // PASID on, priority 1; up to 2^31 bytes
  set(0x300, 1), set(0x320, 1);                     // group 0: queue 0 and engine 0
  command(1, 0), command(6, 0);                     // enable device and queue

  // PASID 4 is nobody's: its copy must not happen.
  for (uint32_t pasid = 1; pasid <= 4; pasid++) {
    char *page = memory[pasid & 3];
    memset(page, 0, 0x3000);
    sprintf(page, "the bytes of PASID %u", pasid);
    volatile uint8_t *record = (uint8_t *)page + 0x2000;
    struct { uint32_t pasid, operation; uint64_t record, from, to; uint32_t count, rest[7]; }
        move = {pasid, 3 << 24 | 3 << 2, 0x12000, 0x10000, 0x11000, 4096, {0}};
    need(pwrite(device, &move, 64, portals) == 64, "write of a descriptor");
    uint64_t error = 0;
    while (!*record && !(error & 1))
      need(pread(device, &error, 8, registers + 0xc0) == 8, "software error");
    printf("PASID %u: ", pasid);
    if (error & 1) printf("error %#x, refused\n", (unsigned)(error >> 8 & 0xff));
    else printf("status %u, copied \"%s\"\n", *record, page + 0x1000);
  }
  return 0;
}
