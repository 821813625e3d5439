// The requests that the probe makes, from the documented interfaces of iommufd, VFIO and seccomp: some
// systems' headers are older than they are.
#ifndef PROBE_UAPI_H
#define PROBE_UAPI_H

#include <stdint.h>

enum {
  IOAS_ALLOC = 0x3b81,
  IOAS_MAP = 0x3b85,
  IOAS_UNMAP = 0x3b86,
  OPTION = 0x3b87,
  HWPT_ALLOC = 0x3b89,
  DEVICE_GET_INFO = 0x3b6b,
  DEVICE_GET_REGION_INFO = 0x3b6c,
  DEVICE_BIND_IOMMUFD = 0x3b76,
  DEVICE_ATTACH = 0x3b77,
};

struct ioas_alloc { uint32_t size, flags, id; };
struct ioas_map { uint32_t size, flags, ioas, reserved; uint64_t address, length, iova; };
struct ioas_unmap { uint32_t size, ioas; uint64_t iova, length; };
struct option { uint32_t size, option; uint16_t operation, reserved; uint32_t object; uint64_t value; };
struct hwpt_alloc {
  uint32_t size, flags, device, parent, id, reserved, data_type, data_count;
  uint64_t data;
  uint32_t fault, reserved2;
};
struct device_info { uint32_t size, flags, regions, interrupts, capabilities, padding; };
struct region_info { uint32_t size, flags, index, capabilities; uint64_t byte_count, offset; };
struct device_bind { uint32_t size, flags; int32_t context; uint32_t device; };
struct device_attach { uint32_t size, flags, table, pasid; };

#endif
