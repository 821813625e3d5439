// The device that every measured server has: a register page in region 0 that can copy memory.
#ifndef DEVICE_H
#define DEVICE_H

enum {
  REGISTER_BYTES = 64 << 10,
  // 32 bits that hold what was written.
  SCRATCH = 0x00,
  // 64 bits each.
  SOURCE = 0x08,
  TARGET = 0x10,
  BYTE_COUNT = 0x18,
  // Where the value that the doorbell was written with is stored in the end.
  RECORD = 0x20,
  // The lowest byte says what is to be done.
  DOORBELL = 0x28,
};

// What the doorbell can ask for.
enum {
  // Copy between memory that is mapped.
  COPY = 1,
  // Read the source and write the target and the record by messages to the client.
  COPY_BY_MESSAGES = 2,
  // Signal MSI-X vector 0; no record.
  INTERRUPT = 3,
};

#endif
