// Messages of the vfio-user protocol, version 0.0, from its specification; VFIO's structures from the
// kernel's documented interface.
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <stdint.h>

enum {
  VERSION = 1,
  DMA_MAP = 2,
  DEVICE_GET_INFO = 4,
  DEVICE_GET_REGION_INFO = 5,
  DEVICE_GET_IRQ_INFO = 7,
  DEVICE_SET_IRQS = 8,
  REGION_READ = 9,
  REGION_WRITE = 10,
  DMA_READ = 11,
  DMA_WRITE = 12,
};

// Flags of a message.
enum { IS_REPLY = 1, NO_REPLY = 1 << 4, IS_ERROR = 1 << 5 };

struct header { uint16_t id, command; uint32_t size, flags, error; };
struct version { uint16_t major, minor; };
struct dma_map { uint32_t size, flags; uint64_t offset, address, length; };
struct device_info { uint32_t size, flags, regions, interrupts; };
struct region_info { uint32_t size, flags, index, capabilities; uint64_t byte_count, offset; };
struct irq_info { uint32_t size, flags, index, count; };
struct irq_set { uint32_t size, flags, index, start, count; };
struct region_access { uint64_t offset; uint32_t region, count; };
struct dma_access { uint64_t address, count; };

#endif
