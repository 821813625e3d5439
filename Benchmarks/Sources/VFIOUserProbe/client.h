// A client of a vfio-user server, as plain as can be: one request at a time.
#ifndef CLIENT_H
#define CLIENT_H

#include "protocol.h"

#include <stddef.h>

enum {
  MEMORY_BYTES = 64 << 20,
  MEMORY_ADDRESS = 1 << 30,
};

struct client {
  int socket;
  uint16_t next_id;
  // The memory that a device may use, from MEMORY_ADDRESS on.
  int memory_file;
  uint8_t *memory;
};

// Makes a client's memory.
struct client make_client(void);

// Connects, agrees on a version, asks for all that a VMM asks for, and maps the memory.
void connect_client(struct client *client, const char *path);

void close_client(struct client *client);

// Reads bytes of a region, up to 64 of them.
void read_region(struct client *client, uint32_t region, uint64_t offset, void *bytes, uint32_t count);

// Writes bytes of a region, up to 64 of them; posted when the server is not to reply.
void write_region(
    struct client *client, uint32_t region, uint64_t offset, const void *bytes, uint32_t count,
    int is_posted);

static inline void set_register(struct client *client, uint64_t offset, uint64_t value) {
  write_region(client, 0, offset, &value, 8, 0);
}

// Answers one request of the device for memory.
//
// Returns the address that was written, or 0 after a read.
uint64_t serve_dma(struct client *client);

// Has the device signal a descriptor for MSI-X vector 0.
void set_interrupt(struct client *client, int event);

#endif
